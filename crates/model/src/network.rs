//! A checked network: every reference is an id, every statically checkable rule holds.
//!
//! Owns virtual networks, subnets and peering links, and the questions that others ask of all objects.
//! Must never decide the fate of a packet.

use std::{collections::BTreeMap, net::IpAddr, ops::Index};

use vnetsim_data::Data;
use vnetsim_types::{
    AsgId, At, ConnectionId, GatewayId, IpNet, LbId, NicId, NsgId, PeeringId, PrivateEndpointId,
    RouteServerId, RouteTableId, SimTime, SiteId, SubnetId, VmId, VnetId, named_enum,
};

use crate::{
    Asg, Connection, ConnectionEnd, Gateway, LinkFault, LoadBalancer, Nic, Nsg, PrivateEndpoint,
    PrivateEndpointPolicies, RoleAssignment, RoleDefinition, RouteServer, RouteTable, Semantics, Site,
    Subscription, Vm,
};

named_enum! {
    /// Which of Azure's two management models a virtual network was made with (PEER-28).
    DeploymentModel {
        /// Resource Manager.
        ResourceManager = "ResourceManager",
        /// Classic: no route tables' peering rows (RT-32), no links of its own.
        Classic = "Classic",
    }
}

/// A virtual network.
#[derive(Clone, Debug)]
pub struct Vnet {
    /// `name`.
    pub name: At<String>,
    /// Region, lower case without blanks: `koreacentral`.
    pub location: String,
    /// `addressSpace.addressPrefixes`, disjoint (ADDR-03).
    pub address_space: Vec<At<IpNet>>,
    /// Its subnets.
    pub subnets: Vec<SubnetId>,
    /// `flowTimeoutInMinutes` (NSG-32).
    pub flow_timeout: Option<SimTime>,
    /// Position in [`Network::subscriptions`].
    pub subscription: usize,
    /// PEER-28.
    pub deployment_model: DeploymentModel,
    /// True once it was deleted; its id is not used again.
    pub deleted: bool,
}

/// A subnet.
#[derive(Clone, Debug)]
pub struct Subnet {
    /// `name`.
    pub name: At<String>,
    /// The virtual network that it is part of.
    pub vnet: VnetId,
    /// Its prefixes, inside the address space (ADDR-04).
    pub prefixes: Vec<At<IpNet>>,
    /// Associated NSG and the place that says so.
    pub nsg: Option<At<NsgId>>,
    /// Associated route table and the place that says so.
    pub route_table: Option<At<RouteTableId>>,
    /// Public addresses of the associated NAT gateway (OUT-05); empty without one.
    pub nat_gateway: Vec<IpAddr>,
    /// Enabled service endpoints, as tags: `Storage` for `Microsoft.Storage` (RT-07).
    pub service_endpoints: Vec<At<String>>,
    /// `defaultOutboundAccess` (OUT-07).
    pub default_outbound_access: At<bool>,
    /// `privateEndpointNetworkPolicies` (RT-08, NSG-25).
    pub private_endpoint_policies: PrivateEndpointPolicies,
}

impl Subnet {
    /// True for the one that gateways live in (GW-02).
    pub fn is_gateway_subnet(&self) -> bool {
        self.name.value.eq_ignore_ascii_case("GatewaySubnet")
    }

    /// False for AzureBastionSubnet and RouteServerSubnet: Azure associates no route table with them.
    pub fn takes_route_table(&self) -> bool {
        !["AzureBastionSubnet", "RouteServerSubnet"]
            .iter()
            .any(|name| self.name.value.eq_ignore_ascii_case(name))
    }
}

named_enum! {
    /// `peeringState` of a link (PEER-03).
    PeeringState {
        /// The opposite link does not exist yet.
        Initiated = "Initiated",
        /// Both links exist.
        Connected = "Connected",
        /// The opposite link existed once and was deleted.
        Disconnected = "Disconnected",
    }
}

