//! Newtype indices. A network's objects live in vectors; these say which vector an index is for.

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub u32);

        impl $name {
            /// The index as `usize`, for slices.
            #[inline]
            pub fn ix(self) -> usize {
                self.0 as usize
            }

            /// The id of position `ix`. Panics above `u32::MAX`, which `limits` rules out.
            #[inline]
            pub fn new(ix: usize) -> Self {
                Self(u32::try_from(ix).expect("limits keep every table under 2^32 entries"))
            }
        }
    )*};
}

id! {
    /// A virtual network.
    VnetId;
    /// A subnet, numbered across the whole network.
    SubnetId;
    /// One direction of a peering (`virtualNetworkPeerings` child of one VNet).
    PeeringId;
    /// A route table (`routeTables`).
    RouteTableId;
    /// A network security group.
    NsgId;
    /// An application security group.
    AsgId;
    /// A network interface.
    NicId;
    /// A virtual machine.
    VmId;
    /// A load balancer.
    LbId;
    /// A virtual network gateway.
    GatewayId;
    /// An on-premises site: a local network gateway and what stands behind it.
    SiteId;
    /// A connection of a virtual network gateway.
    ConnectionId;
    /// A route server.
    RouteServerId;
    /// A private endpoint.
    PrivateEndpointId;
    /// A compiled route of one subnet: row of `Tables::routes` and of the RIB that explains it.
    RouteIx;
    /// A compiled security rule of one NSG at one subnet.
    RuleIx;
    /// A compiled NSG as one subnet sees it (the tags differ per subnet, NSG-15).
    AclIx;
    /// A traffic entry of a scenario.
    TrafficId;
}
