//! The guest behind a NIC: socket or forwarder (stage 12 of Part 11, FAB-14, FLOW-05, RT-22).

use std::net::IpAddr;

use vnetsim_model::{Access, Guest, Network, PolicyRule, Role, Snat};
use vnetsim_types::{DropReason, FlowKey, IpProtocol, NicId, Place, ProtoPort, VmId};

use crate::{
    answer::OracleHop,
    balancer::floats_to,
    topology::{in_own_space, is_private, within},
    world::{Fate, Kind, Next, Packet, Session, Translation, World},
};

impl World<'_> {
    /// The guest behind `nic` gets `packet`.
    pub(crate) fn guest(&mut self, packet: &mut Packet, nic: NicId) -> Fate {
        let Some(vm) = self.network[nic].vm else {
            return Err((Place::Nic(nic), DropReason::NoSuchDestination));
        };
        // A reply to something that this appliance sent on under its own address?
        let translated = self.translations.iter().filter(|t| t.vm == vm && t.before != t.after);
        let mut replies = translated.filter(|t| t.after.reversed() == packet.key);
        if let Some(translation) = replies.next() {
            packet.key = translation.before.reversed();
            return self.forward(packet, nic, vm, true);
        }
        let dst = packet.key.dst;
        let own = self.network[vm].nics.iter().any(|&own| self.network[own].owns(dst));
        let own = own || floats_to(self.network, nic, dst);
        if own { self.socket(packet, nic, vm) } else { self.forward(packet, nic, vm, false) }
    }

    /// The packet is for the guest itself.
    fn socket(&self, packet: &Packet, nic: NicId, vm: VmId) -> Fate {
        let key = packet.key;
        let asks_port = match packet.kind {
            Kind::Syn => true,
            Kind::Request => key.protocol == IpProtocol::UDP,
            Kind::SynAck | Kind::Ack | Kind::Response => false,
        };
        let wanted = ProtoPort { protocol: key.protocol, port: key.dst_port };
        let listens = match &self.network[vm].guest.listen {
            Some(ports) => ports.contains(&wanted),
            None => true,
        };
        if asks_port && !listens {
            return Err((Place::Nic(nic), DropReason::GuestPortClosed));
        }
        Ok(Next::Delivered(Place::Nic(nic)))
    }

    /// The packet is for somebody else: FAB-14, then a router's work. `translated` when it is an answer that has
    /// just got its old destination back.
    fn forward(&mut self, packet: &mut Packet, nic_in: NicId, vm: VmId, translated: bool) -> Fate {
        let here = Place::Nic(nic_in);
        if !self.network[vm].guest.ip_forwarding.value {
            return Err((here, DropReason::GuestNotForwarding));
        }
        // FAB-15, RT-22.
        packet.ttl = packet.ttl.saturating_sub(1);
        if packet.ttl == 0 {
            let again = packet.entered.contains(&nic_in);
            return Err((here, if again { DropReason::RoutingLoop } else { DropReason::TtlExpired }));
        }
        packet.entered.push(nic_in);
        if self.network[vm].guest.role == Role::Firewall {
            self.inspect(packet, vm).map_err(|reason| (here, reason))?;
        }
        self.narrow_guest(packet, here)?;
        let nic_out = guest_route(self.network, vm, nic_in, packet.key.dst);
        if !translated {
            self.translate_source(packet, vm, nic_out);
        }
        packet.hops.push(OracleHop::Appliance { vm: self.network[vm].name.value.clone() });
        Ok(Next::Leave(nic_out))
    }

    /// FLOW-05: the session table of firewall `vm`, keyed on the five-tuple in either direction; its policy decides
    /// who may open a session.
    fn inspect(&mut self, packet: &Packet, vm: VmId) -> Result<(), DropReason> {
        let key = packet.key;
        let same = |s: &&mut Session| s.vm == vm && (s.key == key || s.key == key.reversed());
        let session = self.sessions.iter_mut().find(same);
        match (packet.kind, session) {
            (Kind::SynAck, Some(session)) => {
                session.answered = true;
                Ok(())
            }
            (Kind::Ack, Some(session)) if session.answered => Ok(()),
            (Kind::SynAck | Kind::Ack, _) => Err(DropReason::NvaNoSession),
            (Kind::Syn | Kind::Request | Kind::Response, Some(_)) => Ok(()),
            (Kind::Syn | Kind::Request | Kind::Response, None) => {
                if !policy_allows(&self.network[vm].guest, &key) {
                    return Err(DropReason::NvaPolicyDeny);
                }
                self.sessions.push(Session { vm, key, answered: false });
                Ok(())
            }
        }
    }

    /// Source translation. The first packet of a connection decides for all of them, so that the answer to a
    /// packet that was left alone is left alone, too.
    fn translate_source(&mut self, packet: &mut Packet, vm: VmId, nic_out: NicId) {
        let key = packet.key;
        for known in self.translations.iter().filter(|t| t.vm == vm) {
            if known.before == key {
                packet.key = known.after;
                return;
            }
            if known.before.reversed() == key && known.before == known.after {
                return;
            }
        }
        let wanted = match self.network[vm].guest.snat {
            Snat::Never => false,
            Snat::Internet => self.is_outside(key.dst),
            Snat::Always => true,
        };
        let own = self.network[nic_out].address_like(key.src).filter(|_| wanted);
        let after = FlowKey { src: own.unwrap_or(key.src), ..key };
        self.translations.push(Translation { vm, before: key, after });
        packet.key = after;
    }

    /// A destination on the internet, for [`Snat::Internet`].
    fn is_outside(&self, ip: IpAddr) -> bool {
        let known = (0..self.network.vnets().len())
            .any(|ix| in_own_space(self.network, vnetsim_types::VnetId::new(ix), ip));
        !is_private(ip) && !known
    }
}

/// The NIC by which the guest of `vm` sends to `dst`: the only one, else the one whose subnet holds `dst`,
/// else the primary one, which alone has a default gateway (ADDR-16).
pub(crate) fn guest_route(network: &Network, vm: VmId, nic_in: NicId, dst: IpAddr) -> NicId {
    let nics = &network[vm].nics;
    if nics.len() <= 1 {
        return nic_in;
    }
    let on_link = |nic: &&NicId| {
        let subnet = &network[network[**nic].subnet];
        subnet.prefixes.iter().any(|prefix| prefix.value.contains(&dst))
    };
    nics.iter().find(on_link).or(nics.first()).copied().unwrap_or(nic_in)
}

/// The first rule that matches decides; what no rule names is denied. Without rules everything is allowed.
fn policy_allows(guest: &Guest, key: &FlowKey) -> bool {
    let Some(rules) = &guest.policy else { return true };
    let matching = rules.iter().find(|rule| policy_matches(rule, key));
    matching.is_some_and(|rule| rule.access == Access::Allow)
}

/// Empty lists match everything, and so does port 0 of a protocol.
fn policy_matches(rule: &PolicyRule, key: &FlowKey) -> bool {
    let same_protocol =
        |wanted: IpProtocol| wanted == key.protocol || (wanted == IpProtocol::ICMP && key.protocol.is_icmp());
    let port = |wanted: &ProtoPort| {
        let any_port = wanted.port == 0 || !key.protocol.has_ports();
        same_protocol(wanted.protocol) && (any_port || wanted.port == key.dst_port)
    };
    (rule.source.is_empty() || within(key.src, &rule.source))
        && (rule.destination.is_empty() || within(key.dst, &rule.destination))
        && (rule.ports.is_empty() || rule.ports.iter().any(port))
}
