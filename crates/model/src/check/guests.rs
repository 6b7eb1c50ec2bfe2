//! What runs inside virtual machines (simulator extension): defaults, bounds, and properties that mean nothing to a
//! guest of another role.

use std::{fmt::Display, ops::RangeInclusive};

use vnetsim_types::{At, IpNet, IpProtocol, Problem, SimTime, Span};

use super::Checker;
use crate::{DestinationNat, Guest, GuestState, PolicyRule, Role, Snat, TcpTracking, draft, limits};

/// FAB-18: the usual size of an Ethernet frame's content.
const MTU_DEFAULT: u16 = 1_500;

impl Checker {
    /// Defaults of the simulator extension: routers and firewalls forward, hosts do not.
    pub(super) fn guest(&mut self, vm: &draft::VirtualMachine) -> Guest {
        let said = vm.guest.clone().unwrap_or_default();
        let role = said.role.as_ref().map_or(Role::Host, |r| r.value);
        let span = if said.span.is_none() { vm.name.span } else { said.span };
        let ip_forwarding = said.ip_forwarding.clone().unwrap_or(At::new(role != Role::Host, span));
        self.firewalls_only(vm, &said, role);
        self.appliances_only(vm, &said, role != Role::Host || ip_forwarding.value);
        self.guest_bounds(vm, &said);
        self.unique_names("dnat rule", &vm.name.value, said.dnat.iter().map(|rule| &rule.name));
        let value = |time: &Option<At<SimTime>>, default| time.as_ref().map_or(default, |t| t.value);
        Guest {
            role,
            ip_forwarding,
            snat: said.snat.as_ref().map_or(Snat::Never, |s| s.value),
            listen: said.listen.as_ref().map(|ports| ports.iter().map(|p| p.value).collect()),
            policy: (!said.rules.is_empty())
                .then(|| said.rules.iter().map(|r| self.policy_rule(r)).collect()),
            mtu: self.mtu(vm, &said),
            tcp: said.tcp.as_ref().map_or(TcpTracking::Strict, |t| t.value),
            session_timeout: value(&said.session_timeout, Guest::SESSION_TIMEOUT_DEFAULT),
            dnat: self.dnat(vm, &said.dnat),
            processing_delay: value(&said.processing_delay, Guest::PROCESSING_DELAY_DEFAULT),
            packets_per_s: said.packets_per_second.as_ref().map(|p| p.value),
            bits_per_s: said.bits_per_second.as_ref().map(|b| b.value),
            queue: value(&said.queue, Guest::QUEUE_DEFAULT),
            state: said.state.as_ref().map_or(GuestState::Working, |s| s.value),
            tcp_window_bytes: said.tcp_window.as_ref().and_then(|w| u32::try_from(w.value).ok()),
        }
    }

    /// Only a firewall has a policy and sessions (FLOW-05).
    fn firewalls_only(&mut self, vm: &draft::VirtualMachine, said: &draft::Guest, role: Role) {
        if role == Role::Firewall {
            return;
        }
        let mut wrong = |place: Option<Span>, has: &str, what: &str| {
            let Some(span) = place else { return };
            let message = format!("the guest of `{}` is a {} and has {has}", vm.name.value, role.text());
            let help = format!("only `role: firewall` has {what}; give it that role or remove {has}");
            self.problem(Problem::error("CONFLICTING_PROPERTIES", span, message).help(help));
        };
        wrong(said.rules.first().map(|rule| rule.name.span), "policy rules", "a policy");
        wrong(said.tcp.as_ref().map(|tcp| tcp.span), "`tcp`", "sessions");
        wrong(said.session_timeout.as_ref().map(|time| time.span), "`sessionTimeout`", "sessions");
    }

    /// What only somebody who forwards can do.
    fn appliances_only(&mut self, vm: &draft::VirtualMachine, said: &draft::Guest, forwards: bool) {
        let capacity = said.packets_per_second.as_ref().or(said.bits_per_second.as_ref());
        if !forwards {
            let places = [
                ("dnat", said.dnat.first().map(|rule| rule.name.span)),
                ("processingDelay", said.processing_delay.as_ref().map(|time| time.span)),
                ("packetsPerSecond", said.packets_per_second.as_ref().map(|most| most.span)),
                ("bandwidth", said.bits_per_second.as_ref().map(|most| most.span)),
                ("queue", said.queue.as_ref().map(|time| time.span)),
            ];
            for (property, span) in places.into_iter().filter_map(|(name, span)| Some((name, span?))) {
                let what = format!("the guest of `{}` forwards nothing and has `{property}`", vm.name.value);
                let help = "give it `role: router` or `role: firewall`, or remove the property";
                self.problem(Problem::error("CONFLICTING_PROPERTIES", span, what).help(help));
            }
        } else if let (Some(queue), None) = (&said.queue, capacity) {
            let what = format!("nothing ever waits in the `queue` of `{}`", vm.name.value);
            let help = "say packetsPerSecond or bandwidth, or remove it";
            self.problem(Problem::error("CONFLICTING_PROPERTIES", queue.span, what).help(help));
        }
    }

