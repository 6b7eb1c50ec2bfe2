//! Drafts and timelines put together at random from names and numbers that do not fit: everything is refused or
//! accepted, nothing panics, and a refusal changes nothing.

use vnetsim_model::{
    Access, DeploymentModel, GatewayType, GuestState, LbProtocol, LinkCondition, Network, Operation,
    PeeringState, Role, RuleProtocol, Semantics, TcpTracking, check,
    draft::{
        ApplicationSecurityGroup, BgpConnection, Change, Connection, ConnectionEnd, DestinationNat, Draft,
        Frontend, GatewayIpConfiguration, Guest, InboundNatRule, LoadBalancer, LoadBalancingRule, NatGateway,
        NetworkInterface, NsgPlace, OutboundRule, Peering, PrivateEndpoint, Probe, Ref, RoleAssignment,
        Route, RouteServer, SecurityRule, Subnet, Subscription, TimelineEntry, VirtualMachine,
        VirtualNetwork, VirtualNetworkGateway,
    },
};
use vnetsim_types::{At, Direction, IpNet, IpProtocol, ProtoPort, SimTime, Span};

use crate::build::{
    address, block, connection, gateway, link, nic, nsg, of_2017, public, route, rule, site, subnet, table,
    text, vm, vnet,
};

const VNETS: [&str; 4] = ["v0", "v1", "v2", "V1"];
const SUBNETS: [&str; 5] = ["GatewaySubnet", "RouteServerSubnet", "s", "t", ""];
const NAMES: [&str; 4] = ["a", "b", "A", ""];
const BLOCKS: [&str; 12] = [
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.1.0.0/24",
    "10.1.0.0/27",
    "10.1.255.0/27",
    "10.2.0.0/16",
    "10.2.0.0/28",
    "0.0.0.0/0",
    "255.255.255.255/32",
    "10.1.0.0/31",
    "fd00::/48",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
];
const ADDRESSES: [&str; 7] = ["10.1.0.4", "10.1.0.5", "10.1.0.0", "0.0.0.0", "::", "10.2.0.4", "fd00::4"];

