//! A conversation for a tired reader: one verdict line, the cause if it died, then every hop, numbered.

use std::collections::BTreeMap;

use vnetsim_analysis::{AzureVerdict, Finding, Played, Reading, Repair};
use vnetsim_sim::{Outcome, OutcomeGroup};
use vnetsim_trace::{ConversationTrace, Diagnosis, Explainer, Hop, HopKind, PacketExplanation};
use vnetsim_types::{Direction, IpProtocol, Part, TrafficId};

use crate::{
    Sources,
    azure_tools::azure_verdicts_text,
    disputed::disputed_text,
    findings::causes_text,
    fix::repair_line,
    wrap::{COLUMNS, wrap},
};

/// Narrowest and widest column of places.
const PLACE_COLUMN: std::ops::RangeInclusive<usize> = 14..=44;

/// One conversation, and what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct TraceAnswer<'a> {
    /// The run: its first traffic entry is the one asked about.
    pub played: &'a Played,
    /// Who sends, as asked.
    pub from: &'a str,
    /// Who is sent to, as asked.
    pub to: &'a str,
    /// Findings that explain it.
    pub causes: &'a [Finding],
    /// Changes after which it arrives, each played.
    pub repairs: &'a [Repair],
    /// The same flow from other source ports, where a balancer chooses.
    pub ports: &'a Played,
    /// Readings under which it ends otherwise.
    pub readings: &'a [Reading],
    /// What Azure's tools would have told about it.
    pub tools: &'a [AzureVerdict],
}

/// The first conversation of the first traffic entry of a run.
pub fn trace_text(answer: &TraceAnswer<'_>, sources: &Sources) -> String {
    let TraceAnswer { played, from, to, causes, repairs, ports, readings, tools } = *answer;
    let id = TrafficId(0);
    let mut out = verdict_text(played, id, (from, to), repairs, sources);
    if out.is_empty() {
        return "nothing was sent\n".to_owned();
    }
    out.push_str(&ports_text(played, ports));
    if played.all_completed() {
        // What does not die here dies from other ports.
        repairs.iter().for_each(|repair| out.push_str(&wrap("  fix    ", &repair_line(repair), 9)));
    }
    out.push_str(&causes_text(causes, sources));
    out.push_str(&disputed_text(readings, id, &played.explainer()));
    if let Some((_, trace)) = recorded(played, id) {
        out.push_str(&packets_text(&played.explainer().conversation(trace), sources));
    }
    out.push_str(&azure_verdicts_text(tools));
    out
}

/// How many other source ports end otherwise, and how.
fn ports_text(played: &Played, ports: &Played) -> String {
    let explainer = ports.explainer();
    let ending = |report: &vnetsim_sim::TrafficReport| report.outcomes.first().map(|group| group.outcome);
    let words = |outcome: Outcome| match outcome {
        Outcome::Dropped { at, reason, .. } => format!("DROP {reason} at {}", explainer.place(at)),
        other => other.words().unwrap_or_default().to_owned(),
    };
    let ours = played.report.traffic.first().and_then(ending);
    let mut others: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (entry, report) in ports.traffic.iter().zip(&ports.report.traffic) {
        if let Some(outcome) = ending(report).filter(|outcome| Some(*outcome) != ours) {
            others.entry(words(outcome)).or_default().push(entry.source_port.to_string());
        }
    }
    let line = |(words, from): (&String, &Vec<String>)| {
        let all = ports.traffic.len() + 1;
        let text = format!(
            "the balancer's hash decides: of {all} source ports tried, {} {words}: {}",
            from.len(),
            from.join(" ")
        );
        wrap("  ports  ", &text, 9)
    };
    others.iter().map(line).collect()
}

/// The recorded conversation that shows how entry `id` ended.
pub(crate) fn recorded(played: &Played, id: TrafficId) -> Option<(&OutcomeGroup, &ConversationTrace)> {
    let group = played.report.traffic.get(id.ix())?.outcomes.first()?;
    Some((group, played.trace.conversation(id, group.first)?))
}

/// Every hop of every packet, numbered.
pub(crate) fn packets_text(packets: &[PacketExplanation], sources: &Sources) -> String {
    packets.iter().map(|packet| format!("\n{}", packet_text(packet, packets, sources))).collect()
}

