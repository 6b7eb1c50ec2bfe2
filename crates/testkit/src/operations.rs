//! Random changes to any network, legal or not.

use std::net::IpAddr;

use proptest::prelude::*;
use vnetsim_model::{Access, GatewayType, Network, NsgTarget, Operation, OperationKind, RuleProtocol, draft};
use vnetsim_types::{At, Direction, IpNet, NicId, NsgId, RouteTableId, SubnetId, VmId, VnetId};

/// Blocks that an address space may get.
const BLOCKS: [&str; 8] = [
    "10.1.0.0/16",
    "10.2.0.0/16",
    "10.77.0.0/16",
    "10.0.0.0/8",
    "192.168.0.0/16",
    "fd00:77::/48",
    "169.254.0.0/16",
    "20.60.0.0/16",
];

/// What routes and rules are about.
const PREFIXES: [&str; 6] =
    ["0.0.0.0/0", "10.0.0.0/8", "10.2.0.0/16", "192.168.100.0/24", "::/0", "8.8.8.8/32"];

/// What to change, in numbers that select among what a network has; see [`OperationPlan::operation`].
#[derive(Clone, Debug)]
pub struct OperationPlan {
    kind: u8,
    which: u8,
    other: u8,
    bits: u8,
    nobody: bool,
}

/// Random operations for any network.
pub fn operation() -> impl Strategy<Value = OperationPlan> {
    let nobody = prop::bool::weighted(0.05);
    (0..24_u8, 0..24_u8, 0..24_u8, any::<u8>(), nobody)
        .prop_map(|(kind, which, other, bits, nobody)| OperationPlan { kind, which, other, bits, nobody })
}

impl OperationPlan {
    /// The operation that the plan means in `network`; `None` when the network lacks what it is about.
    pub fn operation(&self, network: &Network) -> Option<Operation> {
        let kind = match self.kind {
            0..=3 => self.peering(network)?,
            4..=6 => self.link(network)?,
            7 => OperationKind::DeleteVnet(self.vnet(network)?),
            8..=9 => self.address_space(network)?,
            10..=12 => self.route(network)?,
            13..=14 => self.rule(network)?,
            15..=18 => self.gateway(network)?,
            19 => {
                let nic = NicId::new(pick(network.nics().len(), self.which)?);
                OperationKind::SetIpForwarding(nic, self.is(0).into())
            }
            20 => {
                let vm = VmId::new(pick(network.vms().len(), self.which)?);
                OperationKind::SetRunning(vm, self.is(0))
            }
            _ => self.association(network)?,
        };
        let principal = self.nobody.then(|| "nobody".to_owned());
        Some(Operation { principal, kind })
    }

    fn is(&self, bit: u8) -> bool {
        self.bits >> bit & 1 == 1
    }

    fn vnet(&self, network: &Network) -> Option<VnetId> {
        pick(network.vnets().len(), self.which).map(VnetId::new)
    }

    /// A link, new or known, between any two networks.
    fn peering(&self, network: &Network) -> Option<OperationKind> {
        let vnet = self.vnet(network)?;
        let remote = VnetId::new(pick(network.vnets().len(), self.other)?);
        let name = &network[remote].name;
        let flag = |bit: u8| self.is(bit).then(|| At::from(self.is(bit + 4)));
        let peering = draft::Peering {
            name: format!("to-{}", name.value).into(),
            remote_virtual_network: name.clone(),
            allow_virtual_network_access: flag(0),
            allow_forwarded_traffic: flag(1),
            allow_gateway_transit: flag(2),
            use_remote_gateways: flag(3),
            ..Default::default()
        };
        Some(OperationKind::PutPeering { vnet, remote, peering: Box::new(peering) })
    }

    fn link(&self, network: &Network) -> Option<OperationKind> {
        let link = &network.peerings()[pick(network.peerings().len(), self.which)?];
        let (vnet, name) = (link.vnet, link.name.clone());
        Some(match self.kind {
            4..=5 => OperationKind::DeletePeering(vnet, name),
            _ => OperationKind::SyncPeering(vnet, name),
        })
    }

    /// One block more, or one less.
    fn address_space(&self, network: &Network) -> Option<OperationKind> {
        let vnet = self.vnet(network)?;
        let mut blocks = network[vnet].address_space.clone();
        if self.is(0) {
            blocks.pop();
        } else {
            let block: IpNet = BLOCKS[usize::from(self.other) % BLOCKS.len()].parse().ok()?;
            blocks.push(block.into());
        }
        Some(OperationKind::SetAddressSpace(vnet, blocks))
    }