named_enum! {
    /// `peeringSyncLevel` of a link (PEER-15): whose stored copy of an address space is out of date.
    PeeringSyncLevel {
        /// Neither.
        FullyInSync = "FullyInSync",
        /// The opposite link's copy of this network's space.
        RemoteNotInSync = "RemoteNotInSync",
        /// This link's copy of the remote space.
        LocalNotInSync = "LocalNotInSync",
        /// Both.
        LocalAndRemoteNotInSync = "LocalAndRemoteNotInSync",
    }
}

/// What a link joins (PEER-24).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PeeringScope {
    /// The whole virtual networks.
    Complete,
    /// Some subnets of each (PEER-25).
    Subnets {
        /// Of the link's own network.
        local: Vec<SubnetId>,
        /// Of the remote network.
        remote: Vec<SubnetId>,
    },
}

/// One direction of a peering: a child of [`PeeringLink::vnet`].
///
/// A classic virtual network has no link objects, and one link of its peer routes both ways (PEER-28). The
/// way back is an [implied](Self::implied) link here, so that nobody else needs to know about classic ones.
#[derive(Clone, Debug)]
pub struct PeeringLink {
    /// `name`.
    pub name: At<String>,
    /// The virtual network that the link belongs to.
    pub vnet: VnetId,
    /// The other virtual network.
    pub remote: At<VnetId>,
    /// PEER-05.
    pub allow_virtual_network_access: At<bool>,
    /// PEER-07.
    pub allow_forwarded_traffic: At<bool>,
    /// PEER-09.
    pub allow_gateway_transit: At<bool>,
    /// PEER-09.
    pub use_remote_gateways: At<bool>,
    /// `doNotVerifyRemoteGateways` (PEER-09).
    pub do_not_verify_remote_gateways: bool,
    /// The whole networks, or some subnets.
    pub scope: PeeringScope,
    /// `enableOnlyIPv6Peering` (PEER-24).
    pub only_ipv6: bool,
    /// PEER-03.
    pub state: PeeringState,
    /// The synced copy of the remote address space, which drives routes and tags (PEER-16).
    pub remote_address_space: Vec<IpNet>,
    /// The classic side of a peering: no object in Azure, comes and goes with the opposite link (PEER-28).
    pub implied: bool,
    /// True once the link was deleted; its id is not used again.
    pub deleted: bool,
}

/// Who has a private address in a virtual network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddressOwner {
    /// A NIC.
    Nic(NicId),
    /// An internal frontend: balancer and position in its frontends.
    Frontend(LbId, u32),
    /// An instance of a virtual network gateway.
    Gateway(GatewayId),
    /// A private endpoint.
    PrivateEndpoint(PrivateEndpointId),
    /// A route server, which answers nobody but its peers.
    RouteServer(RouteServerId),
}

/// A checked network with its rule set. Made by [`crate::check`], changed by [`crate::Operation`]s.
#[derive(Clone, Debug, Default)]
pub struct Network {
    pub(crate) semantics: Semantics,
    pub(crate) vnets: Vec<Vnet>,
    pub(crate) subnets: Vec<Subnet>,
    pub(crate) peerings: Vec<PeeringLink>,
    pub(crate) route_tables: Vec<RouteTable>,
    pub(crate) nsgs: Vec<Nsg>,
    pub(crate) asgs: Vec<Asg>,
    pub(crate) nics: Vec<Nic>,
    pub(crate) vms: Vec<Vm>,
    pub(crate) load_balancers: Vec<LoadBalancer>,
    pub(crate) gateways: Vec<Gateway>,
    pub(crate) sites: Vec<Site>,
    pub(crate) connections: Vec<Connection>,
    pub(crate) route_servers: Vec<RouteServer>,
    pub(crate) private_endpoints: Vec<PrivateEndpoint>,
    /// Public IP addresses by name, for gateways that the timeline creates.
    pub(crate) public_ips: Vec<(String, IpAddr)>,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) role_definitions: Vec<RoleDefinition>,
    pub(crate) role_assignments: Vec<RoleAssignment>,
    pub(crate) link_faults: Vec<LinkFault>,
    pub(crate) probe_results: BTreeMap<(LbId, usize, NicId), bool>,
    /// Tag in its usual spelling, and its prefixes, as far as the input says them.
    pub(crate) service_tags: Vec<(String, Vec<IpNet>)>,
}