/// Splitmix: the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Up to `most` of what `make` makes.
    fn some<T>(&mut self, most: usize, make: impl Fn(&mut Self) -> T) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| make(self)).collect()
    }

    fn maybe<T>(&mut self, make: impl Fn(&mut Self) -> T) -> Option<T> {
        (self.below(3) == 0).then(|| make(self))
    }

    fn name(&mut self) -> Ref {
        text(self.one_of(&NAMES))
    }

    fn vnet_name(&mut self) -> Ref {
        text(self.one_of(&VNETS))
    }

    fn subnet_path(&mut self) -> Ref {
        text(&format!("{}/{}", self.one_of(&VNETS), self.one_of(&SUBNETS)))
    }

    fn block(&mut self) -> At<IpNet> {
        block(self.one_of(&BLOCKS))
    }

    fn flag(&mut self) -> Option<At<bool>> {
        self.maybe(|dice| (dice.below(2) == 0).into())
    }

    fn number(&mut self) -> At<u64> {
        self.one_of(&[0, 1, 4, 100, 443, 4_096, 65_515, 65_536, u64::MAX]).into()
    }

    fn vnet(&mut self) -> VirtualNetwork {
        let name = self.one_of(&VNETS);
        VirtualNetwork {
            address_prefixes: self.some(2, Self::block),
            location: self.maybe(|dice| text(dice.one_of(&["eastus", "westus2", "chinanorth", "atlantis"]))),
            subscription: self.maybe(Self::name),
            deployment_model: self.maybe(|_| DeploymentModel::Classic.into()),
            subnets: self.some(4, Self::subnet),
            peerings: self.some(2, Self::link),
            flow_timeout_in_minutes: self.maybe(Self::number),
            ..vnet(name, &[])
        }
    }

    fn subnet(&mut self) -> Subnet {
        let (name, prefix) = (self.one_of(&SUBNETS), self.one_of(&BLOCKS));
        Subnet {
            network_security_group: self.maybe(Self::name),
            route_table: self.maybe(Self::name),
            nat_gateway: self.maybe(Self::name),
            service_endpoints: self.some(1, |_| text("Microsoft.Sql.KoreaCentral")),
            default_outbound_access: self.flag(),
            ..subnet(name, prefix)
        }
    }

    fn link(&mut self) -> Peering {
        let (name, to) = (self.one_of(&NAMES), self.one_of(&VNETS));
        Peering {
            allow_gateway_transit: self.flag(),
            use_remote_gateways: self.flag(),
            peering_state: self.maybe(|_| PeeringState::Disconnected.into()),
            peer_complete_vnets: self.flag(),
            local_subnet_names: self.some(1, |dice| text(dice.one_of(&SUBNETS))),
            remote_subnet_names: self.some(1, |dice| text(dice.one_of(&SUBNETS))),
            enable_only_ipv6_peering: self.flag(),
            do_not_verify_remote_gateways: self.flag(),
            ..link(name, to)
        }
    }

    fn nic(&mut self) -> NetworkInterface {
        let mut nic = nic(self.one_of(&NAMES), &self.subnet_path().value);
        let mut second = nic.ip_configurations[0].clone();
        second.name = self.name();
        second.ipv6 = self.below(2) == 0;
        nic.ip_configurations.extend(self.maybe(|_| second.clone()));
        for config in &mut nic.ip_configurations {
            config.private_ip_address = self.maybe(|dice| address(dice.one_of(&ADDRESSES)));
            config.public_ip_address = self.maybe(Self::name);
            config.application_security_groups = self.some(1, Self::name);
            config.backend_address_pools = self.some(1, |_| text("a/a"));
            config.inbound_nat_rules = self.some(1, |_| text("a/a"));
        }
        nic
    }

    fn rule(&mut self) -> SecurityRule {
        let mut rule = rule(self.one_of(&NAMES), self.number().value);
        rule.direction = self.one_of(&[Direction::Inbound, Direction::Outbound]).into();
        rule.protocol = self.one_of(&[RuleProtocol::Any, RuleProtocol::Icmp]).into();
        rule.access = Access::Allow.into();
        rule.source.application_security_groups = self.some(1, Self::name);
        rule.destination.prefixes =
            self.some(2, |dice| text(dice.one_of(&["10.0.0.1/8", "Internet", "x", ""])));
        rule.destination.port_ranges = self.some(1, |dice| text(dice.one_of(&["*", "1-0", "443", "-"])));
        rule
    }

    fn route(&mut self) -> Route {
        Route {
            next_hop_type: text(self.one_of(&["VirtualAppliance", "None", "VnetLocal", "?"])),
            next_hop_ip_address: self.maybe(|dice| address(dice.one_of(&ADDRESSES))),
            ..route(self.one_of(&NAMES), self.one_of(&BLOCKS))
        }
    }

    fn balancer(&mut self) -> LoadBalancer {
        let rule = |dice: &mut Self| LoadBalancingRule {
            span: Span::default(),
            name: dice.name(),
            frontend: dice.name(),
            backend_pool: dice.name(),
            probe: dice.maybe(Self::name),
            protocol: dice.one_of(&[LbProtocol::Tcp, LbProtocol::All]).into(),
            frontend_port: dice.number(),
            backend_port: dice.number(),
            load_distribution: None,
            enable_floating_ip: dice.flag(),
            idle_timeout_in_minutes: dice.maybe(Self::number),
            disable_outbound_snat: None,
        };
        let nat = |dice: &mut Self| InboundNatRule {
            span: Span::default(),
            name: dice.name(),
            frontend: dice.name(),
            protocol: LbProtocol::Tcp.into(),
            frontend_port: dice.number(),
            backend_port: dice.number(),
            backend: dice.maybe(Self::name),
        };
        let outbound = |dice: &mut Self| OutboundRule {
            span: Span::default(),
            name: dice.name(),
            frontends: dice.some(2, Self::name),
            backend_pool: dice.name(),
            allocated_outbound_ports: dice.maybe(Self::number),
        };
        let frontend = |dice: &mut Self| Frontend {
            name: dice.name(),
            subnet: dice.maybe(Self::subnet_path),
            private_ip_address: dice.maybe(|dice| address(dice.one_of(&ADDRESSES))),
            public_ip_address: dice.maybe(Self::name),
            ..Frontend::default()
        };
        LoadBalancer {
            name: self.name(),
            frontends: self.some(2, frontend),
            backend_pools: self.some(2, Self::name),
            probes: self.some(1, |dice| Probe {
                name: dice.name(),
                protocol: None,
                port: dice.maybe(Self::number),
                interval_s: dice.maybe(Self::number),
                threshold: dice.maybe(Self::number),
            }),
            rules: self.some(2, rule),
            inbound_nat_rules: self.some(1, nat),
            outbound_rules: self.some(1, outbound),
            ..LoadBalancer::default()
        }
    }

    fn gateway(&mut self) -> VirtualNetworkGateway {
        let kind = self.one_of(&[GatewayType::Vpn, GatewayType::ExpressRoute]);
        let config = |dice: &mut Self| GatewayIpConfiguration {
            private_ip_address: dice.maybe(|dice| address(dice.one_of(&ADDRESSES))),
            public_ip_address: dice.maybe(Self::name),
        };
        VirtualNetworkGateway {
            ip_configurations: self.some(4, config),
            active_active: self.flag(),
            asn: self.maybe(Self::number),
            client_address_pool: self.some(1, Self::block),
            ..gateway(self.one_of(&NAMES), self.one_of(&VNETS), kind)
        }
    }

    fn connection(&mut self) -> Connection {
        let end = match self.below(3) {
            0 => ConnectionEnd::Circuit(self.name()),
            1 => ConnectionEnd::VirtualNetworkGateway(self.name()),
            _ => ConnectionEnd::LocalNetworkGateway(self.name()),
        };
        Connection { enable_bgp: self.flag(), ..connection(self.one_of(&NAMES), self.one_of(&NAMES), end) }
    }

    fn guest(&mut self) -> Guest {
        let time = |dice: &mut Self| SimTime(u64::from(dice.below(3) == 0) << dice.below(64)).into();
        let nat = |dice: &mut Self| DestinationNat {
            name: dice.name(),
            address: dice.maybe(|dice| address(dice.one_of(&ADDRESSES))),
            port: ProtoPort { protocol: IpProtocol(dice.one_of(&[1, 6, 17])), port: 80 }.into(),
            to: address(dice.one_of(&ADDRESSES)),
            to_port: dice.maybe(Self::number),
        };
        Guest {
            role: self.maybe(|dice| dice.one_of(&[Role::Host, Role::Router, Role::Firewall]).into()),
            tcp: self.maybe(|_| TcpTracking::Loose.into()),
            session_timeout: self.maybe(time),
            dnat: self.some(2, nat),
            processing_delay: self.maybe(time),
            packets_per_second: self.maybe(Self::number),
            bits_per_second: self.maybe(Self::number),
            queue: self.maybe(time),
            tcp_window: self.maybe(Self::number),
            ..Guest::default()
        }
    }

    /// The objects that few others refer to.
    fn edge(&mut self, draft: &mut Draft) {
        draft.load_balancers = self.some(2, Self::balancer);
        draft.virtual_network_gateways = self.some(2, Self::gateway);
        draft.connections = self.some(2, Self::connection);
        draft.local_network_gateways = self.some(2, |dice| {
            let mut site = site(dice.one_of(&NAMES), &["192.168.0.0/16"]);
            (site.asn, site.bgp_peering_address) = (dice.maybe(Self::number), Some(address("192.168.0.1")));
            site
        });
        draft.route_servers = self.some(1, |dice| RouteServer {
            name: dice.name(),
            virtual_network: dice.vnet_name(),
            bgp_connections: dice.some(2, |dice| BgpConnection {
                name: dice.name(),
                peer_ip: dice.maybe(|dice| address(dice.one_of(&ADDRESSES))),
                ..BgpConnection::default()
            }),
            ..RouteServer::default()
        });
        draft.private_endpoints = self.some(2, |dice| PrivateEndpoint {
            name: dice.name(),
            subnet: dice.subnet_path(),
            private_ip_address: dice.maybe(|dice| address(dice.one_of(&ADDRESSES))),
            application_security_groups: dice.some(1, Self::name),
            ..PrivateEndpoint::default()
        });
    }

    fn draft(&mut self) -> Draft {
        let mut draft = Draft {
            virtual_networks: self.some(3, Self::vnet),
            route_tables: self.some(2, |dice| table(dice.one_of(&NAMES), dice.some(2, Self::route))),
            network_security_groups: self.some(2, |dice| nsg(dice.one_of(&NAMES), dice.some(2, Self::rule))),
            application_security_groups: self.some(2, |dice| ApplicationSecurityGroup { name: dice.name() }),
            network_interfaces: self.some(3, Self::nic),
            virtual_machines: self.some(2, |dice| VirtualMachine {
                guest: dice.maybe(Self::guest),
                ..vm(dice.one_of(&NAMES), &[dice.one_of(&NAMES)])
            }),
            public_ip_addresses: self.some(3, |dice| public(dice.one_of(&NAMES))),
            nat_gateways: self.some(1, |dice| NatGateway {
                name: dice.name(),
                public_ip_addresses: dice.some(1, Self::name),
            }),
            subscriptions: self.some(1, |dice| Subscription { name: dice.name(), ..Subscription::default() }),
            role_assignments: self.some(1, |dice| RoleAssignment {
                principal: text("alice"),
                role: text("Network Contributor"),
                scope: dice.maybe(Self::vnet_name),
            }),
            ..Draft::default()
        };
        self.edge(&mut draft);
        draft
    }

    fn change(&mut self) -> Change {
        match self.below(19) {
            0 => Change::PutPeering { virtual_network: self.vnet_name(), peering: self.link() },
            1 => Change::DeletePeering(text(&format!("{}/{}", self.one_of(&VNETS), self.one_of(&NAMES)))),
            2 => Change::SyncPeering(text(&format!("{}/{}", self.one_of(&VNETS), self.one_of(&NAMES)))),
            3 => Change::DeleteVirtualNetwork(self.vnet_name()),
            4 => Change::SetAddressSpace {
                virtual_network: self.vnet_name(),
                address_prefixes: self.some(2, Self::block),
            },
            5 => Change::PutRoute { route_table: self.name(), route: Box::new(self.route()) },
            6 => Change::DeleteRoute(text(&format!("a/{}", self.one_of(&NAMES)))),
            7 => Change::PutSecurityRule { network_security_group: self.name(), rule: Box::new(self.rule()) },
            8 => Change::DeleteSecurityRule(text(&format!("a/{}", self.one_of(&NAMES)))),
            9 => Change::PutGateway(Box::new(self.gateway())),
            10 => Change::DeleteGateway(self.name()),
            11 => Change::PutConnection(Box::new(self.connection())),
            12 => Change::DeleteConnection(self.name()),
            13 => Change::StopVm(self.name()),
            14 => Change::StopGateway(self.name()),
            15 => Change::SetGuest { virtual_machine: self.name(), state: GuestState::Dead },
            16 => Change::SetLink {
                from: self.vnet_name(),
                to: self.maybe(Self::name),
                both_ways: self.below(2) == 0,
                condition: LinkCondition { down: true, ..LinkCondition::default() },
            },
            17 => Change::SetRouteTable { subnet: self.subnet_path(), route_table: self.maybe(Self::name) },
            _ => Change::SetNetworkSecurityGroup {
                at: NsgPlace::Subnet(self.subnet_path()),
                network_security_group: self.maybe(Self::name),
            },
        }
    }
}

