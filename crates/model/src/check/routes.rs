//! Service tags and route tables.

use vnetsim_types::{At, IpNet, Problem, Span};

use super::Checker;
use crate::{
    RouteTable, UserNextHop, UserRoute, did_you_mean,
    draft::{self, Draft},
};

/// UDR next-hop types, in every spelling that Azure's tools use (RT-31), and what cannot be named (RT-10).
const NEXT_HOP_TYPES: &[(&str, &str)] = &[
    ("virtualappliance", "VirtualAppliance"),
    ("virtualnetworkgateway", "VirtualNetworkGateway"),
    ("vpngateway", "VirtualNetworkGateway"),
    ("vnetlocal", "VnetLocal"),
    ("virtualnetwork", "VnetLocal"),
    ("internet", "Internet"),
    ("none", "None"),
    ("null", "None"),
];

/// Next hops that only the platform sets.
const SYSTEM_ONLY: &[&str] = &[
    "vnetpeering",
    "virtualnetworkpeering",
    "vnetglobalpeering",
    "virtualnetworkserviceendpoint",
    "interfaceendpoint",
    "connectedgroup",
];

impl Checker {
    pub(super) fn service_tags(&mut self, draft: &Draft) {
        self.unique_names("service tag", "network", draft.service_tags.iter().map(|tag| &tag.name));
        for tag in &draft.service_tags {
            let prefixes = self.blocks(&tag.address_prefixes).into_iter().map(|block| block.value).collect();
            self.network.service_tags.push((tag.name.value.clone(), prefixes));
        }
    }

    pub(super) fn route_tables(&mut self, draft: &Draft) {
        for table in &draft.route_tables {
            let routes: Vec<_> = table.routes.iter().filter_map(|route| self.user_route(route)).collect();
            self.unique_names("route", &table.name.value, table.routes.iter().map(|route| &route.name));
            self.unique_prefixes(&table.name, &routes);
            self.table_limits(&table.name, &routes);
            let propagation = table.disable_bgp_route_propagation.clone();
            self.network.route_tables.push(RouteTable {
                name: table.name.clone(),
                disable_bgp_route_propagation: propagation.unwrap_or(At::new(false, table.name.span)),
                routes,
            });
        }
    }

    /// RT-33, RT-13.
    pub(crate) fn table_limits(&mut self, table: &At<String>, routes: &[UserRoute]) {
        let tags = routes.iter().filter(|route| route.tag.is_some()).count();
        let limits = self.limits();
        let counts = [
            (routes.len(), &limits.routes_per_route_table, "routes"),
            (tags, &limits.service_tag_routes_per_route_table, "routes to service tags"),
        ];
        for (count, limit, kind) in counts {
            let what = || format!("route table `{}` has {count} {kind}", table.value);
            self.at_most(limit, count, table.span, what);
        }
    }

    pub(crate) fn user_route(&mut self, route: &draft::Route) -> Option<UserRoute> {
        let next_hop = self.next_hop(route);
        let (prefixes, tag) = self.route_prefix(&route.address_prefix)?;
        let next_hop = next_hop?;
        if let (UserNextHop::VirtualAppliance(address), None, [prefix]) =
            (next_hop, &tag, prefixes.as_slice())
            && address.is_ipv4() != prefix.addr().is_ipv4()
        {
            let what = format!("route `{}` leads {prefix} to {address}", route.name.value);
            self.problem(
                Problem::error("BAD_VALUE", route.address_prefix.span, what)
                    .help("prefix and next hop are of one address family"),
            );
        }
        Some(UserRoute { name: route.name.clone(), prefixes, tag, next_hop, span: route.span })
    }

