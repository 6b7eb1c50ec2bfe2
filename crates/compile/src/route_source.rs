//! Where routes come from and which source wins: the one place that declares precedence.

use std::fmt;

/// `Source` column of effective routes (DIAG-01). The order is precedence at equal prefix, lowest first (RT-11).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RouteSource {
    /// System routes: own space, peerings, service endpoints, Internet, None.
    Default,
    /// Learned through a gateway, static prefixes of sites included (U-30).
    VirtualNetworkGateway,
    /// User-defined.
    User,
}

impl fmt::Display for RouteSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Default => "Default",
            Self::VirtualNetworkGateway => "VirtualNetworkGateway",
            Self::User => "User",
        })
    }
}

/// `Next Hop Type` column of effective routes (RT-31).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum NextHopType {
    /// The own virtual network.
    VnetLocal,
    /// A peer in the same region.
    VNetPeering,
    /// A peer in another region.
    VNetGlobalPeering,
    /// A virtual network gateway.
    VirtualNetworkGateway,
    /// A service endpoint.
    VirtualNetworkServiceEndpoint,
    /// A private endpoint.
    InterfaceEndpoint,
    /// The internet.
    Internet,
    /// An appliance.
    VirtualAppliance,
    /// Drop.
    None,
}

impl fmt::Display for NextHopType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::VnetLocal => "VnetLocal",
            Self::VNetPeering => "VNetPeering",
            Self::VNetGlobalPeering => "VNetGlobalPeering",
            Self::VirtualNetworkGateway => "VirtualNetworkGateway",
            Self::VirtualNetworkServiceEndpoint => "VirtualNetworkServiceEndpoint",
            Self::InterfaceEndpoint => "InterfaceEndpoint",
            Self::Internet => "Internet",
            Self::VirtualAppliance => "VirtualAppliance",
            Self::None => "None",
        })
    }
}
