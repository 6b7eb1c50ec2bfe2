//! Next hop: the route that wins at a subnet for an address (DIAG-04).

use std::net::IpAddr;

use vnetsim_compile::{Compiled, NextHopType, RouteOrigin};
use vnetsim_types::{RouteIx, RouteTableId, SubnetId};

/// What `az network watcher show-next-hop` answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NextHop {
    /// `nextHopType`; `None` as well when no route matches.
    pub kind: NextHopType,
    /// `nextHopIpAddress`.
    pub ip: Option<IpAddr>,
    /// The route table that the route stands in; `None` for a system route.
    pub table: Option<RouteTableId>,
    /// The route itself.
    pub route: Option<RouteIx>,
}

/// The next hop of `subnet` for `dst`. Nobody is asked whether it exists or forwards.
pub fn next_hop(compiled: &Compiled, subnet: SubnetId, dst: IpAddr) -> NextHop {
    let winner = compiled.tables.route(subnet, dst).map(|(ix, _)| ix);
    let route = winner.map(|ix| compiled.route(ix));
    NextHop {
        kind: route.map_or(NextHopType::None, |r| r.next_hop_type),
        ip: route.and_then(|r| r.next_hop_ip),
        table: route.and_then(|r| match &r.origin {
            RouteOrigin::User { table, .. } => Some(*table),
            _ => None,
        }),
        route: winner,
    }
}
