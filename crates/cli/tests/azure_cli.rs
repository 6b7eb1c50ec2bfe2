//! `--compat az` against the samples that Part 8 of docs/semantics.md took from Azure's documentation: the same keys, the same
//! spellings, nothing more. The samples are read from the document, so nothing here knows how vnetsim writes.

use std::{collections::BTreeMap, process::Command};

use serde_json::Value;

/// A network for which Azure would print the samples.
const FILE: &str = "crates/cli/tests/azure_cli/documented.yaml";

fn prints(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_vnetsim"))
        .args(args)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn answer(args: &[&str]) -> Value {
    serde_json::from_str(&prints(&[args, &["--compat", "az"]].concat())).expect("JSON")
}

/// The first fenced block behind the rule `id`, of a language or of none.
fn sample(id: &str, language: &str) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/semantics.md");
    let text = std::fs::read_to_string(path).expect("docs/semantics.md");
    let (_, rest) = text.split_once(&format!("- **{id}**")).expect("the rule");
    let mut lines = rest.lines();
    loop {
        let opens = lines.by_ref().find_map(|line| line.strip_prefix("```")).expect("a sample");
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if opens == language {
            return block.join("\n");
        }
    }
}

fn documented(id: &str) -> Value {
    serde_json::from_str(&sample(id, "json")).expect("the sample is JSON")
}

/// Compares field by field. `<guid1>` stands for a GUID, the same one everywhere; `...` for any text. Returns what differs.
#[derive(Default)]
struct Comparison {
    guids: BTreeMap<String, String>,
    differs: Vec<String>,
}

impl Comparison {
    fn of(documented: &Value, printed: &Value) -> Vec<String> {
        let mut comparison = Self::default();
        comparison.value("", documented, printed);
        comparison.differs
    }

    fn value(&mut self, path: &str, documented: &Value, printed: &Value) {
        match (documented, printed) {
            (Value::Object(a), Value::Object(b)) => {
                for key in a.keys().filter(|key| !b.contains_key(*key)) {
                    self.differs.push(format!("{path}/{key} is missing"));
                }
                for key in b.keys().filter(|key| !a.contains_key(*key)) {
                    self.differs.push(format!("{path}/{key} is not in the documents"));
                }
                for (key, value) in a {
                    if let Some(printed) = b.get(key) {
                        self.value(&format!("{path}/{key}"), value, printed);
                    }
                }
            }
            (Value::Array(a), Value::Array(b)) => {
                if a.len() != b.len() {
                    self.differs.push(format!("{path}: {} elements, documented are {}", b.len(), a.len()));
                }
                for (ix, (a, b)) in a.iter().zip(b).enumerate() {
                    self.value(&format!("{path}/{ix}"), a, b);
                }
            }
            (Value::String(a), Value::String(b)) if self.text(a, b) => {}
            (a, b) if a == b => {}
            (a, b) => self.differs.push(format!("{path}: {b}, documented is {a}")),
        }
    }

    fn text(&mut self, documented: &str, printed: &str) -> bool {
        if documented.starts_with("<guid") {
            let known = self.guids.entry(documented.to_owned()).or_insert_with(|| printed.to_owned());
            return known == printed && is_guid(printed);
        }
        match documented.split_once("...") {
            Some((start, end)) => printed.starts_with(start) && printed.ends_with(end),
            None => documented == printed,
        }
    }
}

fn is_guid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [8, 4, 4, 4, 12] && parts.iter().all(|part| part.chars().all(|c| c.is_ascii_hexdigit()))
}

fn same(id: &str, printed: &Value) {
    assert_eq!(Comparison::of(&documented(id), printed), Vec::<String>::new(), "{id}: {printed:#}");
}

#[test]
fn effective_routes_are_documented_ones() {
    same("DIAG-01", &answer(&["routes", FILE, "vm1"]));
    same("DIAG-01", &answer(&["routes", FILE, "--resource-group", "RG", "--name", "vm1-nic"]));
}

