//! The Azure CLI's own shapes (`--compat az`): what scripts and people that know `az` expect, key by key (DIAG-01 to DIAG-12).
//!
//! No envelope, keys in alphabetical order, two blanks of indentation, as the CLI prints. Tables are those of its
//! formatter, or where it has none its default: one column for each plain value. Called by `cli`. Must never add a key that
//! the CLI does not have.

use serde_json::{Map, Value, json};
use vnetsim_analysis::{
    AppliedNsg, AppliedRule, AskedNsg, ConnectionHop, ConnectionIssue, Connectivity, EffectiveRow, IpFlow,
    NextHop, ResourceIds, rule_of_diagnostics,
};
use vnetsim_compile::RuleField;
use vnetsim_model::{Network, PeeringLink, PeeringScope};
use vnetsim_types::{IpNet, NsgLevel, PeeringId, SimTime, SubnetId, VnetId};

use crate::{
    azure_tools::IpFlowQuestion,
    json::{access, direction},
    listing::routes_text,
    table::table,
};

/// DIAG-01: `az network nic show-effective-route-table`.
pub fn az_routes(network: &Network, subnet: SubnetId, rows: &[EffectiveRow]) -> Value {
    let table = network[subnet].route_table.as_ref().map(|table| &network[table.value]);
    let no_propagation = table.is_some_and(|table| table.disable_bgp_route_propagation.value);
    let one = |row: &EffectiveRow| {
        json!({
            "addressPrefix": row.prefixes.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "disableBgpRoutePropagation": no_propagation,
            "hasBgpOverride": false,
            "name": row.name,
            "nextHopIpAddress": row.next_hop_ip.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "nextHopType": row.next_hop_type.to_string(),
            "source": row.source.to_string(),
            "state": row.state(),
        })
    };
    json!({ "nextLink": null, "value": rows.iter().map(one).collect::<Vec<_>>() })
}

/// DIAG-02: the same with `-o table`.
pub fn az_routes_table(rows: &[EffectiveRow]) -> String {
    routes_text(rows)
}

/// DIAG-03: `az network nic list-effective-nsg`.
pub fn az_nsgs(nsgs: &[AppliedNsg]) -> Value {
    let one = |nsg: &AppliedNsg| {
        let id = json!({ "id": nsg.association });
        let (nic, subnet) = match nsg.level {
            NsgLevel::Nic => (id, Value::Null),
            NsgLevel::Subnet => (Value::Null, id),
        };
        json!({
            "association": { "networkInterface": nic, "subnet": subnet },
            "effectiveSecurityRules": nsg.rules.iter().map(rule).collect::<Vec<_>>(),
            "networkSecurityGroup": { "id": nsg.nsg },
            "tagMap": null,
        })
    };
    json!({ "value": nsgs.iter().map(one).collect::<Vec<_>>() })
}

fn rule(rule: &AppliedRule) -> Value {
    // The singular property is there when there is one value.
    let single = |all: &[String]| if let [one] = all { json!(one) } else { Value::Null };
    json!({
        "access": access(rule.allow),
        "destinationAddressPrefix": single(&rule.destination),
        "destinationAddressPrefixes": rule.destination,
        "destinationPortRange": single(&rule.destination_ports),
        "destinationPortRanges": rule.destination_ports,
        "direction": direction(rule.direction),
        "expandedDestinationAddressPrefix": rule.expanded_destination,
        "expandedSourceAddressPrefix": rule.expanded_source,
        "name": rule.name,
        "priority": rule.priority,
        "protocol": rule.protocol,
        "sourceAddressPrefix": single(&rule.source),
        "sourceAddressPrefixes": rule.source,
        "sourcePortRange": single(&rule.source_ports),
        "sourcePortRanges": rule.source_ports,
    })
}

