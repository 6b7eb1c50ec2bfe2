//! vnetsim's own, richer words for what Azure's tools answer: IP flow verify with every rule tried, connection troubleshoot
//! with every hop, and what the tools would have told about a trace (DIAG-09).
//!
//! Called by `cli` and `trace`. The shapes of the Azure CLI itself are in `az.rs`.

use serde_json::{Value, json};
use vnetsim_analysis::{
    AskedNsg, AzureVerdict, Bearing, ConnectionHop, ConnectionIssue, Connectivity, IpFlow, MissedRule, Played,
};
use vnetsim_compile::{Compiled, RuleField};
use vnetsim_model::{Network, PortRange};
use vnetsim_trace::{Hop, HopKind, PacketExplanation, tag_without, tag_words};
use vnetsim_types::{Direction, FlowKey, NicId, NsgId, NsgLevel, Part, RuleIx, TrafficId};

use crate::{
    Sources, TraceAnswer,
    az::az_connectivity,
    json::{access, direction, envelope, source, trace_json},
    listing::ports,
    table::table,
    trace::{packet_name, recorded, verdict_text},
    wrap::wrap,
};

/// Where an IP flow was verified.
#[derive(Clone, Copy, Debug)]
pub struct IpFlowQuestion<'a> {
    /// The network.
    pub network: &'a Network,
    /// What it compiles to.
    pub compiled: &'a Compiled,
    /// The NIC whose NSGs are asked.
    pub nic: NicId,
    /// In which direction.
    pub direction: Direction,
    /// The five-tuple, source first.
    pub key: FlowKey,
}

/// Access, rule, where it stands, and every rule tried before it with the fields that differ.
pub fn ip_flow_text(question: &IpFlowQuestion<'_>, answer: &IpFlow, sources: &Sources) -> String {
    let name = &question.network[question.nic].name.value;
    let by = match (answer.known, answer.asked.is_empty()) {
        (_, true) => "no NSG on NIC and subnet (NSG-11)",
        (false, _) => "nobody knows: the rule names a tag that nobody described (NSG-18)",
        _ => &answer.rule,
    };
    let head = format!(
        "{}  {by}  {}  {} at {name}",
        access(answer.allowed),
        question.key,
        direction(question.direction)
    );
    let mut out = wrap("", &head, 6);
    for asked in &answer.asked {
        out.push_str(&asked_text(question, asked, sources));
    }
    out.push_str(&wrap(
        "  ",
        "NSGs only: routes, peerings, appliances and guests are not asked (DIAG-05)",
        4,
    ));
    out
}

fn asked_text(question: &IpFlowQuestion<'_>, asked: &AskedNsg, sources: &Sources) -> String {
    let IpFlowQuestion { network, compiled, .. } = question;
    let info = compiled.acl(asked.answer.acl);
    let (nsg, rule) = (&network[info.nsg], compiled.rule(asked.answer.rule));
    let level = if asked.answer.level == NsgLevel::Nic { "NIC" } else { "subnet" };
    let span = if rule.custom.is_some() { rule.span } else { nsg.name.span };
    let place = sources.place(span).map_or_else(String::new, |place| {
        if rule.custom.is_some() { format!("  {place}") } else { format!("  default rule; group at {place}") }
    });
    let by = format!(
        "{} on the {level}: {access} by {} ({}){place}",
        nsg.name.value,
        rule.name,
        rule.priority,
        access = access(asked.answer.allowed)
    );
    let mut out = wrap("  NSG ", &by, 6);
    let mut sides = vec![rule.source.as_str()];
    if rule.destination != rule.source {
        sides.push(&rule.destination);
    }
    for tag in sides {
        if let Some(words) = tag_words(network, compiled, info.subnet, tag) {
            out.push_str(&wrap("      ", &format!("{tag} = {words}"), 10));
        }
    }
    for missed in &asked.missed {
        let about = compiled.rule(missed.rule);
        let fields: Vec<String> =
            missed.fields.iter().map(|field| field_words(question, info.nsg, missed.rule, *field)).collect();
        let what = format!("{} ({}): {}", about.name, about.priority, fields.join("; "));
        out.push_str(&wrap("      not ", &what, 10));
        for (field, tag, ip) in [
            (RuleField::Source, &about.source, question.key.src),
            (RuleField::Destination, &about.destination, question.key.dst),
        ] {
            let why = tag_without(network, info.subnet, tag, ip).filter(|_| missed.fields.contains(&field));
            out.extend(why.map(|why| wrap("          ", &why, 12)));
        }
    }
    out
}

