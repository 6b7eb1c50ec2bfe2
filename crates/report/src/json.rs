//! Machine output: a versioned envelope around the same answers.
//!
//! Property names are those of Azure's tools where they have one (DIAG-01 to DIAG-08).

use serde_json::{Value, json};
use vnetsim_analysis::{EffectiveRow, Judgement, Played};
use vnetsim_model::{Network, Traffic};
use vnetsim_trace::{Diagnosis, Explainer, Hop, PacketExplanation};
use vnetsim_types::{Direction, NsgLevel, PeeringId, Problem, Span, TrafficId};

use crate::{
    NextHopAnswer, NsgListing, RunAnswer, Sources, TraceAnswer,
    achieved::{achieved_json, counts_json, packets_json},
    az::az_peerings,
    azure_tools::azure_verdicts_json,
    bill::bill_json,
    disputed::readings_json,
    findings::finding_json,
    fix::repair_json,
    replay::replays_json,
    run::verdict_word,
    trace::packet_name,
};

/// Version of every envelope.
const VERSION: u32 = 1;

pub(crate) fn envelope(command: &str, body: Value) -> Value {
    let mut out = json!({ "vnetsim": VERSION, "command": command });
    if let (Some(out), Value::Object(body)) = (out.as_object_mut(), body) {
        out.extend(body);
    }
    out
}

pub(crate) fn source(span: Span, sources: &Sources) -> Value {
    match (sources.line_column(span), sources.file(span.file)) {
        (Some((line, column)), Some((path, _))) => json!({ "file": path, "line": line, "column": column }),
        _ => Value::Null,
    }
}

/// `vnetsim check -o json`, and the problems of any command.
pub fn problems_json(command: &str, problems: &[Problem], sources: &Sources) -> Value {
    let all: Vec<Value> = problems.iter().map(|p| problem_json(p, sources)).collect();
    envelope(command, json!({ "problems": all }))
}

/// A problem of an input.
pub(crate) fn problem_json(p: &Problem, sources: &Sources) -> Value {
    let severity = p.severity.text();
    let help = (!p.help.is_empty()).then_some(&p.help);
    json!({ "severity": severity, "code": p.code, "message": p.message, "help": help, "source": source(p.span, sources) })
}

/// `vnetsim routes -o json`: DIAG-01.
pub fn routes_json(rows: &[EffectiveRow]) -> Value {
    let one = |row: &EffectiveRow| {
        json!({
            "addressPrefix": row.prefixes.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "name": row.name,
            "nextHopIpAddress": row.next_hop_ip.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "nextHopType": row.next_hop_type.to_string(),
            "source": row.source.to_string(),
            "state": row.state(),
        })
    };
    envelope("routes", json!({ "value": rows.iter().map(one).collect::<Vec<_>>() }))
}

/// `vnetsim next-hop -o json`: DIAG-04.
pub fn next_hop_json(answer: &NextHopAnswer) -> Value {
    let body = json!({
        "nextHopIpAddress": answer.ip.map(|ip| ip.to_string()),
        "nextHopType": answer.kind,
        "routeTableId": answer.route_table,
        "contest": answer.contest,
    });
    envelope("next-hop", body)
}

/// `vnetsim nsg -o json`: DIAG-03, one element per NSG and direction.
pub fn nsg_json(listings: &[NsgListing]) -> Value {
    let one = |listing: &NsgListing| {
        let direction = direction(listing.direction);
        let rule = |r: &crate::listing::ListedRule| {
            json!({
                "name": r.name, "priority": r.priority, "direction": direction, "access": r.access, "protocol": r.protocol,
                "sourceAddressPrefix": r.source, "expandedSourceAddressPrefix": r.expanded_source,
                "sourcePortRange": r.source_ports,
                "destinationAddressPrefix": r.destination, "expandedDestinationAddressPrefix": r.expanded_destination,
                "destinationPortRange": r.destination_ports,
            })
        };
        let level = if listing.level == NsgLevel::Nic { "networkInterface" } else { "subnet" };
        json!({
            "networkSecurityGroup": listing.nsg, "association": level,
            "effectiveSecurityRules": listing.rules.iter().map(rule).collect::<Vec<_>>(),
        })
    };
    envelope("nsg", json!({ "value": listings.iter().map(one).collect::<Vec<_>>() }))
}

/// `vnetsim peerings -o json`: DIAG-11, each link with its place.
pub fn peerings_json(network: &Network, links: &[PeeringId], sources: &Sources) -> Value {
    let one = |id: &PeeringId| {
        let mut all = az_peerings(network, &[*id]);
        let mut link = all.get_mut(0).map_or(Value::Null, Value::take);
        if link.is_object() {
            link["source"] = source(network[*id].name.span, sources);
        }
        link
    };
    envelope(
        "peerings",
        json!({ "value": links.iter().map(one).filter(Value::is_object).collect::<Vec<_>>() }),
    )
}

/// As rules say it.
pub(crate) fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "Inbound",
        Direction::Outbound => "Outbound",
    }
}