macro_rules! tables {
    ($($field:ident: $id:ty => $item:ty, $doc:literal;)*) => {$(
        impl Network {
            #[doc = $doc]
            pub fn $field(&self) -> &[$item] {
                &self.$field
            }
        }

        impl Index<$id> for Network {
            type Output = $item;
            fn index(&self, id: $id) -> &$item {
                &self.$field[id.ix()]
            }
        }
    )*};
}

tables! {
    vnets: VnetId => Vnet, "Virtual networks, by [`VnetId`]; deleted ones keep their place.";
    subnets: SubnetId => Subnet, "Subnets, by [`SubnetId`]; those of deleted virtual networks keep their place.";
    peerings: PeeringId => PeeringLink, "Peering links, by [`PeeringId`]; deleted ones keep their place.";
    route_tables: RouteTableId => RouteTable, "Route tables, by [`RouteTableId`].";
    nsgs: NsgId => Nsg, "Network security groups, by [`NsgId`].";
    asgs: AsgId => Asg, "Application security groups, by [`AsgId`].";
    nics: NicId => Nic, "Network interfaces, by [`NicId`].";
    vms: VmId => Vm, "Virtual machines, by [`VmId`].";
    load_balancers: LbId => LoadBalancer, "Load balancers, by [`LbId`].";
    gateways: GatewayId => Gateway, "Virtual network gateways, by [`GatewayId`]; deleted ones keep their place.";
    connections: ConnectionId => Connection, "Connections, by [`ConnectionId`]; deleted ones keep their place.";
    route_servers: RouteServerId => RouteServer, "Route servers, by [`RouteServerId`].";
    private_endpoints: PrivateEndpointId => PrivateEndpoint, "Private endpoints, by [`PrivateEndpointId`].";
    sites: SiteId => Site, "On-premises sites, by [`SiteId`].";
}

impl Network {
    /// The rule set.
    pub fn semantics(&self) -> &Semantics {
        &self.semantics
    }

    /// The same network under another reading of disputed points. The era must stay: it decides what
    /// [`crate::check`] accepts.
    pub fn with_semantics(&self, semantics: Semantics) -> Self {
        debug_assert_eq!(self.semantics.era, semantics.era, "another era needs another check");
        Self { semantics, ..self.clone() }
    }

    /// Legs in bad condition, in the order in which they were named.
    pub fn link_faults(&self) -> &[LinkFault] {
        &self.link_faults
    }

    /// What probe number `probe` of a balancer last made of `nic` (LB-07); `None` while no probe was played, so that the
    /// machine's state decides.
    pub fn probe_result(&self, lb: LbId, probe: usize, nic: NicId) -> Option<bool> {
        self.probe_results.get(&(lb, probe, nic)).copied()
    }

    /// Subscriptions; virtual networks name theirs by position.
    pub fn subscriptions(&self) -> &[Subscription] {
        &self.subscriptions
    }

    /// Tags whose prefixes the input says, in their usual spelling.
    pub fn service_tags(&self) -> &[(String, Vec<IpNet>)] {
        &self.service_tags
    }

    /// Prefixes of a service tag (NSG-18): those that the input says, else those of the data files; `None` when
    /// neither knows them.
    pub fn service_tag(&self, tag: &str) -> Option<&[IpNet]> {
        let said = self.service_tags.iter().find(|(name, _)| name.eq_ignore_ascii_case(tag));
        said.map(|(_, prefixes)| prefixes.as_slice()).or_else(|| Data::current().service_tag(tag))
    }