/// What a rule asks for and the packet does not have.
fn field_words(question: &IpFlowQuestion<'_>, nsg: NsgId, rule: RuleIx, field: RuleField) -> String {
    let about = question.compiled.rule(rule);
    let custom = about.custom.map(|place| &question.network[nsg].rules[place]);
    let of = |ranges: Option<&[PortRange]>| ranges.map_or_else(|| "*".to_owned(), ports);
    let key = &question.key;
    match field {
        RuleField::Protocol => {
            format!("protocol {}, not {}", custom.map_or("*", |r| r.protocol.text()), key.protocol)
        }
        RuleField::Source => format!("source {}, not {}", about.source, key.src),
        RuleField::SourcePorts => {
            format!("source port {}, not {}", of(custom.map(|r| &r.source_ports[..])), key.src_port)
        }
        RuleField::Destination => format!("destination {}, not {}", about.destination, key.dst),
        RuleField::DestinationPorts => {
            let said = of(custom.map(|r| &r.destination_ports[..]));
            format!("destination port {said}, not {}", key.dst_port)
        }
    }
}

/// `vnetsim ip-flow-verify -o json`.
pub fn ip_flow_json(question: &IpFlowQuestion<'_>, answer: &IpFlow, sources: &Sources) -> Value {
    let IpFlowQuestion { network, compiled, .. } = question;
    let asked = |asked: &AskedNsg| {
        let info = compiled.acl(asked.answer.acl);
        let rule = compiled.rule(asked.answer.rule);
        let missed = |missed: &MissedRule| {
            let about = compiled.rule(missed.rule);
            let fields = missed.fields.iter().map(|f| field_words(question, info.nsg, missed.rule, *f));
            json!({ "name": about.name, "priority": about.priority, "differs": fields.collect::<Vec<_>>() })
        };
        json!({
            "networkSecurityGroup": network[info.nsg].name.value,
            "association": if asked.answer.level == NsgLevel::Nic { "networkInterface" } else { "subnet" },
            "rule": rule.name, "priority": rule.priority,
            "access": access(asked.answer.allowed),
            "source": source(rule.span, sources),
            "triedBefore": asked.missed.iter().map(missed).collect::<Vec<_>>(),
        })
    };
    let body = json!({
        "access": access(answer.allowed),
        "known": answer.known,
        "ruleName": answer.rule,
        "networkInterface": network[question.nic].name.value,
        "direction": direction(question.direction),
        "flow": question.key.to_string(),
        "asked": answer.asked.iter().map(asked).collect::<Vec<_>>(),
    });
    envelope("ip-flow-verify", body)
}

/// The verdict and its cause, the hops of the request in one table, then what the Azure tool would print.
pub fn connectivity_text(
    played: &Played,
    answer: &Connectivity,
    from: &str,
    to: &str,
    sources: &Sources,
) -> String {
    let mut out = verdict_text(played, TrafficId(0), (from, to), &[], sources);
    out.push_str(&packets_table(played));
    if answer.hops.first().is_some_and(|source| source.resource == "Unknown") {
        out.push_str("\naz network watcher test-connectivity cannot be asked: the source is no VM\n");
        return out;
    }
    out.push_str("\naz network watcher test-connectivity would print\n");
    let latency = answer.round_trip.map_or_else(String::new, |time| format!(", {time}"));
    let status = if answer.reachable { "Reachable" } else { "Unreachable" };
    let probes = format!("{} of {} probes failed", answer.probes_failed, answer.probes_sent);
    out.push_str(&wrap("", &format!("{status}, {probes}{latency}"), 2));
    let rows: Vec<Vec<String>> = answer.hops.iter().map(hop_row).collect();
    out.push_str(&table(&["Hop", "Address", "Resource", "Issues"], &rows));
    out
}

