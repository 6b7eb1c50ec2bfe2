//! The real control plane's words in the oracle's.

use vnetsim_compile as real;
use vnetsim_oracle as oracle;

/// The source of a route.
pub(crate) fn from_real(source: real::RouteSource) -> oracle::RouteSource {
    match source {
        real::RouteSource::Default => oracle::RouteSource::Default,
        real::RouteSource::VirtualNetworkGateway => oracle::RouteSource::VirtualNetworkGateway,
        real::RouteSource::User => oracle::RouteSource::User,
    }
}

/// What a route leads to.
pub(crate) fn real_kind(kind: real::NextHopType) -> oracle::NextHopType {
    match kind {
        real::NextHopType::VnetLocal => oracle::NextHopType::VnetLocal,
        real::NextHopType::VNetPeering => oracle::NextHopType::VNetPeering,
        real::NextHopType::VNetGlobalPeering => oracle::NextHopType::VNetGlobalPeering,
        real::NextHopType::VirtualNetworkGateway => oracle::NextHopType::VirtualNetworkGateway,
        real::NextHopType::InterfaceEndpoint => oracle::NextHopType::InterfaceEndpoint,
        real::NextHopType::VirtualNetworkServiceEndpoint => {
            oracle::NextHopType::VirtualNetworkServiceEndpoint
        }
        real::NextHopType::Internet => oracle::NextHopType::Internet,
        real::NextHopType::VirtualAppliance => oracle::NextHopType::VirtualAppliance,
        real::NextHopType::None => oracle::NextHopType::None,
    }
}