/// The verdict line of entry `id`, and what it died of. Remedies that were played are worth more than what is usual.
pub(crate) fn verdict_text(
    played: &Played,
    id: TrafficId,
    (from, to): (&str, &str),
    repairs: &[Repair],
    sources: &Sources,
) -> String {
    let Some((group, trace)) = recorded(played, id) else { return String::new() };
    let explainer = played.explainer();
    let mut out = verdict_line(&explainer, group.outcome, group.total_ns, trace, from, to);
    if let Some(mut diagnosis) = explainer.diagnosis(trace) {
        if !repairs.is_empty() {
            diagnosis.fix = repairs.iter().map(repair_line).collect();
        }
        out.push_str(&diagnosis_text(&diagnosis, sources));
    }
    out
}

/// `PASS  tcp a -> b   vm1 -> vm2   via nva, back via nva   RTT 1.7 ms`
fn verdict_line(
    explainer: &Explainer<'_>,
    outcome: Outcome,
    lasted_ns: u64,
    trace: &ConversationTrace,
    from: &str,
    to: &str,
) -> String {
    let key = trace.packets.first().and_then(|p| p.key()).map_or_else(String::new, |k| k.to_string());
    let way = |part| {
        let packet = trace.part(part)?;
        let names: Vec<String> = packet.via().map(|place| explainer.place(place)).collect();
        let way = if names.is_empty() { "direct".to_owned() } else { format!("via {}", shorten(&names)) };
        // An answer that died went nowhere "direct": where it came to is what one wants to know.
        let Some((at, _)) = packet.drop().filter(|_| part == Part::Reply) else { return Some(way) };
        let at = explainer.place(at);
        Some(match (names.last(), names.is_empty()) {
            (Some(last), _) if *last == at => format!("{way}, dies there"),
            (_, false) => format!("{way} to {at}, dies there"),
            (_, true) => format!("to {at}, dies there"),
        })
    };
    let mut ways = way(Part::Request).unwrap_or_default();
    match way(Part::Reply) {
        Some(back) => ways.push_str(&format!(", back {back}")),
        None if ways == "direct" => ways.clear(), // it died before anybody could have been in between
        None => {}
    }
    let head = match outcome {
        Outcome::Completed => format!("PASS  {key}  {from} -> {to}  {ways}"),
        Outcome::Dropped { part, at, reason } => {
            let what = packet_name(part, explainer_protocol(trace));
            format!("DROP  {reason}  {what} dies at {}  {key}  {from} -> {to}  {ways}", explainer.place(at))
        }
        other => format!("FAIL  {}  {key}  {from} -> {to}  {ways}", other.words().unwrap_or_default()),
    };
    let time = match outcome {
        Outcome::Completed => {
            format!("  {} packets in {}", trace.packets.len(), vnetsim_types::SimTime(lasted_ns))
        }
        _ => String::new(),
    };
    wrap("", &format!("{head}{time}"), 6)
}

/// Names in a row; a loop is cut after the first round.
fn shorten(names: &[String]) -> String {
    if names.len() > 4 && names.iter().all(|n| *n == names[0]) {
        return format!("{} ({} times)", names[0], names.len());
    }
    names.join(" > ")
}

fn explainer_protocol(trace: &ConversationTrace) -> IpProtocol {
    trace.packets.first().and_then(|p| p.key()).map_or(IpProtocol::TCP, |k| k.protocol)
}

/// `SYN`, `SYN-ACK`, `request`, `reply`, ...
pub(crate) fn packet_name(part: Part, protocol: IpProtocol) -> &'static str {
    match (part, protocol == IpProtocol::TCP) {
        (Part::Request, true) => "SYN",
        (Part::Reply, true) => "SYN-ACK",
        (Part::Request, false) => "request",
        (Part::Reply, false) => "reply",
        (Part::Ack, _) => "ACK",
        (Part::IcmpError, _) => "ICMP error",
        (Part::Forward, true) => "segment",
        (Part::Backward, true) => "answering segment",
        (Part::Forward, false) => "later packet",
        (Part::Backward, false) => "later answer",
    }
}

