//! Tables of a network: effective routes, next hop, peerings, effective security rules.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vnetsim_analysis::{EffectiveRow, NextHop, rule_path};
use vnetsim_compile::{Compiled, CompiledRule};
use vnetsim_model::{Network, PortRange};
use vnetsim_trace::Explainer;
use vnetsim_types::{AclIx, Direction, NicId, NsgLevel, PeeringId, SimTime, SubnetId};

use crate::{
    Sources,
    json::{access, direction},
    table::table,
    wrap::wrap,
};

/// Effective routes as `az network nic show-effective-route-table -o table` (DIAG-02).
pub fn routes_text(rows: &[EffectiveRow]) -> String {
    let cells = |row: &EffectiveRow| {
        let ip = row.next_hop_ip.map_or_else(String::new, |ip| ip.to_string());
        let (source, kind) = (row.source.to_string(), row.next_hop_type.to_string());
        vec![source, row.state().to_owned(), row.prefix_text(), kind, ip]
    };
    let rows: Vec<_> = rows.iter().map(cells).collect();
    table(&["Source", "State", "Address Prefix", "Next Hop Type", "Next Hop IP"], &rows)
}

/// Answer of `vnetsim next-hop` (DIAG-04).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NextHopAnswer {
    /// Where the question is asked.
    pub subnet: String,
    /// The destination.
    pub dst: IpAddr,
    /// `nextHopIpAddress`.
    pub ip: Option<IpAddr>,
    /// `nextHopType`; `None` also when no route matches.
    pub kind: String,
    /// The route table, or `System Route`.
    pub route_table: String,
    /// Winner and losers in words.
    pub contest: Vec<String>,
}

/// What was found for `dst`, with the contest of routes in words.
pub fn next_hop_answer(
    explainer: &Explainer<'_>,
    subnet: SubnetId,
    dst: IpAddr,
    found: &NextHop,
) -> NextHopAnswer {
    let hop = explainer.route_contest(SimTime::ZERO, subnet, dst, found.route);
    let mut contest = vec![format!("{}  wins  {}", hop.decision, hop.by)];
    contest.extend(
        hop.losers
            .iter()
            .map(|l| format!("{}  {}: {}", l.route, if l.listed { "loses" } else { "gone" }, l.why)),
    );
    let network = explainer.network;
    NextHopAnswer {
        subnet: network.subnet_path(subnet),
        dst,
        ip: found.ip,
        kind: found.kind.to_string(),
        route_table: found
            .table
            .map_or_else(|| "System Route".to_owned(), |table| network[table].name.value.clone()),
        contest,
    }
}

/// The columns of `az network watcher show-next-hop -o table`, then the contest.
pub fn next_hop_text(answer: &NextHopAnswer) -> String {
    let mut headers = vec!["NextHopType", "RouteTableId"];
    let mut row = vec![answer.kind.clone(), answer.route_table.clone()];
    if let Some(ip) = answer.ip {
        headers.insert(0, "NextHopIpAddress");
        row.insert(0, ip.to_string());
    }
    let mut out = table(&headers, &[row]);
    out.push('\n');
    for line in &answer.contest {
        out.push_str(&wrap("  ", line, 4));
    }
    out
}

