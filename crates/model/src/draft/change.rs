//! The timeline: what happens to a network in a run.

use vnetsim_types::{At, IpNet, SimTime, Span};

use crate::{GuestState, LinkCondition};

use super::{Connection, Peering, Ref, Route, SecurityRule, VirtualNetworkGateway};

/// One `timeline` entry: something happens to the network at a moment of virtual time.
#[derive(Clone, Debug)]
pub struct TimelineEntry {
    /// The whole entry.
    pub span: Span,
    /// When.
    pub at: At<SimTime>,
    /// What expectations call it.
    pub name: Option<At<String>>,
    /// Who asks for it; somebody with every right when not given (PEER-30).
    pub principal: Option<At<String>>,
    /// What.
    pub change: Change,
}

/// What a timeline entry does. References are names.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a timeline is short, and a link is read more often than moved"
)]
pub enum Change {
    /// Create a link, or update the flags of an existing one of the same name.
    PutPeering {
        /// The link's virtual network.
        virtual_network: Ref,
        /// The link.
        peering: Peering,
    },
    /// Delete a link, `vnet/link`.
    DeletePeering(Ref),
    /// Refresh a link's copy of the remote address space, `vnet/link` (PEER-17).
    SyncPeering(Ref),
    /// Delete a virtual network; the links of others to it become Disconnected (PEER-03).
    DeleteVirtualNetwork(Ref),
    /// Give a virtual network another address space (ERA-02, PEER-14 to PEER-19).
    SetAddressSpace {
        /// The virtual network.
        virtual_network: Ref,
        /// The whole new space.
        address_prefixes: Vec<At<IpNet>>,
    },
    /// Create a route, or replace the one of that name.
    PutRoute {
        /// The table.
        route_table: Ref,
        /// The route.
        route: Box<Route>,
    },
    /// Delete a route, `table/route`.
    DeleteRoute(Ref),
    /// Create a security rule, or replace the one of that name.
    PutSecurityRule {
        /// The group.
        network_security_group: Ref,
        /// The rule.
        rule: Box<SecurityRule>,
    },
    /// Delete a security rule, `nsg/rule`.
    DeleteSecurityRule(Ref),
    /// Create a virtual network gateway.
    PutGateway(Box<VirtualNetworkGateway>),
    /// Delete a virtual network gateway; its connections must go first.
    DeleteGateway(Ref),
    /// Simulator extension: all instances of a gateway run again.
    StartGateway(Ref),
    /// Simulator extension: all instances of a gateway fail.
    StopGateway(Ref),
    /// Create a connection of a gateway, or update the status and BGP of the one of that name.
    PutConnection(Box<Connection>),
    /// Delete a connection.
    DeleteConnection(Ref),
    /// Set `enableIPForwarding` of a NIC.
    SetIpForwarding {
        /// The NIC, or the VM whose primary NIC it is.
        network_interface: Ref,
        /// The new setting.
        enabled: bool,
    },
    /// Start a VM.
    StartVm(Ref),
    /// Stop a VM.
    StopVm(Ref),
    /// Simulator extension: the guest of a VM that runs begins or ceases to work.
    SetGuest {
        /// The VM.
        virtual_machine: Ref,
        /// From now on.
        state: GuestState,
    },
    /// Simulator extension: the legs between two ends get into another condition.
    SetLink {
        /// Where the legs begin: a virtual network, a VM, a site, or `internet`.
        from: Ref,
        /// Where they end; anywhere when `None`.
        to: Option<Ref>,
        /// The way back is in the same condition.
        both_ways: bool,
        /// From now on; a good one repairs them.
        condition: LinkCondition,
    },
    /// Associate a subnet with a route table, or with none.
    SetRouteTable {
        /// `vnet/subnet`.
        subnet: Ref,
        /// The table; `None` removes the association.
        route_table: Option<Ref>,
    },
    /// Associate a subnet or a NIC with an NSG, or with none.
    SetNetworkSecurityGroup {
        /// Where.
        at: NsgPlace,
        /// The group; `None` removes the association.
        network_security_group: Option<Ref>,
    },
}

/// What an NSG is associated with.
#[derive(Clone, Debug)]
pub enum NsgPlace {
    /// A subnet, `vnet/subnet`.
    Subnet(Ref),
    /// A NIC, or the VM whose primary NIC it is.
    NetworkInterface(Ref),
}