    /// Whether [`service_tag`](Self::service_tag) has the tag's IPv6 prefixes, too; a data file may leave them out.
    pub fn service_tag_has_ipv6(&self, tag: &str) -> bool {
        let said = self.service_tags.iter().any(|(name, _)| name.eq_ignore_ascii_case(tag));
        said || Data::current().service_tag_entry(tag).is_some_and(|entry| entry.ipv6_known)
    }

    /// Virtual networks that exist.
    pub fn existing_vnets(&self) -> impl Iterator<Item = (VnetId, &Vnet)> {
        let all = self.vnets.iter().enumerate().filter(|(_, vnet)| !vnet.deleted);
        all.map(|(ix, vnet)| (VnetId::new(ix), vnet))
    }

    /// Links of `vnet` that exist, implied ones included, in the order of their creation.
    pub fn links_of(&self, vnet: VnetId) -> impl Iterator<Item = (PeeringId, &PeeringLink)> {
        let all = self.peerings.iter().enumerate();
        all.filter(move |(_, l)| l.vnet == vnet && !l.deleted).map(|(ix, l)| (PeeringId::new(ix), l))
    }

    /// The link from `vnet` to `remote`, whatever its state (PEER-01: at most one).
    pub fn link_between(&self, vnet: VnetId, remote: VnetId) -> Option<(PeeringId, &PeeringLink)> {
        self.links_of(vnet).find(|(_, l)| l.remote.value == remote)
    }

    /// Links of `vnet` whose peering works: this one and its opposite are Connected (PEER-02).
    pub fn connected_links_of(&self, vnet: VnetId) -> impl Iterator<Item = (PeeringId, &PeeringLink)> {
        let connected = |link: &PeeringLink| link.state == PeeringState::Connected;
        self.links_of(vnet).filter(move |(_, link)| {
            connected(link)
                && self.link_between(link.remote.value, vnet).is_some_and(|(_, back)| connected(back))
        })
    }

    /// Every link that exists, implied ones included.
    pub fn existing_links(&self) -> impl Iterator<Item = (PeeringId, &PeeringLink)> {
        let all = self.peerings.iter().enumerate().filter(|(_, link)| !link.deleted);
        all.map(|(ix, link)| (PeeringId::new(ix), link))
    }

    /// True when traffic between the two networks crosses regions (PEER-32).
    pub fn is_global(&self, a: VnetId, b: VnetId) -> bool {
        self[a].location != self[b].location
    }

    /// Gateways of `vnet` itself.
    pub fn gateways_of(&self, vnet: VnetId) -> impl Iterator<Item = (GatewayId, &Gateway)> {
        let all = self.gateways.iter().enumerate();
        all.filter(move |(_, g)| g.vnet == vnet && !g.deleted).map(|(ix, g)| (GatewayId::new(ix), g))
    }

    /// Connections that touch `gateway` and exist, whatever their status, with the end beyond it.
    pub fn connections_of(
        &self,
        gateway: GatewayId,
    ) -> impl Iterator<Item = (ConnectionId, &Connection, ConnectionEnd)> {
        let all = self.connections.iter().enumerate().filter(|(_, c)| !c.deleted);
        all.filter_map(move |(ix, c)| Some((ConnectionId::new(ix), c, c.end_beyond(gateway)?)))
    }

    /// GW-04: `connection` exists and is Connected, and the gateways at its ends run.
    pub fn is_connected(&self, connection: &Connection) -> bool {
        let runs = |id: GatewayId| !self[id].deleted && self[id].running;
        let far_runs = match connection.end {
            ConnectionEnd::Gateway(far) => runs(far),
            ConnectionEnd::Site(_) => true,
        };
        connection.up && !connection.deleted && runs(connection.gateway) && far_runs
    }