/// The sample shows one rule of the group: the printed list is cut down to that one.
#[test]
fn effective_rules_are_documented_ones() {
    let mut printed = answer(&["nsg", FILE, "vm3"]);
    let rules = printed["value"][0]["effectiveSecurityRules"].as_array_mut().expect("rules");
    assert_eq!(rules.len(), 6, "the default rules of both directions (NSG-07)");
    let keys = |rule: &Value| rule.as_object().expect("a rule").keys().cloned().collect::<Vec<_>>();
    assert!(rules.iter().all(|rule| keys(rule) == keys(&rules[0])), "every rule has the same keys");
    rules.retain(|rule| rule["name"] == "defaultSecurityRules/AllowVnetInBound");
    same("DIAG-03", &printed);
}

/// DIAG-03: how "any address", one port, and rules without tags print.
#[test]
fn rules_without_tags_print_as_documented() {
    let printed = answer(&["nsg", FILE, "nva"]);
    let group = &printed["value"][0];
    assert!(group["association"]["subnet"].is_null());
    let id = group["association"]["networkInterface"]["id"].as_str().expect("an id");
    assert!(id.ends_with("/providers/Microsoft.Network/networkInterfaces/nva-nic"), "{id}");
    let rules = group["effectiveSecurityRules"].as_array().expect("rules");
    let rule = rules.iter().find(|rule| rule["name"] == "securityRules/Port80").expect("the own rule");
    assert_eq!(rule["protocol"], "Tcp");
    assert_eq!(rule["destinationPortRange"], "80-80");
    assert_eq!(rule["sourceAddressPrefix"], "0.0.0.0/0");
    assert!(rule["expandedSourceAddressPrefix"].is_null());
}

#[test]
fn a_nic_without_groups_has_an_empty_list() {
    assert_eq!(answer(&["nsg", FILE, "vm1"]), serde_json::json!({ "value": [] }));
}

#[test]
fn next_hops_are_documented_ones() {
    let az = ["--vm", "vm1", "--nic", "vm1-nic", "--source-ip", "10.20.0.4", "--dest-ip", "10.30.0.4"];
    same("DIAG-04", &answer(&[&["next-hop", FILE][..], &az[..]].concat()));
    let system = answer(&["next-hop", FILE, "vm3", "10.10.0.4"]);
    let documented = serde_json::json!({"nextHopIpAddress": null, "nextHopType": "VNetPeering", "routeTableId": "System Route"});
    assert_eq!(system, documented);
}

#[test]
fn ip_flows_are_documented_ones() {
    let ask = |remote: &str| {
        let flow = ["--direction", "Outbound", "--protocol", "TCP", "--local", "10.20.1.4:60000"];
        answer(&[&["ip-flow-verify", FILE, "--vm", "vm3"][..], &flow, &["--remote", remote]].concat())
    };
    same("DIAG-05", &ask("10.99.0.1:80"));
    let allowed = ask("8.8.8.8:80");
    assert_eq!(allowed["access"], "Allow");
    assert_eq!(allowed["ruleName"], "defaultSecurityRules/AllowInternetOutBound");
}

/// U-21: without any group everything is allowed, by no rule.
#[test]
fn without_a_group_ip_flow_verify_names_no_rule() {
    let flow =
        ["--direction", "Inbound", "--protocol", "UDP", "--local", "10.20.0.4:53", "--remote", "1.2.3.4:*"];
    let printed = answer(&[&["ip-flow-verify", FILE, "vm1"][..], &flow].concat());
    assert_eq!(printed, serde_json::json!({ "access": "Allow", "ruleName": "" }));
}