    fn route(&self, network: &Network) -> Option<OperationKind> {
        let table = RouteTableId::new(pick(network.route_tables().len(), self.which)?);
        let known = network[table].routes.get(usize::from(self.other) % 4);
        if let (Some(route), 12) = (known, self.kind) {
            return Some(OperationKind::DeleteRoute(table, route.name.clone()));
        }
        let kind = ["VirtualAppliance", "VirtualNetworkGateway", "VnetLocal", "Internet", "None"]
            [usize::from(self.bits) % 5];
        let card = pick(network.nics().len(), self.other).map(|ix| &network.nics()[ix].ip_configurations);
        let address: Option<IpAddr> = card.and_then(|configs| Some(configs.first()?.address));
        let route = draft::Route {
            name: format!("r{}", self.other % 4).into(),
            address_prefix: PREFIXES[usize::from(self.other) % PREFIXES.len()].to_owned().into(),
            next_hop_type: kind.to_owned().into(),
            next_hop_ip_address: address.filter(|_| kind == "VirtualAppliance").map(At::from),
            ..Default::default()
        };
        Some(OperationKind::PutRoute(table, Box::new(route)))
    }

    fn rule(&self, network: &Network) -> Option<OperationKind> {
        let nsg = NsgId::new(pick(network.nsgs().len(), self.which)?);
        let name = At::from(format!("rule{}", self.other % 4));
        if self.kind == 14 {
            return Some(OperationKind::DeleteSecurityRule(nsg, name));
        }
        let side = |number: u8| {
            let prefix = PREFIXES[usize::from(number) % PREFIXES.len()];
            draft::RuleSide { prefixes: vec![prefix.to_owned().into()], ..Default::default() }
        };
        let rule = draft::SecurityRule {
            span: Default::default(),
            name,
            priority: (90 + 10 * u64::from(self.other)).into(),
            direction: if self.is(0) { Direction::Inbound } else { Direction::Outbound }.into(),
            access: if self.is(1) { Access::Allow } else { Access::Deny }.into(),
            protocol: RuleProtocol::Any.into(),
            source: side(self.bits >> 2),
            destination: side(self.bits >> 5),
        };
        Some(OperationKind::PutSecurityRule(nsg, Box::new(rule)))
    }

    /// Gateways and their connections come and go.
    fn gateway(&self, network: &Network) -> Option<OperationKind> {
        let gateways = network.gateways();
        let known = pick(gateways.len(), self.which).map(|ix| gateways[ix].name.clone());
        Some(match self.kind {
            15 => {
                let vnet = self.vnet(network)?;
                let kind = if self.is(0) { GatewayType::Vpn } else { GatewayType::ExpressRoute };
                let gateway = draft::VirtualNetworkGateway {
                    span: Default::default(),
                    name: format!("new{}", self.other % 2).into(),
                    gateway_type: kind.into(),
                    virtual_network: network[vnet].name.clone(),
                    ip_configurations: Vec::new(),
                    active_active: self.is(1).then(|| true.into()),
                    vpn_type: None,
                    sku: None,
                    asn: None,
                    client_address_pool: Vec::new(),
                };
                OperationKind::PutGateway { vnet, gateway: Box::new(gateway) }
            }
            16 if self.is(3) => OperationKind::SetGatewayRunning(known?, self.is(4)),
            16 => OperationKind::DeleteGateway(known?),
            17 => {
                let connections = network.connections();
                let connection = &connections[pick(connections.len(), self.which)?];
                OperationKind::DeleteConnection(connection.name.clone())
            }
            _ => {
                let far = gateways[pick(gateways.len(), self.other)?].name.clone();
                OperationKind::PutConnection(Box::new(draft::Connection {
                    span: Default::default(),
                    name: format!("connection{}", self.other % 4).into(),
                    virtual_network_gateway: known?,
                    end: draft::ConnectionEnd::VirtualNetworkGateway(far),
                    enable_bgp: self.is(0).then(|| true.into()),
                    up: self.is(1).then(|| self.is(2).into()),
                }))
            }
        })
    }

    fn association(&self, network: &Network) -> Option<OperationKind> {
        let subnet = SubnetId::new(pick(network.subnets().len(), self.which)?);
        let nsg = || pick(network.nsgs().len(), self.other).filter(|_| self.is(0)).map(NsgId::new);
        Some(match self.kind {
            21 => {
                let table = pick(network.route_tables().len(), self.other).filter(|_| self.is(0));
                OperationKind::SetRouteTable(subnet, table.map(|ix| RouteTableId::new(ix).into()))
            }
            22 => OperationKind::SetNsg(NsgTarget::Subnet(subnet), nsg().map(At::from)),
            _ => {
                let nic = NicId::new(pick(network.nics().len(), self.which)?);
                OperationKind::SetNsg(NsgTarget::Nic(nic), nsg().map(At::from))
            }
        })
    }
}

/// Position `number` of `count`, wrapping round.
fn pick(count: usize, number: u8) -> Option<usize> {
    usize::from(number).checked_rem(count)
}