/// What request and answer met, as recorded: a table each.
fn packets_table(played: &Played) -> String {
    let trace = recorded(played, TrafficId(0)).map(|(_, trace)| trace);
    let all = trace.map(|trace| played.explainer().conversation(trace)).unwrap_or_default();
    let mut out = String::new();
    // A packet that dies has its table too, whatever its part.
    let dies = |hop: &Hop| hop.kind == HopKind::Dropped;
    let told = |packet: &&PacketExplanation| {
        matches!(packet.part, Part::Request | Part::Reply) || packet.hops.last().is_some_and(dies)
    };
    for packet in all.iter().filter(told) {
        let hops = packet.hops.iter().filter(|hop| !matches!(hop.kind, HopKind::FlowRecord));
        let cells = |hop: &Hop| {
            let way = hop.direction.map_or("", direction).to_owned();
            vec![hop.place.clone(), way, hop.decision.clone(), hop.by.clone()]
        };
        let name = packet_name(packet.part, packet.key.protocol);
        out.push_str(&format!("\n{name}  {}\n", packet.key));
        out.push_str(&table(&["Where", "Direction", "Decision", "By"], &hops.map(cells).collect::<Vec<_>>()));
    }
    out
}

/// A hop of connection troubleshoot.
fn hop_row(hop: &ConnectionHop) -> Vec<String> {
    let issue = |issue: &ConnectionIssue| {
        let (key, value) = issue.kind.context();
        format!("{} {} {key} {value}", issue.origin.text(), issue.kind.text())
    };
    let issues: Vec<String> = hop.issues.iter().map(issue).collect();
    // The id without subscription, group and provider.
    let resource = hop.resource.rsplit("/providers/").next().unwrap_or_default();
    let resource = resource.split_once('/').map_or(resource, |(_, path)| path);
    vec![hop.kind.text().to_owned(), hop.address.to_string(), resource.to_owned(), issues.join("; ")]
}

/// `vnetsim connectivity -o json`: the trace, and under `azure` what the CLI prints.
pub fn connectivity_json(played: &Played, answer: &Connectivity, sources: &Sources) -> Value {
    let (from, to) = ("", "");
    let trace =
        TraceAnswer { played, from, to, causes: &[], repairs: &[], ports: played, readings: &[], tools: &[] };
    let mut body = trace_json(&trace, sources);
    body["command"] = json!("connectivity");
    body["azure"] = az_connectivity(answer);
    body
}

/// What the Azure tools would have told, one after the other, and where that misleads.
pub(crate) fn azure_verdicts_text(verdicts: &[AzureVerdict]) -> String {
    let Some(widest) = verdicts.iter().map(|v| v.tool.text().len()).max() else { return String::new() };
    let mut out = "\nwhat the Azure tools would have told you (DIAG-09)\n".to_owned();
    let dead = verdicts.iter().any(|verdict| verdict.bearing != Bearing::Neutral);
    let mut before = None;
    for verdict in verdicts {
        let head = format!("  {:<widest$}  ", verdict.tool.text());
        let shows = match verdict.bearing {
            Bearing::Shows => "  <- shows the cause",
            Bearing::Neutral if dead => "  (says nothing of the cause)",
            _ => "",
        };
        out.push_str(&wrap(&head, &format!("{}: {}{shows}", verdict.at, verdict.says), widest + 6));
        if let Bearing::Misleading(why) = &verdict.bearing {
            let why = if before == Some(why) { "for the same reason" } else { why };
            out.push_str(&wrap(&" ".repeat(widest + 6), &format!("misleading: {why}"), widest + 8));
        }
        before = if let Bearing::Misleading(why) = &verdict.bearing { Some(why) } else { None };
    }
    out
}

/// The same for `azureTools` of a trace.
pub(crate) fn azure_verdicts_json(verdicts: &[AzureVerdict]) -> Value {
    let one = |verdict: &AzureVerdict| {
        let misleading = if let Bearing::Misleading(why) = &verdict.bearing { Some(why) } else { None };
        json!({
            "tool": verdict.tool.text(), "at": verdict.at, "says": verdict.says,
            "showsCause": verdict.bearing == Bearing::Shows, "misleading": misleading,
        })
    };
    verdicts.iter().map(one).collect()
}