/// DIAG-06, in the example of the REST reference: its keys, and which fields of which rule matched.
/// <https://github.com/Azure/azure-rest-api-specs>, NetworkWatcherNetworkConfigurationDiagnostic.json
#[test]
fn diagnostics_are_documented_ones() {
    let flow = ["--direction", "Outbound", "--protocol", "TCP", "--local", "10.10.0.4:60000"];
    let printed = answer(
        &[&["ip-flow-verify", FILE, "nva"][..], &flow, &["--remote", "8.8.8.8:443", "--diagnostics"]]
            .concat(),
    );
    let documented = serde_json::json!({ "results": [{
        "profile": {
            "direction": "Outbound", "protocol": "TCP", "source": "10.10.0.4", "destination": "8.8.8.8",
            "destinationPort": "443"
        },
        "networkSecurityGroupResult": {
            "securityRuleAccessResult": "Allow",
            "evaluatedNetworkSecurityGroups": [{
                "networkSecurityGroupId": ".../networkSecurityGroups/nsg-nva",
                "appliedTo": ".../networkInterfaces/nva-nic",
                "matchedRule": { "ruleName": "DefaultRule_AllowInternetOutBound", "action": "Allow" },
                "rulesEvaluationResult": [
                    { "name": "UserRule_Port80", "protocolMatched": true, "sourceMatched": true,
                      "sourcePortMatched": true, "destinationMatched": true, "destinationPortMatched": false },
                    { "name": "DefaultRule_AllowVnetOutBound", "protocolMatched": true, "sourceMatched": true,
                      "sourcePortMatched": true, "destinationMatched": false, "destinationPortMatched": true },
                    { "name": "DefaultRule_AllowInternetOutBound", "protocolMatched": true, "sourceMatched": true,
                      "sourcePortMatched": true, "destinationMatched": true, "destinationPortMatched": true }
                ]
            }]
        }
    }]});
    assert_eq!(Comparison::of(&documented, &printed), Vec::<String>::new(), "{printed:#}");
}

#[test]
fn connections_are_documented_ones() {
    same("DIAG-07", &answer(&["connectivity", FILE, "vm1", "vm2", "-p", "tcp/80"]));
    let az = ["--source-resource", "vm1", "--dest-resource", "vm2", "--dest-port", "80"];
    same("DIAG-07", &answer(&[&["connectivity", FILE][..], &az].concat()));
}

/// DIAG-07: with a direct peering there are two hops, and latencies when reachable.
#[test]
fn a_direct_peering_is_two_hops() {
    let printed = answer(&["connectivity", FILE, "vm3", "nva"]);
    let types: Vec<&Value> =
        printed["hops"].as_array().expect("hops").iter().map(|hop| &hop["type"]).collect();
    assert_eq!(types, ["Source", "VnetLocal"]);
    assert_eq!(printed["connectionStatus"], "Reachable");
    assert_eq!(printed["probesFailed"], 0);
    assert!(printed["avgLatencyInMs"].is_u64());
}

/// DIAG-02, DIAG-04, DIAG-05: the headings of the tables.
#[test]
fn tables_have_the_documented_columns() {
    let columns = |line: &str| -> Vec<String> {
        line.split("  ").map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let first = |text: &str| columns(text.lines().next().expect("a line"));
    let routes = prints(&["routes", FILE, "vm1", "--compat", "az", "-o", "table"]);
    assert_eq!(first(&routes), first(&sample("DIAG-02", "")));
    let flow =
        ["--direction", "Inbound", "--protocol", "TCP", "--local", "10.20.1.4:1", "--remote", "8.8.8.8:2"];
    let verdict =
        prints(&[&["ip-flow-verify", FILE, "vm3"][..], &flow, &["--compat", "az", "-o", "table"]].concat());
    assert_eq!(first(&verdict), first(&sample("DIAG-05", "")));
    let hop = prints(&["next-hop", FILE, "vm1", "10.30.0.4", "--compat", "az", "-o", "table"]);
    assert_eq!(first(&hop), ["NextHopIpAddress", "NextHopType", "RouteTableId"]);
    let hop = prints(&["next-hop", FILE, "vm3", "10.20.0.4", "--compat", "az", "-o", "table"]);
    assert_eq!(first(&hop), ["NextHopType", "RouteTableId"]);
    let rules = prints(&["nsg", FILE, "vm3", "--compat", "az", "-o", "table"]);
    assert_eq!(first(&rules), ["NIC", "Subnet", "NSG", "Rule Name", "Protocol", "Direction", "Access"]);
}

/// DIAG-11: the columns that the document lists, and JSON-03's names of what it does not mark as missing in a description.
#[test]
fn peerings_have_the_documented_columns() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/semantics.md");
    let text = std::fs::read_to_string(path).expect("docs/semantics.md");
    let (_, rest) = text.split_once("- **DIAG-11**").expect("the rule");
    let (_, rest) = rest.split_once("CLI default): ").expect("the columns");
    let documented: Vec<&str> = rest.split_once(" [GK]").expect("their end").0.split(", ").collect();
    let table = prints(&["peerings", FILE, "--compat", "az", "-o", "table"]);
    let columns: Vec<&str> = table.lines().next().expect("a line").split_whitespace().collect();
    assert_eq!(columns, documented);
    let printed = answer(&["peerings", FILE, "--vnet-name", "s1"]);
    let link = &printed[0];
    assert_eq!(link["peeringState"], "Connected");
    assert_eq!(link["remoteAddressSpace"]["addressPrefixes"][0], "10.10.0.0/16");
    let id = link["remoteVirtualNetwork"]["id"].as_str().expect("an id");
    assert!(id.ends_with("/providers/Microsoft.Network/virtualNetworks/hub"), "{id}");
}

