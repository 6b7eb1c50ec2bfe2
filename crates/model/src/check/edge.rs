//! Machines, and what stands at the edge: public addresses, balancers, gateways, sites.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
};

use vnetsim_types::{At, LbId, NicId, Problem, SimTime, SubnetId, VmId};

use super::Checker;
use crate::{
    Connection, ConnectionEnd, Frontend, Gateway, GatewayInstance, GatewayType, Guest, LbProtocol, LbRule,
    LbSku, LbTarget, LoadBalancer, LoadDistribution, Probe, ProbeProtocol, Role, Site, SiteKind, Snat, Vm,
    VpnType,
    draft::{self, Draft, Ref},
};

/// The documentation ranges (RFC 5737) supply public addresses that a file does not give.
const DOCUMENTATION_RANGES: [[u8; 3]; 2] = [[203, 0, 113], [198, 51, 100]];

impl Checker {
    pub(super) fn vms(&mut self, draft: &Draft) {
        for (ix, vm) in draft.virtual_machines.iter().enumerate() {
            let nics: Vec<NicId> =
                vm.network_interfaces.iter().filter_map(|r| self.attach(VmId::new(ix), r)).collect();
            if vm.network_interfaces.is_empty() {
                let what = format!("virtual machine `{}` has no network interface", vm.name.value);
                self.problem(
                    Problem::error("MISSING_PROPERTY", vm.name.span, what)
                        .help("give it `subnet: vnet/subnet`, or list networkInterfaces"),
                );
            }
            self.network.vms.push(Vm {
                name: vm.name.clone(),
                size: vm.vm_size.as_ref().map(|s| s.value.clone()),
                nics,
                running: vm.running.as_ref().is_none_or(|r| r.value),
                guest: guest(vm),
            });
        }
    }

    fn attach(&mut self, vm: VmId, name: &Ref) -> Option<NicId> {
        let nic = self.look_up("network interface", name, |x| &x.nics)?;
        if let Some(other) = self.network.nics[nic.ix()].vm.replace(vm) {
            let what = format!("network interface `{}` is attached to two machines", name.value);
            let other = self.network.vms.get(other.ix()).map_or(name.span, |vm| vm.name.span);
            self.problem(
                Problem::error("NIC_ATTACHED_TWICE", name.span, what).related(other, "the other machine"),
            );
        }
        Some(nic)
    }

    /// Gives every public IP address object an address (ADDR-18).
    pub(super) fn public_addresses(&mut self, draft: &Draft) {
        let given = draft.public_ip_addresses.iter().filter_map(|p| p.ip_address.as_ref().map(|a| a.value));
        let mut taken: BTreeSet<IpAddr> = BTreeSet::new();
        let mut twice: Vec<IpAddr> = given.filter(|a| !taken.insert(*a)).collect();
        let mut pool =
            DOCUMENTATION_RANGES.iter().flat_map(|[a, b, c]| (1..255).map(|d| Ipv4Addr::new(*a, *b, *c, d)));
        for public in &draft.public_ip_addresses {
            let address = match &public.ip_address {
                Some(address) => address.value,
                None => match pool.by_ref().map(IpAddr::from).find(|a| !taken.contains(a)) {
                    Some(address) => address,
                    None => {
                        let what = format!("no documentation address is left for `{}`", public.name.value);
                        self.problem(
                            Problem::error("MISSING_PROPERTY", public.name.span, what)
                                .help("give it an ipAddress"),
                        );
                        continue;
                    }
                },
            };
            if let Some(place) = twice.iter().position(|a| *a == address) {
                twice.remove(place);
                let what = format!("public address {address} is given twice");
                self.problem(Problem::error("DUPLICATE_ADDRESS", public.name.span, what));
            }
            self.names.public_addresses.push(address);
        }
    }

    pub(super) fn public_address_named(&mut self, name: &Ref) -> Option<IpAddr> {
        let ix = self.look_up("public IP address", name, |x| &x.public_ips)?;
        self.names.public_addresses.get(ix).copied()
    }

    /// The first public address of a NAT gateway (OUT-05).
    pub(super) fn nat_gateway_address(&mut self, name: &Ref) -> Option<IpAddr> {
        let ix = self.look_up("NAT gateway", name, |x| &x.nat_gateways)?;
        let first = self.names.nat_gateway_addresses.get(ix)?.clone();
        match first {
            Some(public) => self.public_address_named(&public),
            None => {
                let what = format!("NAT gateway `{}` has no public IP address", name.value);
                self.problem(
                    Problem::error("MISSING_PROPERTY", name.span, what).help("list publicIpAddresses"),
                );
                None
            }
        }
    }

