//! Resource ids as Azure's tools print them (JSON-15).
//!
//! A scenario names objects, seldom their resource group: ids are made from what it says, and the rest is `RG` and the empty
//! subscription. Scripts that take the last part of an id as its name work. Costs a string each.

use std::net::IpAddr;

use vnetsim_model::{AddressOwner, Network};
use vnetsim_types::{LbId, NicId, NsgId, PeeringId, PrivateEndpointId, RouteTableId, SubnetId, VnetId};

/// The subscription of networks that name none.
const NO_SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000000";
/// The resource group of everything.
const RESOURCE_GROUP: &str = "RG";

/// Makes the ids of a network's objects.
#[derive(Clone, Copy, Debug)]
pub struct ResourceIds<'a> {
    network: &'a Network,
}

impl<'a> ResourceIds<'a> {
    /// For the objects of `network`.
    pub fn new(network: &'a Network) -> Self {
        Self { network }
    }

    fn id(&self, vnet: VnetId, provider: &str, kind: &str, name: &str) -> String {
        let said = self.network.subscriptions().get(self.network[vnet].subscription);
        let said = said.map(|s| s.name.value.as_str()).filter(|name| !name.is_empty());
        let subscription = said.unwrap_or(NO_SUBSCRIPTION);
        format!(
            "/subscriptions/{subscription}/resourceGroups/{RESOURCE_GROUP}/providers/{provider}/{kind}/{name}"
        )
    }

    fn of_network(&self, vnet: VnetId, kind: &str, name: &str) -> String {
        self.id(vnet, "Microsoft.Network", kind, name)
    }

    /// A virtual network.
    pub fn vnet(&self, id: VnetId) -> String {
        self.of_network(id, "virtualNetworks", &self.network[id].name.value)
    }

    /// A peering link.
    pub fn peering(&self, id: PeeringId) -> String {
        let link = &self.network[id];
        format!("{}/virtualNetworkPeerings/{}", self.vnet(link.vnet), link.name.value)
    }

    /// The resource group of everything.
    pub fn resource_group(&self) -> &'static str {
        RESOURCE_GROUP
    }

    /// A subnet.
    pub fn subnet(&self, id: SubnetId) -> String {
        let subnet = &self.network[id];
        format!("{}/subnets/{}", self.vnet(subnet.vnet), subnet.name.value)
    }

    /// A network interface.
    pub fn nic(&self, id: NicId) -> String {
        let nic = &self.network[id];
        self.of_network(nic.vnet, "networkInterfaces", &nic.name.value)
    }

    /// The ipConfiguration of a NIC with `address`, the primary one when none has it.
    pub fn ip_configuration(&self, id: NicId, address: IpAddr) -> String {
        let all = &self.network[id].ip_configurations;
        let own = all.iter().find(|c| c.address == address).or(all.first());
        match own {
            Some(own) => format!("{}/ipConfigurations/{}", self.nic(id), own.name.value),
            None => self.nic(id),
        }
    }

    /// A security group, which lives where it is used.
    pub fn nsg(&self, at: VnetId, id: NsgId) -> String {
        self.of_network(at, "networkSecurityGroups", &self.network[id].name.value)
    }

    /// A route table, which lives where it is used.
    pub fn route_table(&self, at: VnetId, id: RouteTableId) -> String {
        self.of_network(at, "routeTables", &self.network[id].name.value)
    }

    /// A frontend of a balancer that stands in `at`.
    pub fn frontend(&self, at: VnetId, id: LbId, frontend: usize) -> String {
        let lb = &self.network[id];
        let base = self.of_network(at, "loadBalancers", &lb.name.value);
        let name = lb.frontends.get(frontend).map_or("", |f| f.name.value.as_str());
        format!("{base}/frontendIPConfigurations/{name}")
    }

    /// A private endpoint.
    pub fn private_endpoint(&self, id: PrivateEndpointId) -> String {
        let endpoint = &self.network[id];
        self.of_network(endpoint.vnet, "privateEndpoints", &endpoint.name.value)
    }

    /// Who has the private `address` in the existing virtual networks; `None` when nobody has.
    pub fn owner(&self, address: IpAddr) -> Option<String> {
        let vnets = self.network.existing_vnets().map(|(id, _)| id);
        let mut owners = vnets.flat_map(|vnet| {
            let all = self.network.addresses_of(vnet).into_iter();
            all.filter(|(own, _)| *own == address).map(move |(_, owner)| (vnet, owner))
        });
        let (vnet, owner) = owners.next()?;
        Some(match owner {
            AddressOwner::Nic(nic) => self.ip_configuration(nic, address),
            AddressOwner::Frontend(lb, frontend) => self.frontend(vnet, lb, frontend as usize),
            AddressOwner::Gateway(id) => {
                self.of_network(vnet, "virtualNetworkGateways", &self.network[id].name.value)
            }
            AddressOwner::PrivateEndpoint(id) => self.private_endpoint(id),
            AddressOwner::RouteServer(id) => {
                self.of_network(vnet, "virtualHubs", &self.network[id].name.value)
            }
        })
    }
}