/// DIAG-09, row by row: what each tool says of a death, and whether a trace calls that misleading.
#[test]
fn tools_say_of_a_death_what_is_documented() {
    // Drop reason; scenario and ends; effective routes, next hop, IP flow verify at the source, connection troubleshoot.
    let rows = [
        (
            "NSG_DENY",
            "vectors/V-12.yaml vm1 vm2",
            ["Active", "VNetPeering", "Allow", "NetworkSecurityRule RuleName"],
        ),
        (
            "ROUTE_NONE",
            "vectors/V-04.yaml vm1 vm2",
            ["Active 10.0.0.0/8 None", "None", "Allow", "RouteType System"],
        ),
        (
            "IP_FORWARDING_DISABLED",
            "drops/IpForwardingDisabled.yaml vm1 vm2",
            ["VirtualAppliance", "VirtualAppliance", "Allow", "Unreachable, last hop VirtualAppliance"],
        ),
        (
            "FORWARDED_TRAFFIC_BLOCKED",
            "vectors/V-06.yaml vm1 vm2",
            ["VNetPeering", "VNetPeering", "Allow", "Unreachable, last hop VnetLocal 10.30.0.4, no issue"],
        ),
        ("NVA_NO_SESSION", "vectors/V-14.yaml vm1 shared", ["Active", "Virtual", "Allow", "Unreachable"]),
        (
            "ROUTING_LOOP",
            "vectors/V-35.yaml vm1 vm2",
            ["Active", "VirtualAppliance", "Allow", "VirtualAppliance"],
        ),
    ];
    for (reason, args, says) in rows {
        let args = format!("trace scenarios/{args} -o json");
        let trace: Value = serde_json::from_str(&prints(&args.split(' ').collect::<Vec<_>>())).expect("JSON");
        assert_eq!(trace["drop"]["reason"], reason);
        let tools = trace["azureTools"].as_array().expect("what the tools say");
        let of = |tool: &str| tools.iter().find(|t| t["tool"] == tool).expect(tool);
        let names = ["effective routes", "next hop", "IP flow verify", "connection troubleshoot"];
        for (tool, says) in names.into_iter().zip(says) {
            let said = of(tool)["says"].as_str().expect("words");
            assert!(said.contains(says), "{reason}, {tool}: {said}");
        }
        let shown = tools.iter().any(|t| t["showsCause"] == true);
        assert_eq!(
            shown,
            ["NSG_DENY", "ROUTE_NONE"].contains(&reason),
            "{reason}: only these have an issue type"
        );
        assert!(shown || of("connection troubleshoot")["misleading"].is_string(), "{reason}");
    }
}