    pub(super) fn load_balancers(&mut self, draft: &Draft) {
        for (ix, lb) in draft.load_balancers.iter().enumerate() {
            let frontends = lb.frontends.iter().filter_map(|f| self.frontend(lb, f)).collect();
            let rules = lb.rules.iter().filter_map(|r| self.lb_rule(lb, r)).collect();
            let pools = self.pools(draft, LbId::new(ix), lb);
            let probes = lb.probes.iter().map(probe).collect();
            let sku = lb.sku.as_ref().map_or(LbSku::Standard, |s| s.value);
            self.network.load_balancers.push(LoadBalancer {
                name: lb.name.clone(),
                sku,
                frontends,
                pools,
                rules,
                probes,
                outbound_rules: Vec::new(),
            });
        }
    }

    fn frontend(&mut self, lb: &draft::LoadBalancer, frontend: &draft::Frontend) -> Option<Frontend> {
        let given = frontend.private_ip_address.as_ref().map(|a| a.value);
        let (address, vnet) = match (&frontend.subnet, &frontend.public_ip_address) {
            (Some(subnet), None) => {
                let subnet = self.look_up("subnet", subnet, |x| &x.subnets)?;
                let vnet = self.network.subnets.get(subnet.ix())?.vnet;
                (given.unwrap_or(Ipv4Addr::UNSPECIFIED.into()), Some(vnet))
            }
            (None, Some(public)) => (self.public_address_named(public)?, None),
            _ => {
                let what = format!("frontend `{}` of `{}`", frontend.name.value, lb.name.value);
                self.problem(
                    Problem::error("MISSING_PROPERTY", frontend.span, format!("{what} has no single home"))
                        .help("give it either a subnet or a publicIPAddress (LB-01)"),
                );
                return None;
            }
        };
        Some(Frontend { name: frontend.name.clone(), address, vnet })
    }

    fn lb_rule(&mut self, lb: &draft::LoadBalancer, rule: &draft::LoadBalancingRule) -> Option<LbRule> {
        let frontend = self.member(lb, "frontend", &rule.frontend, lb.frontends.iter().map(|f| &f.name));
        let pool = self.member(lb, "backend pool", &rule.backend_pool, lb.backend_pools.iter());
        let probe = rule.probe.as_ref();
        let probe = probe.and_then(|p| self.member(lb, "probe", p, lb.probes.iter().map(|p| &p.name)));
        let port = |written: &At<u64>| u16::try_from(written.value).ok();
        let (front, back) = (port(&rule.frontend_port), port(&rule.backend_port));
        let ha_ports = rule.protocol.value == LbProtocol::All;
        if front.is_none() || back.is_none() || ha_ports != (front == Some(0)) {
            let what = format!(
                "rule `{}` of `{}` has protocol {} and port {}",
                rule.name.value,
                lb.name.value,
                rule.protocol.value.text(),
                rule.frontend_port.value
            );
            self.problem(
                Problem::error("BAD_VALUE", rule.frontend_port.span, what)
                    .help("protocol All goes with port 0 (HA ports, LB-09), Tcp and Udp with 1 to 65535"),
            );
        }
        Some(LbRule {
            name: rule.name.clone(),
            frontend: frontend?,
            target: LbTarget::Pool(pool?),
            probe,
            protocol: rule.protocol.value,
            frontend_port: front?,
            backend_port: back?,
            distribution: rule.load_distribution.as_ref().map_or(LoadDistribution::Default, |d| d.value),
            floating_ip: rule.enable_floating_ip.as_ref().is_some_and(|f| f.value),
            idle_timeout: SimTime::from_secs(
                60 * rule.idle_timeout_in_minutes.as_ref().map_or(4, |t| t.value),
            ),
            disable_outbound_snat: rule.disable_outbound_snat.as_ref().is_some_and(|d| d.value),
        })
    }