    /// True when the VM of `nic` runs; without one nothing does.
    pub fn is_up(&self, nic: NicId) -> bool {
        self[nic].vm.is_some_and(|vm| self[vm].running)
    }

    /// Route servers of `vnet`.
    pub fn route_servers_of(&self, vnet: VnetId) -> impl Iterator<Item = (RouteServerId, &RouteServer)> {
        let all = self.route_servers.iter().enumerate();
        all.filter(move |(_, r)| r.vnet == vnet).map(|(ix, r)| (RouteServerId::new(ix), r))
    }

    /// PEER-15: whose copy of an address space is out of date.
    pub fn sync_level(&self, id: PeeringId) -> PeeringSyncLevel {
        let link = &self[id];
        let local = !self.copy_is_current(link);
        let back = self.link_between(link.remote.value, link.vnet);
        let remote = back.is_some_and(|(_, back)| !self.copy_is_current(back));
        match (local, remote) {
            (false, false) => PeeringSyncLevel::FullyInSync,
            (false, true) => PeeringSyncLevel::RemoteNotInSync,
            (true, false) => PeeringSyncLevel::LocalNotInSync,
            (true, true) => PeeringSyncLevel::LocalAndRemoteNotInSync,
        }
    }

    fn copy_is_current(&self, link: &PeeringLink) -> bool {
        let now = self[link.remote.value].address_space.iter().map(|p| p.value);
        let mut now: Vec<IpNet> = now.collect();
        let mut copy = link.remote_address_space.clone();
        now.sort_unstable();
        copy.sort_unstable();
        now == copy
    }

    /// The link by which `vnet` borrows a remote gateway: both flags set, both sides Connected (PEER-09, GW-07).
    pub fn borrowed_gateway_link(&self, vnet: VnetId) -> Option<(PeeringId, &PeeringLink)> {
        self.connected_links_of(vnet).find(|(_, link)| {
            let back = self.link_between(link.remote.value, vnet);
            link.use_remote_gateways.value && back.is_some_and(|(_, back)| back.allow_gateway_transit.value)
        })
    }

    /// Every private address of `vnet` that something owns, in the order of the objects.
    pub fn addresses_of(&self, vnet: VnetId) -> Vec<(IpAddr, AddressOwner)> {
        let mut all = Vec::new();
        for (ix, nic) in self.nics.iter().enumerate().filter(|(_, n)| n.vnet == vnet) {
            let owner = AddressOwner::Nic(NicId::new(ix));
            all.extend(nic.ip_configurations.iter().map(|c| (c.address, owner)));
        }
        for (ix, lb) in self.load_balancers.iter().enumerate() {
            for (place, frontend) in lb.frontends.iter().enumerate().filter(|(_, f)| f.vnet == Some(vnet)) {
                all.push((frontend.address, AddressOwner::Frontend(LbId::new(ix), place as u32)));
            }
        }
        for (id, gateway) in self.gateways_of(vnet) {
            all.extend(gateway.instances.iter().map(|i| (i.address, AddressOwner::Gateway(id))));
        }
        for (ix, endpoint) in self.private_endpoints.iter().enumerate().filter(|(_, e)| e.vnet == vnet) {
            all.push((endpoint.address, AddressOwner::PrivateEndpoint(PrivateEndpointId::new(ix))));
        }
        for (id, server) in self.route_servers_of(vnet) {
            all.extend(server.addresses.iter().map(|a| (*a, AddressOwner::RouteServer(id))));
        }
        all
    }

    /// `vnet/subnet`.
    pub fn subnet_path(&self, id: SubnetId) -> String {
        let subnet = &self[id];
        format!("{}/{}", self[subnet.vnet].name.value, subnet.name.value)
    }

    /// `vnet/link`.
    pub fn link_path(&self, id: PeeringId) -> String {
        let link = &self[id];
        format!("{}/{}", self[link.vnet].name.value, link.name.value)
    }
}