    /// RT-09, RT-10.
    fn next_hop(&mut self, route: &draft::Route) -> Option<UserNextHop> {
        let written = &route.next_hop_type;
        let lower = written.value.to_ascii_lowercase();
        let Some((_, name)) = NEXT_HOP_TYPES.iter().find(|(spelling, _)| *spelling == lower) else {
            let problem = Problem::error(
                "BAD_NEXT_HOP_TYPE",
                written.span,
                format!("route `{}` has next hop type `{}`", route.name.value, written.value),
            );
            let names = NEXT_HOP_TYPES.iter().map(|(_, name)| *name);
            let help = if SYSTEM_ONLY.contains(&lower.as_str()) {
                "only the platform sets this type; a user-defined route cannot name it (RT-10)".to_owned()
            } else if let Some(near) = did_you_mean(&written.value, names) {
                format!("did you mean `{near}`?")
            } else {
                "write VirtualAppliance, VirtualNetworkGateway, VnetLocal, Internet or None".to_owned()
            };
            self.problem(problem.help(help));
            return None;
        };
        let address = route.next_hop_ip_address.as_ref();
        match (*name, address) {
            ("VirtualAppliance", Some(ip)) => Some(UserNextHop::VirtualAppliance(ip.value)),
            ("VirtualAppliance", None) => {
                let what =
                    format!("route `{}` to a VirtualAppliance has no nextHopIpAddress", route.name.value);
                self.problem(
                    Problem::error("MISSING_PROPERTY", written.span, what)
                        .help("add nextHopIpAddress: <address of the appliance> (RT-09)"),
                );
                None
            }
            (name, Some(ip)) => {
                let what = format!("route `{}` has next hop type {name} and an address", route.name.value);
                self.problem(
                    Problem::error("CONFLICTING_PROPERTIES", ip.span, what)
                        .help("nextHopIpAddress is for VirtualAppliance only (RT-09); remove it"),
                );
                None
            }
            ("VirtualNetworkGateway", None) => Some(UserNextHop::VirtualNetworkGateway),
            ("VnetLocal", None) => Some(UserNextHop::VnetLocal),
            ("Internet", None) => Some(UserNextHop::Internet),
            (_, None) => Some(UserNextHop::None),
        }
    }

    /// A block, or the prefixes of a service tag (RT-13).
    fn route_prefix(&mut self, written: &At<String>) -> Option<(Vec<IpNet>, Option<String>)> {
        if let Some(net) = self.block(written) {
            return Some((vec![net], None));
        }
        if written.value.starts_with(|c: char| c.is_ascii_digit()) || written.value.contains('/') {
            let what = format!("`{}` is not an address block", written.value);
            self.problem(Problem::error("BAD_VALUE", written.span, what).help("write it like 10.30.0.0/16"));
            return None;
        }
        let known = self.network.service_tag(&written.value).map(<[IpNet]>::to_vec);
        let tag = written.value.clone();
        match known {
            Some(prefixes) => Some((prefixes, Some(tag))),
            None => {
                let what = format!("the prefixes of service tag `{tag}` are not known");
                self.problem(
                    Problem::error("UNKNOWN_SERVICE_TAG", written.span, what)
                        .help("list them under network.serviceTags"),
                );
                None
            }
        }
    }

    /// `text` as a block without host bits; those are cut with a warning.
    pub(super) fn block(&mut self, written: &At<String>) -> Option<IpNet> {
        let net: IpNet = written.value.trim().parse().ok()?;
        Some(self.without_host_bits(net, written.span))
    }

    /// The same for a list of blocks.
    pub(crate) fn blocks(&mut self, written: &[At<IpNet>]) -> Vec<At<IpNet>> {
        written.iter().map(|b| At::new(self.without_host_bits(b.value, b.span), b.span)).collect()
    }

    fn without_host_bits(&mut self, net: IpNet, span: Span) -> IpNet {
        if net.trunc() != net {
            let what = format!("`{net}` has host bits set; it is taken as {}", net.trunc());
            self.problem(Problem::warning("HOST_BITS", span, what));
        }
        net.trunc()
    }

    /// RT-09: no two routes of one table share a prefix.
    fn unique_prefixes(&mut self, table: &At<String>, routes: &[UserRoute]) {
        for (ix, route) in routes.iter().enumerate() {
            let Some(first) = routes[..ix].iter().find(|other| same_prefix(other, route)) else { continue };
            let what = format!(
                "routes `{}` and `{}` of table `{}` have the same prefix",
                first.name.value, route.name.value, table.value
            );
            self.problem(
                Problem::error("DUPLICATE_PREFIX", route.span, what)
                    .related(first.span, "first one here")
                    .help("Azure refuses the second one (RT-09); remove one"),
            );
        }
    }
}

/// RT-09: whether two routes may not stand in one table.
pub(crate) fn same_prefix(a: &UserRoute, b: &UserRoute) -> bool {
    match (&a.tag, &b.tag) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
        (None, None) => a.prefixes == b.prefixes,
        _ => false,
    }
}