/// Peering links with their state and flags, and where the input says them.
pub fn peerings_text(network: &Network, links: &[PeeringId], sources: &Sources) -> String {
    if links.is_empty() {
        return "no peering links\n".to_owned();
    }
    let yes = |flag: bool| if flag { "true" } else { "false" }.to_owned();
    let cells = |id: &PeeringId| {
        let link = &network[*id];
        vec![
            network.link_path(*id),
            network[link.remote.value].name.value.clone(),
            link.state.text().to_owned(),
            network.sync_level(*id).text().to_owned(),
            yes(link.allow_virtual_network_access.value),
            yes(link.allow_forwarded_traffic.value),
            yes(link.allow_gateway_transit.value),
            yes(link.use_remote_gateways.value),
            sources.place(link.name.span).unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = links.iter().map(cells).collect();
    let flags = ["access", "forwarded", "gatewayTransit", "useRemoteGateways"];
    let headers = [&["Link", "Remote", "State", "Sync"][..], &flags, &["Where"]].concat();
    table(&headers, &rows)
}

/// One NSG that applies to a NIC, with its rules in order of evaluation.
#[derive(Clone, Debug)]
pub struct NsgListing {
    /// Its name.
    pub nsg: String,
    /// Where it is attached.
    pub level: NsgLevel,
    /// Direction of the rules.
    pub direction: Direction,
    /// The rules.
    pub rules: Vec<ListedRule>,
}

/// A rule as people read it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedRule {
    /// Its priority.
    pub priority: u16,
    /// `securityRules/...` or `defaultSecurityRules/...` (NSG-31).
    pub name: String,
    /// `Allow` or `Deny`.
    pub access: &'static str,
    /// `*`, `Tcp`, ...
    pub protocol: String,
    /// Source as written.
    pub source: String,
    /// Source ports.
    pub source_ports: String,
    /// Destination as written.
    pub destination: String,
    /// Destination ports.
    pub destination_ports: String,
    /// What a tag of the source stands for; empty where there is none.
    pub expanded_source: Vec<String>,
    /// What a tag of the destination stands for; empty where there is none.
    pub expanded_destination: Vec<String>,
    /// Prefixes of its tags that nobody knows, such as `IPv6 prefixes of AzureCloud` (NSG-18).
    pub unknown: Vec<String>,
}

impl ListedRule {
    /// Without what NSG-31 puts before it.
    fn short_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or_default()
    }
}

/// The NSGs of `nic` in the order in which they are asked: inbound, then outbound (NSG-09).
pub fn nsg_listings(network: &Network, compiled: &Compiled, nic: NicId) -> Vec<NsgListing> {
    let table = &compiled.tables.nics[nic.ix()];
    let at = |level| match level {
        NsgLevel::Subnet => table.subnet_acl,
        NsgLevel::Nic => table.nic_acl,
    };
    let order = [
        (Direction::Inbound, NsgLevel::Subnet),
        (Direction::Inbound, NsgLevel::Nic),
        (Direction::Outbound, NsgLevel::Nic),
        (Direction::Outbound, NsgLevel::Subnet),
    ];
    let listing = |(direction, level): (Direction, NsgLevel)| {
        let acl = at(level)?;
        let nsg = network[compiled.acl(acl).nsg].name.value.clone();
        Some(NsgListing { nsg, level, direction, rules: rules(network, compiled, acl, direction) })
    };
    order.into_iter().filter_map(listing).collect()
}

fn rules(network: &Network, compiled: &Compiled, acl: AclIx, direction: Direction) -> Vec<ListedRule> {
    let info = compiled.acl(acl);
    let tags = &compiled.tags[info.subnet.ix()];
    let expand = |written: &str| -> Vec<String> {
        let prefixes = match written {
            "VirtualNetwork" => Some(tags.virtual_network.as_slice()),
            "Internet" => Some(tags.internet.as_slice()),
            "AzureLoadBalancer" => Some(tags.azure_load_balancer.as_slice()),
            tag => network.service_tag(tag),
        };
        prefixes.unwrap_or_default().iter().map(ToString::to_string).collect()
    };
    let listed = |rule: &CompiledRule| {
        let about = compiled.rule(rule.ix);
        let custom = about.custom.map(|place| &network[info.nsg].rules[place]);
        ListedRule {
            priority: about.priority,
            name: rule_path(compiled, rule.ix),
            access: access(rule.allow),
            protocol: custom.map_or("*", |r| r.protocol.text()).to_owned(),
            source: about.source.clone(),
            source_ports: custom.map_or_else(|| "*".to_owned(), |r| ports(&r.source_ports)),
            destination: about.destination.clone(),
            destination_ports: custom.map_or_else(|| "*".to_owned(), |r| ports(&r.destination_ports)),
            expanded_source: expand(&about.source),
            expanded_destination: expand(&about.destination),
            unknown: [(rule.source, &about.source), (rule.destination, &about.destination)]
                .into_iter()
                .filter_map(|(side, tag)| {
                    let of = |ip: IpAddr| side.unknown_for(ip);
                    match (of(Ipv4Addr::UNSPECIFIED.into()), of(Ipv6Addr::UNSPECIFIED.into())) {
                        (true, _) => Some(format!("prefixes of {tag}")),
                        (false, true) => Some(format!("IPv6 prefixes of {tag}")),
                        (false, false) => None,
                    }
                })
                .collect(),
        }
    };
    compiled.rules_of(acl, direction).iter().map(listed).collect()
}