/// Reason, object, place, cause, remedy.
pub(crate) fn diagnosis_text(diagnosis: &Diagnosis, sources: &Sources) -> String {
    let reason = diagnosis.reason;
    let mut out = wrap("  why    ", &format!("{} ({})", reason.sentence(), reason.rule()), 9);
    if !diagnosis.object.is_empty() {
        out.push_str(&wrap("  what   ", &diagnosis.object, 9));
    }
    if let Some(place) = sources.place(diagnosis.span) {
        let head = format!("  where  {place}   ");
        let room = COLUMNS.saturating_sub(head.chars().count());
        out.push_str(format!("{head}{}", sources.excerpt(diagnosis.span, room)).trim_end());
        out.push('\n');
    }
    for because in &diagnosis.because {
        out.push_str(&wrap("  cause  ", because, 9));
    }
    for fix in &diagnosis.fix {
        out.push_str(&wrap("  fix    ", fix, 9));
    }
    out
}

/// One packet's hops; a third packet that went the way of the first is told in one line.
fn packet_text(packet: &PacketExplanation, all: &[PacketExplanation], sources: &Sources) -> String {
    let direction = match packet.part {
        Part::Request | Part::Ack | Part::Forward => "forward",
        Part::Reply | Part::Backward => "return",
        Part::IcmpError => "error",
    };
    let name = packet_name(packet.part, packet.key.protocol);
    let mut out = wrap("", &format!("{direction}  {name}  {}", packet.key), 9);
    let same_way = |a: &PacketExplanation| places(a) == places(packet) && a.part != packet.part;
    if packet.part == Part::Ack && all.iter().any(same_way) {
        out.push_str("  the same way as the SYN, by the flow records that it left; delivered\n");
        return out;
    }
    let widest = packet.hops.iter().map(|hop| hop.place.chars().count()).max().unwrap_or_default();
    let column = widest.clamp(*PLACE_COLUMN.start(), *PLACE_COLUMN.end());
    let rounds = loop_rounds(&packet.hops);
    for (number, hop) in packet.hops.iter().enumerate() {
        if rounds.is_some_and(|(first, last)| (first..last).contains(&number)) {
            if rounds.is_some_and(|(first, _)| first == number) {
                out.push_str("   ...  the same round again and again, one ttl less each time\n");
            }
            continue;
        }
        out.push_str(&hop_text(number + 1, hop, column, sources));
    }
    out
}

/// Where it was and what routed it, without the NSG steps that a flow record spares.
fn places(packet: &PacketExplanation) -> Vec<(&str, &str)> {
    let counts =
        |kind| !matches!(kind, HopKind::Nsg | HopKind::FlowRecord | HopKind::Sent | HopKind::Delivered);
    packet.hops.iter().filter(|h| counts(h.kind)).map(|h| (h.place.as_str(), h.decision.as_str())).collect()
}

/// The hops of a loop that need not be shown: all rounds but the first two and the last.
pub(crate) fn loop_rounds(hops: &[Hop]) -> Option<(usize, usize)> {
    let passes: Vec<usize> = (0..hops.len()).filter(|ix| hops[*ix].kind == HopKind::Appliance).collect();
    let repeated =
        passes.len() > 6 && passes.iter().skip(1).all(|ix| hops[*ix].place == hops[passes[0]].place);
    repeated.then(|| (passes[2], passes[passes.len() - 1]))
}

/// `column` is the width of the places. Further lines of a hop stand under its text.
fn hop_text(number: usize, hop: &Hop, column: usize, sources: &Sources) -> String {
    let way = match hop.direction {
        Some(Direction::Inbound) => "IN ",
        Some(Direction::Outbound) => "OUT",
        None => "   ",
    };
    let mut text = hop.decision.clone();
    if !hop.by.is_empty() {
        text.push_str("  ");
        text.push_str(&hop.by);
    }
    let said = matches!(hop.kind, HopKind::Nsg | HopKind::Route | HopKind::Peering);
    if let Some((line, _)) = sources.line_column(hop.span).filter(|_| said) {
        text.push_str(&format!("  (line {line})"));
    }
    let head = format!("{number:>4}  {:<column$} {way} ", hop.place);
    let under = column + 11;
    let mut out = wrap(&head, &text, under + 2);
    for note in &hop.notes {
        out.push_str(&wrap(&" ".repeat(under), note, under + 2));
    }
    for loser in &hop.losers {
        let verb = if loser.listed { "beat" } else { "gone" };
        let text = format!("{verb} {}: {}", loser.route, loser.why);
        out.push_str(&wrap(&" ".repeat(under), &text, under + 2));
    }
    out
}