    /// Position of `name` among the parts of a balancer.
    fn member<'a>(
        &mut self,
        lb: &draft::LoadBalancer,
        kind: &str,
        name: &Ref,
        mut all: impl Iterator<Item = &'a At<String>> + Clone,
    ) -> Option<usize> {
        let found = all.clone().position(|other| other.value.eq_ignore_ascii_case(&name.value));
        if found.is_none() {
            let near =
                crate::did_you_mean(&name.value, all.by_ref().map(|n| n.value.as_str())).map(str::to_owned);
            let kind = format!("{kind} of `{}`", lb.name.value);
            self.problem(super::resolve::unknown(&kind, name, &near));
        }
        found
    }

    /// Pool members: the NICs whose ipConfigurations name the pool.
    fn pools(&self, draft: &Draft, id: LbId, lb: &draft::LoadBalancer) -> Vec<Vec<NicId>> {
        let mut pools = vec![Vec::new(); lb.backend_pools.len()];
        for (ix, nic) in draft.network_interfaces.iter().enumerate() {
            for name in nic.ip_configurations.iter().flat_map(|c| &c.backend_address_pools) {
                if let Ok((owner, place)) = self.names.pools.get(&name.value)
                    && owner == id
                {
                    pools[place].push(NicId::new(ix));
                }
            }
        }
        pools
    }

    pub(super) fn gateways(&mut self, draft: &Draft) {
        for site in &draft.local_network_gateways {
            let prefixes = site.address_prefixes.iter().map(|p| At::new(p.value.trunc(), p.span)).collect();
            let known = site.known_prefixes.as_ref();
            let known_prefixes = known.map(|list| list.iter().map(|p| p.value.trunc()).collect());
            self.network.sites.push(Site {
                name: site.name.clone(),
                kind: SiteKind::LocalNetworkGateway,
                prefixes,
                advertised: site.advertised_prefixes.clone(),
                known_prefixes,
                asn: None,
            });
        }
        for gateway in &draft.virtual_network_gateways {
            if let Some(gateway) = self.gateway(gateway) {
                self.network.gateways.push(gateway);
            }
        }
        for connection in &draft.connections {
            let gateway =
                self.look_up("virtual network gateway", &connection.virtual_network_gateway, |x| &x.gateways);
            let end = match &connection.end {
                draft::ConnectionEnd::LocalNetworkGateway(site) => {
                    self.look_up("local network gateway", site, |x| &x.sites).map(ConnectionEnd::Site)
                }
                draft::ConnectionEnd::VirtualNetworkGateway(other) => self
                    .look_up("virtual network gateway", other, |x| &x.gateways)
                    .map(ConnectionEnd::Gateway),
                draft::ConnectionEnd::Circuit(_) => None,
            };
            if let (Some(gateway), Some(end)) = (gateway, end) {
                self.network.connections.push(Connection {
                    name: connection.name.clone(),
                    gateway,
                    end,
                    bgp: connection.enable_bgp.as_ref().is_some_and(|b| b.value),
                    up: connection.up.as_ref().is_none_or(|u| u.value),
                    deleted: false,
                });
            }
        }
    }

    /// GW-01: it lives in `GatewaySubnet`, at most one of each kind per virtual network.
    fn gateway(&mut self, gateway: &draft::VirtualNetworkGateway) -> Option<Gateway> {
        let vnet = self.look_up("virtual network", &gateway.virtual_network, |x| &x.vnets)?;
        let first = gateway.ip_configurations.first().and_then(|c| c.public_ip_address.as_ref());
        let public_address = first.and_then(|r| self.public_address_named(r));
        let home = &self.network.vnets[vnet.ix()];
        let is_gateway_subnet =
            |id: &SubnetId| self.network.subnets[id.ix()].name.value.eq_ignore_ascii_case("GatewaySubnet");
        let Some(subnet) = home.subnets.iter().copied().find(is_gateway_subnet) else {
            let what = format!("virtual network `{}` has no GatewaySubnet", home.name.value);
            self.problem(
                Problem::error("NO_GATEWAY_SUBNET", gateway.virtual_network.span, what)
                    .help("a gateway lives in a subnet with exactly that name (GW-01)"),
            );
            return None;
        };
        let kind: GatewayType = gateway.gateway_type.value;
        let (_, first) = self.network.gateways_of(vnet).find(|(_, g)| g.kind == kind).unzip();
        if let Some(first) = first.map(|g: &Gateway| g.name.span) {
            let what =
                format!("`{}` is the second {} gateway of its network", gateway.name.value, kind.text());
            self.problem(
                Problem::error("TWO_GATEWAYS", gateway.name.span, what)
                    .related(first, "the first one")
                    .help("a virtual network has at most one gateway of each type (GW-01)"),
            );
        }
        let address = Ipv4Addr::UNSPECIFIED.into();
        let name = gateway.name.clone();
        Some(Gateway {
            name,
            kind,
            vnet,
            subnet,
            instances: vec![GatewayInstance { address, public_address }],
            vpn_type: VpnType::RouteBased,
            sku: None,
            asn: 65_515,
            deleted: false,
        })
    }
}

/// Defaults of the simulator extension: routers and firewalls forward, hosts do not.
fn guest(vm: &draft::VirtualMachine) -> Guest {
    let said = vm.guest.clone().unwrap_or_default();
    let role = said.role.map_or(Role::Host, |r| r.value);
    let span = if said.span.is_none() { vm.name.span } else { said.span };
    let listen = said.listen.map(|ports| ports.into_iter().map(|p| p.value).collect());
    Guest {
        role,
        ip_forwarding: said.ip_forwarding.unwrap_or(At::new(role != Role::Host, span)),
        snat: said.snat.map_or(Snat::Never, |s| s.value),
        listen,
        policy: None,
        mtu: 1_500,
    }
}

fn probe(probe: &draft::Probe) -> Probe {
    Probe {
        name: probe.name.clone(),
        protocol: probe.protocol.as_ref().map_or(ProbeProtocol::Tcp, |p| p.value),
        port: probe.port.as_ref().and_then(|p| u16::try_from(p.value).ok()),
    }
}