    fn guest_bounds(&mut self, vm: &draft::VirtualMachine, said: &draft::Guest) {
        let zero = SimTime::ZERO;
        let (delays, queues) = (zero..=limits::GUEST_DELAY_MOST, zero..=limits::GUEST_QUEUE_MOST);
        self.within(vm, "sessionTimeout", &said.session_timeout, limits::GUEST_SESSION_TIMEOUTS);
        self.within(vm, "processingDelay", &said.processing_delay, delays);
        self.within(vm, "queue", &said.queue, queues);
        self.within(vm, "packetsPerSecond", &said.packets_per_second, limits::GUEST_PACKETS_PER_S);
        self.within(vm, "bandwidth, in bits a second,", &said.bits_per_second, limits::GUEST_BITS_PER_S);
        self.within(vm, "tcpWindow, in bytes,", &said.tcp_window, limits::GUEST_TCP_WINDOWS);
    }

    fn within<T: PartialOrd + Display>(
        &mut self,
        vm: &draft::VirtualMachine,
        property: &str,
        said: &Option<At<T>>,
        range: RangeInclusive<T>,
    ) {
        let Some(said) = said.as_ref().filter(|said| !range.contains(&said.value)) else { return };
        let what = format!("the {property} of `{}` is {}", vm.name.value, said.value);
        let help = format!("it goes from {} to {}", range.start(), range.end());
        self.problem(Problem::error("BAD_VALUE", said.span, what).help(help));
    }

    /// FAB-18.
    fn mtu(&mut self, vm: &draft::VirtualMachine, said: &draft::Guest) -> u16 {
        let Some(mtu) = &said.mtu else { return MTU_DEFAULT };
        let range = limits::GUEST_MTU_LEAST..=self.limits().guest_mtu_longest.value;
        if !range.contains(&mtu.value) {
            let what = format!("the guest of `{}` has an MTU of {}", vm.name.value, mtu.value);
            let help = format!("it goes from {} to {} bytes (FAB-18)", range.start(), range.end());
            self.problem(Problem::error("BAD_VALUE", mtu.span, what).help(help));
        }
        u16::try_from(mtu.value).unwrap_or(MTU_DEFAULT)
    }

    fn dnat(&mut self, vm: &draft::VirtualMachine, rules: &[draft::DestinationNat]) -> Vec<DestinationNat> {
        for (ix, rule) in rules.iter().enumerate() {
            self.dnat_rule(rule);
            let matched =
                |rule: &draft::DestinationNat| (rule.address.as_ref().map(|a| a.value), rule.port.value);
            let same = |other: &&draft::DestinationNat| {
                matched(other) == matched(rule) && other.to.value.is_ipv4() == rule.to.value.is_ipv4()
            };
            if let Some(first) = rules[..ix].iter().find(same) {
                let what = format!(
                    "dnat rules `{}` and `{}` of `{}` translate the same destination",
                    first.name.value, rule.name.value, vm.name.value
                );
                self.problem(
                    Problem::error("CONFLICTING_PROPERTIES", rule.name.span, what)
                        .related(first.name.span, "the first one decides")
                        .help("remove one, or give it another address or port"),
                );
            }
        }
        let rule = |rule: &draft::DestinationNat| DestinationNat {
            name: rule.name.clone(),
            address: rule.address.as_ref().map(|a| a.value),
            port: rule.port.value,
            to: rule.to.value,
            to_port: rule.to_port.as_ref().and_then(|port| u16::try_from(port.value).ok()),
        };
        rules.iter().map(rule).collect()
    }

    fn dnat_rule(&mut self, rule: &draft::DestinationNat) {
        let name = &rule.name.value;
        if let Some(from) = rule.address.as_ref().filter(|a| a.value.is_ipv4() != rule.to.value.is_ipv4()) {
            let what = format!("dnat rule `{name}` translates {} to {}", from.value, rule.to.value);
            let help = "both addresses must be of the same family";
            self.problem(Problem::error("BAD_VALUE", rule.to.span, what).help(help));
        }
        let Some(port) = &rule.to_port else { return };
        if !(1..=u64::from(u16::MAX)).contains(&port.value) {
            let what = format!("dnat rule `{name}` leads to port {}", port.value);
            self.problem(Problem::error("BAD_VALUE", port.span, what).help("ports go from 1 to 65535"));
        }
        let protocol = rule.port.value.protocol;
        if protocol != IpProtocol::TCP && protocol != IpProtocol::UDP {
            let what = format!("dnat rule `{name}` has a `toPort`, and its protocol has no ports");
            let help = "write port: tcp/443 or udp/53, or remove toPort";
            self.problem(Problem::error("CONFLICTING_PROPERTIES", port.span, what).help(help));
        }
    }

    fn policy_rule(&mut self, rule: &draft::PolicyRule) -> PolicyRule {
        let mut blocks =
            |list: &[At<IpNet>]| self.blocks(list).into_iter().map(|block| block.value).collect();
        PolicyRule {
            name: rule.name.clone(),
            access: rule.access.value,
            source: blocks(&rule.source),
            destination: blocks(&rule.destination),
            ports: rule.ports.iter().map(|port| port.value).collect(),
        }
    }
}
