//! Effective routes as Azure's tools list them.

use std::net::IpAddr;

use vnetsim_compile::{Compiled, NextHopType, RouteOrigin, RouteSource, RouteState};
use vnetsim_types::{IpNet, SubnetId};

/// One line of effective routes (DIAG-01). A service endpoint has several prefixes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EffectiveRow {
    /// `Source`.
    pub source: RouteSource,
    /// `State`: Active or Invalid (RT-30).
    pub active: bool,
    /// `Address Prefix`.
    pub prefixes: Vec<IpNet>,
    /// `Next Hop Type`.
    pub next_hop_type: NextHopType,
    /// `Next Hop IP`.
    pub next_hop_ip: Option<IpAddr>,
    /// Name of a user-defined route.
    pub name: Option<String>,
    line: u32,
}

/// The rows of `subnet` in print order.
pub fn effective_rows(compiled: &Compiled, subnet: SubnetId) -> Vec<EffectiveRow> {
    let mut rows: Vec<EffectiveRow> = Vec::new();
    for (_, route) in compiled.effective_routes(subnet) {
        let active = matches!(route.state, RouteState::Active | RouteState::Unused(_));
        if let Some(last) = rows.last_mut().filter(|last| last.line == route.line && last.active == active) {
            last.prefixes.push(route.prefix);
            continue;
        }
        rows.push(EffectiveRow {
            source: route.source,
            active,
            prefixes: vec![route.prefix],
            next_hop_type: route.next_hop_type,
            next_hop_ip: route.next_hop_ip,
            name: match &route.origin {
                RouteOrigin::User { name, .. } => Some(name.clone()),
                _ => None,
            },
            line: route.line,
        });
    }
    rows
}

impl EffectiveRow {
    /// `Active` or `Invalid`.
    pub fn state(&self) -> &'static str {
        if self.active { "Active" } else { "Invalid" }
    }

    /// Prefixes joined by blanks, as the Azure CLI prints them (DIAG-02).
    pub fn prefix_text(&self) -> String {
        self.prefixes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }
}