/// DIAG-03 with `-o table`: names on the first row of each group, `-` for the association that is not there.
pub fn az_nsgs_table(nsgs: &[AppliedNsg]) -> String {
    let name = |id: &str| id.rsplit('/').next().unwrap_or_default().to_owned();
    let mut rows = Vec::new();
    for nsg in nsgs {
        let (nic, subnet) = match nsg.level {
            NsgLevel::Nic => (name(&nsg.association), "-".to_owned()),
            NsgLevel::Subnet => ("-".to_owned(), name(&nsg.association)),
        };
        let mut names = [nic, subnet, name(&nsg.nsg)];
        for rule in &nsg.rules {
            let [nic, subnet, group] = std::mem::take(&mut names);
            let (way, access) = (direction(rule.direction).to_owned(), access(rule.allow).to_owned());
            rows.push(vec![nic, subnet, group, rule.name.clone(), rule.protocol.to_owned(), way, access]);
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    table(&["NIC", "Subnet", "NSG", "Rule Name", "Protocol", "Direction", "Access"], &rows)
}

/// DIAG-04: `az network watcher show-next-hop`, asked in `vnet`.
pub fn az_next_hop(network: &Network, vnet: VnetId, answer: &NextHop) -> Value {
    let table = answer.table.map(|id| ResourceIds::new(network).route_table(vnet, id));
    json!({
        "nextHopIpAddress": answer.ip.map(|ip| ip.to_string()),
        "nextHopType": answer.kind.to_string(),
        "routeTableId": table.unwrap_or_else(|| "System Route".to_owned()),
    })
}

/// DIAG-05: `az network watcher test-ip-flow`.
pub fn az_ip_flow(answer: &IpFlow) -> Value {
    json!({ "access": access(answer.allowed), "ruleName": answer.rule })
}

/// DIAG-06: `az network watcher run-configuration-diagnostic` for one flow: every NSG asked and every rule tried.
pub fn az_diagnostics(question: &IpFlowQuestion<'_>, answer: &IpFlow) -> Value {
    let IpFlowQuestion { network, compiled, nic, direction: way, key } = question;
    let (ids, home) = (ResourceIds::new(network), &network[*nic]);
    let evaluated = |asked: &AskedNsg| {
        let (decided, info) = (asked.answer.rule, compiled.acl(asked.answer.acl));
        let tried = asked.missed.iter().map(|missed| (missed.rule, &missed.fields[..]));
        let rules = tried.chain([(decided, &[][..])]).map(|(rule, differs)| {
            let matched = |field| !differs.contains(&field);
            json!({
                "destinationMatched": matched(RuleField::Destination),
                "destinationPortMatched": matched(RuleField::DestinationPorts),
                "name": rule_of_diagnostics(compiled, rule),
                "protocolMatched": matched(RuleField::Protocol),
                "sourceMatched": matched(RuleField::Source),
                "sourcePortMatched": matched(RuleField::SourcePorts),
            })
        });
        let applied_to = match asked.answer.level {
            NsgLevel::Nic => ids.nic(*nic),
            NsgLevel::Subnet => ids.subnet(home.subnet),
        };
        json!({
            "appliedTo": applied_to,
            "matchedRule": {
                "action": access(asked.answer.allowed), "ruleName": rule_of_diagnostics(compiled, decided),
            },
            "networkSecurityGroupId": ids.nsg(home.vnet, info.nsg),
            "rulesEvaluationResult": rules.collect::<Vec<_>>(),
        })
    };
    json!({ "results": [{
        "networkSecurityGroupResult": {
            "evaluatedNetworkSecurityGroups": answer.asked.iter().map(evaluated).collect::<Vec<_>>(),
            "securityRuleAccessResult": access(answer.allowed),
        },
        "profile": {
            "destination": key.dst.to_string(),
            "destinationPort": key.dst_port.to_string(),
            "direction": direction(*way),
            "protocol": key.protocol.to_string().to_uppercase(),
            "source": key.src.to_string(),
        },
    }] })
}

/// DIAG-07: `az network watcher test-connectivity`.
pub fn az_connectivity(answer: &Connectivity) -> Value {
    let latency = answer.round_trip.map(milliseconds);
    let hops = answer.hops.iter().enumerate().map(|(ix, hop)| {
        let next: Vec<&str> = answer.hops.get(ix + 1).map(|next| next.id.as_str()).into_iter().collect();
        connection_hop(hop, &next)
    });
    json!({
        "avgLatencyInMs": latency,
        "connectionStatus": if answer.reachable { "Reachable" } else { "Unreachable" },
        "hops": hops.collect::<Vec<_>>(),
        "maxLatencyInMs": latency,
        "minLatencyInMs": latency,
        "probesFailed": answer.probes_failed,
        "probesSent": answer.probes_sent,
    })
}

fn connection_hop(hop: &ConnectionHop, next: &[&str]) -> Value {
    let issue = |issue: &ConnectionIssue| {
        let (key, value) = issue.kind.context();
        json!({
            "context": [{ "key": key, "value": value }],
            "origin": issue.origin.text(),
            "severity": "Error",
            "type": issue.kind.text(),
        })
    };
    json!({
        "address": hop.address.to_string(),
        "id": hop.id,
        "issues": hop.issues.iter().map(issue).collect::<Vec<_>>(),
        "nextHopIds": next,
        "resourceId": hop.resource,
        "type": hop.kind.text(),
    })
}

/// DIAG-11, JSON-03: `az network vnet peering list`. Links of classic networks are no objects of Azure.
pub fn az_peerings(network: &Network, links: &[PeeringId]) -> Value {
    let links = links.iter().filter(|id| !network[**id].implied);
    links.map(|id| peering(network, *id)).collect()
}

fn peering(network: &Network, id: PeeringId) -> Value {
    let (ids, link) = (ResourceIds::new(network), &network[id]);
    let space = |prefixes: &mut dyn Iterator<Item = IpNet>| json!({ "addressPrefixes": prefixes.map(|p| p.to_string()).collect::<Vec<_>>() });
    let now = |vnet: VnetId| space(&mut network[vnet].address_space.iter().map(|p| p.value));
    let copy = |link: &PeeringLink| space(&mut link.remote_address_space.iter().copied());
    let opposite = network.link_between(link.remote.value, link.vnet);
    let mut all = json!({
        "allowForwardedTraffic": link.allow_forwarded_traffic.value,
        "allowGatewayTransit": link.allow_gateway_transit.value,
        "allowVirtualNetworkAccess": link.allow_virtual_network_access.value,
        "doNotVerifyRemoteGateways": link.do_not_verify_remote_gateways,
        "id": ids.peering(id),
        "localAddressSpace": opposite.map_or_else(|| now(link.vnet), |(_, link)| copy(link)),
        "localVirtualNetworkAddressSpace": now(link.vnet),
        "name": link.name.value,
        "peeringState": link.state.text(),
        "peeringSyncLevel": network.sync_level(id).text(),
        "provisioningState": "Succeeded",
        "remoteAddressSpace": copy(link),
        "remoteVirtualNetwork": {
            "id": ids.vnet(link.remote.value), "resourceGroup": ids.resource_group(),
        },
        "remoteVirtualNetworkAddressSpace": now(link.remote.value),
        "resourceGroup": ids.resource_group(),
        "type": "Microsoft.Network/virtualNetworks/virtualNetworkPeerings",
        "useRemoteGateways": link.use_remote_gateways.value,
    });
    if let PeeringScope::Subnets { local, remote } = &link.scope {
        let names = |all: &[SubnetId]| all.iter().map(|id| &network[*id].name.value).collect::<Vec<_>>();
        all["peerCompleteVnets"] = json!(false);
        all["enableOnlyIPv6Peering"] = json!(link.only_ipv6);
        all["localSubnetNames"] = json!(names(local));
        all["remoteSubnetNames"] = json!(names(remote));
    }
    all
}

/// Whole milliseconds, rounded to the nearest as far as the documents show.
fn milliseconds(time: SimTime) -> u64 {
    (time.0 + 500_000) / 1_000_000
}

/// What the CLI prints with `-o table` where it has no format of its own: plain values that are not null, in alphabetical
/// order, keys with a capital (DIAG-04, DIAG-05, DIAG-11).
pub fn az_table(value: &Value) -> String {
    let items: Vec<&Map<String, Value>> = match value {
        Value::Array(all) => all.iter().filter_map(Value::as_object).collect(),
        one => one.as_object().into_iter().collect(),
    };
    const LEFT_OUT: [&str; 4] = ["id", "type", "etag", "revision"];
    let plain = |key: &str, value: &Value| {
        !LEFT_OUT.contains(&key) && !value.is_null() && !value.is_array() && !value.is_object()
    };
    let mut keys: Vec<&str> = Vec::new();
    for (key, value) in items.iter().copied().flatten() {
        if plain(key, value) && !keys.contains(&key.as_str()) {
            keys.push(key);
        }
    }
    if keys.is_empty() {
        return String::new();
    }
    keys.sort_unstable();
    let cell = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(true)) => "True".to_owned(),
        Some(Value::Bool(false)) => "False".to_owned(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let rows: Vec<Vec<String>> =
        items.iter().map(|item| keys.iter().map(|key| cell(item.get(*key))).collect()).collect();
    let headers: Vec<String> = keys.iter().map(|key| capital(key)).collect();
    table(&headers.iter().map(String::as_str).collect::<Vec<_>>(), &rows)
}

fn capital(key: &str) -> String {
    let mut chars = key.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