/// As rules say it.
pub(crate) fn access(allow: bool) -> &'static str {
    if allow { "Allow" } else { "Deny" }
}

/// `vnetsim trace -o json`.
pub fn trace_json(answer: &TraceAnswer<'_>, sources: &Sources) -> Value {
    let TraceAnswer { played, causes, repairs, readings, tools, .. } = *answer;
    let explainer = played.explainer();
    let group = played.report.traffic.first().and_then(|t| t.outcomes.first());
    let Some(group) = group else { return envelope("trace", json!({ "verdict": Value::Null })) };
    let mut body = outcome(&explainer, played, TrafficId(0), group, sources);
    body["azureTools"] = azure_verdicts_json(tools);
    body["repairs"] = repairs.iter().map(repair_json).collect();
    body["findings"] = causes.iter().map(|finding| finding_json(finding, sources)).collect();
    body["disputed"] = readings_json(readings, TrafficId(0), &explainer);
    envelope("trace", body)
}

/// `vnetsim run -o json`.
pub fn run_json(answer: &RunAnswer<'_>, sources: &Sources) -> Value {
    let RunAnswer { name, played, judgements, readings, bill } = *answer;
    let explainer = played.explainer();
    let flow = |(ix, entry): (usize, &Traffic)| {
        let (id, report) = (TrafficId::new(ix), &played.report.traffic[ix]);
        let outcomes: Vec<_> =
            report.outcomes.iter().map(|g| outcome(&explainer, played, id, g, sources)).collect();
        json!({
            "name": entry.name.value, "from": entry.from.address.to_string(), "to": entry.to.address.to_string(),
            "protocol": entry.protocol.to_string(), "conversations": report.started, "outcomes": outcomes,
            "disputed": readings_json(readings, id, &explainer),
            "packets": packets_json(played, id), "achieved": achieved_json(played, id),
        })
    };
    let change = |c: &vnetsim_sim::ChangeReport| {
        let refusal = c.result.as_ref().err().map(|r| json!({ "code": r.code, "message": r.message }));
        json!({ "atNs": c.at.0, "accepted": c.result.is_ok(), "refusal": refusal, "source": source(c.span, sources) })
    };
    let probe = |c: &vnetsim_trace::ProbeChange| json!({ "atNs": c.at.0, "probe": c.probe, "member": c.member, "up": c.up });
    let expectation = |j: &Judgement| {
        json!({ "title": j.title, "holds": j.failures.is_empty(), "failures": j.failures, "because": j.because,
                "source": source(j.span, sources) })
    };
    let report = &played.report;
    let body = json!({
        "name": name,
        "packets": counts_json(report.sent, report.delivered, &report.dropped, report.in_flight()),
        "endNs": report.end.0,
        "stopped": report.stopped,
        "bill": bill_json(bill),
        "timeline": report.changes.iter().map(change).collect::<Vec<_>>(),
        "probes": played.explainer().probe_changes().iter().map(probe).collect::<Vec<_>>(),
        "flows": played.traffic.iter().enumerate().map(flow).collect::<Vec<_>>(),
        "captures": replays_json(&played.captures),
        "expectations": judgements.iter().map(expectation).collect::<Vec<_>>(),
    });
    envelope("run", body)
}

pub(crate) fn outcome(
    explainer: &Explainer<'_>,
    played: &Played,
    id: TrafficId,
    group: &vnetsim_sim::OutcomeGroup,
    sources: &Sources,
) -> Value {
    let shown = played.shown(id, group);
    let packets: Vec<_> = shown.map(|s| explainer.conversation(s.trace)).unwrap_or_default();
    let diagnosis = played.diagnosis(id, group);
    json!({
        "verdict": verdict_word(group.outcome),
        "conversations": group.count,
        "meanDurationNs": group.total_ns / group.count.max(1),
        "drop": diagnosis.map(|d| diagnosis_json(&d, sources)),
        "packets": packets.iter().map(|p| packet(p, sources)).collect::<Vec<_>>(),
    })
}

fn diagnosis_json(d: &Diagnosis, sources: &Sources) -> Value {
    json!({
        "reason": d.reason.code(), "rule": d.reason.rule(), "sentence": d.reason.sentence(), "at": d.place,
        "direction": if d.on_return { "reply" } else { "forward" },
        "object": d.object, "source": source(d.span, sources), "because": d.because, "fix": d.fix,
    })
}

fn packet(p: &PacketExplanation, sources: &Sources) -> Value {
    let hop = |h: &Hop| {
        json!({
            "atNs": h.at.0, "kind": format!("{:?}", h.kind), "place": h.place, "direction": h.direction.map(direction),
            "decision": h.decision, "by": h.by, "notes": h.notes, "source": source(h.span, sources),
            "losers": h.losers.iter().map(|l| json!({ "route": l.route, "listed": l.listed, "why": l.why })).collect::<Vec<_>>(),
        })
    };
    json!({
        "packet": packet_name(p.part, p.key.protocol), "flow": p.key.to_string(),
        "sentNs": p.sent.0, "endedNs": p.ended.0, "hops": p.hops.iter().map(hop).collect::<Vec<_>>(),
    })
}