#[test]
fn any_draft_is_accepted_or_refused() {
    let mut dice = Dice(1);
    let mut refused = 0;
    for round in 0..20_000 {
        let draft = dice.draft();
        let semantics = if round % 3 == 0 { of_2017() } else { Semantics::default() };
        refused += usize::from(check(&draft, semantics).network.is_none());
    }
    assert!(refused > 10_000, "hardly any draft is hostile: {refused}");
}

/// Names and blocks that fit each other more often, so that there is a network to change.
fn friendly() -> Draft {
    let mut virtual_networks = Vec::new();
    for (name, first, second) in [("v0", 1, 2), ("v1", 3, 4), ("v2", 5, 6)] {
        let mut one = vnet(name, &[&format!("10.{first}.0.0/16"), &format!("10.{second}.0.0/16")]);
        one.subnets = vec![
            subnet("s", &format!("10.{first}.0.0/24")),
            subnet("GatewaySubnet", &format!("10.{second}.0.0/28")),
        ];
        virtual_networks.push(one);
    }
    virtual_networks[2].deployment_model = Some(DeploymentModel::Classic.into());
    Draft {
        virtual_networks,
        route_tables: vec![table("a", Vec::new())],
        network_security_groups: vec![nsg("a", Vec::new())],
        application_security_groups: vec![ApplicationSecurityGroup { name: text("a") }],
        network_interfaces: vec![nic("a", "v0/s")],
        virtual_machines: vec![vm("b", &["a"])],
        public_ip_addresses: vec![public("a"), public("b")],
        local_network_gateways: vec![site("a", &["192.168.0.0/16"]), site("b", &["172.20.0.0/16"])],
        ..Draft::default()
    }
}

fn play(network: &mut Network, dice: &mut Dice, done: &mut usize) {
    let change = dice.change();
    let at = SimTime::ZERO.into();
    let entry = TimelineEntry { span: Span::default(), at, name: None, principal: None, change };
    let Ok(operation) = Operation::resolve(network, &entry) else { return };
    let before = format!("{network:?}");
    match network.apply(&operation) {
        Ok(()) => *done += 1,
        Err(refusal) => {
            assert!(!refusal.code.contains('_'), "{}: a problem's code is no refusal's", refusal.code);
            assert_eq!(before, format!("{network:?}"), "{} changed something", refusal.code);
        }
    }
}

#[test]
fn any_timeline_is_accepted_or_refused() {
    let mut dice = Dice(2);
    let mut done = 0;
    for round in 0..60 {
        let semantics = if round % 4 == 0 { of_2017() } else { Semantics::default() };
        let mut network = check(&friendly(), semantics).network.expect("a good draft");
        for _ in 0..150 {
            play(&mut network, &mut dice, &mut done);
        }
    }
    assert!(done > 500, "hardly anything was accepted: {done}");
}