pub(crate) fn ports(ranges: &[PortRange]) -> String {
    let one = |r: &PortRange| match *r {
        PortRange::ANY => "*".to_owned(),
        PortRange { from, to } if from == to => from.to_string(),
        PortRange { from, to } => format!("{from}-{to}"),
    };
    ranges.iter().map(one).collect::<Vec<_>>().join(",")
}

/// Effective rules of a NIC, in the order in which they are asked, then what the tags stand for.
pub fn nsg_text(nic: &str, listings: &[NsgListing]) -> String {
    if listings.is_empty() {
        return format!(
            "{nic} has no NSG, neither on the NIC nor on its subnet: everything is allowed (NSG-11)\n"
        );
    }
    let mut out = String::new();
    for listing in listings {
        let level = if listing.level == NsgLevel::Nic { "NIC" } else { "subnet" };
        out.push_str(&format!("{}: NSG {} on the {level}\n", direction(listing.direction), listing.nsg));
        let rows: Vec<_> = listing.rules.iter().map(rule_row).collect();
        out.push_str(&table(
            &["Prio", "Name", "Access", "Proto", "Source", "Ports", "Destination", "Ports"],
            &rows,
        ));
        out.push('\n');
    }
    out.push_str(&legend(listings));
    out
}

fn rule_row(r: &ListedRule) -> Vec<String> {
    vec![
        r.priority.to_string(),
        r.short_name().to_owned(),
        r.access.to_owned(),
        r.protocol.clone(),
        short(&r.source),
        r.source_ports.clone(),
        short(&r.destination),
        r.destination_ports.clone(),
    ]
}

/// What the tables only begin to say: lists of prefixes, what tags stand for, and what nobody knows of them. Each once.
fn legend(listings: &[NsgListing]) -> String {
    let mut tags: Vec<(&str, &[String])> = Vec::new();
    let mut several: Vec<(String, &str)> = Vec::new();
    for (listing, rule) in listings.iter().flat_map(|l| l.rules.iter().map(move |rule| (l, rule))) {
        let sides = [
            ("source", &rule.source, &rule.expanded_source),
            ("destination", &rule.destination, &rule.expanded_destination),
        ];
        for (side, written, expanded) in sides {
            let what = format!("{}/{} {side}", listing.nsg, rule.short_name());
            if written.contains(' ') && !several.iter().any(|(known, _)| *known == what) {
                several.push((what, written));
            }
            if !expanded.is_empty() && !tags.iter().any(|(known, _)| known == written) {
                tags.push((written, expanded));
            }
        }
    }
    let mut out = String::new();
    for (what, prefixes) in several {
        out.push_str(&wrap(&format!("{what} = "), prefixes, 4));
    }
    for (tag, expanded) in tags {
        let empty = tag == "Internet" && expanded.iter().all(|prefix| prefix.contains(':'));
        let why = if empty { "; no IPv4 address is left: VirtualNetwork has them all (NSG-16)" } else { "" };
        out.push_str(&wrap(&format!("{tag} = "), &format!("{}{why}", expanded.join(" ")), 4));
    }
    let mut unknown: Vec<&String> = listings.iter().flat_map(|l| &l.rules).flat_map(|r| &r.unknown).collect();
    unknown.sort_unstable();
    unknown.dedup();
    for what in unknown {
        let why = "not known here; a packet that hangs on them ends as INSUFFICIENT_INPUT (NSG-18)";
        out.push_str(&wrap("", &format!("{what}: {why}"), 4));
    }
    out
}

/// The first of several prefixes, and how many there are.
fn short(prefixes: &str) -> String {
    match prefixes.split_once(' ') {
        Some((first, rest)) => format!("{first} +{}", rest.split(' ').count()),
        None => prefixes.to_owned(),
    }
}
