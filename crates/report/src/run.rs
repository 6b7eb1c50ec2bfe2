//! What a run came to: the sums, a table of flows, what applications achieved, the reasons of the drops, the timeline, the
//! expectations.

use std::collections::BTreeMap;

use vnetsim_analysis::{BillLine, Judgement, Played, Reading};
use vnetsim_model::{Application, Traffic};
use vnetsim_sim::{Outcome, OutcomeGroup, Report};
use vnetsim_trace::{ConversationTrace, Explainer};
use vnetsim_types::{DropReason, Part, Place, SimTime, TrafficId};

use crate::{
    Sources,
    achieved::achieved_text,
    bill::bill_text,
    disputed::disputed_text,
    replay::replays_text,
    table::table,
    trace::{diagnosis_text, packet_name},
    units::{count, counted},
    wrap::wrap,
};

/// What a run came to.
#[derive(Clone, Copy, Debug)]
pub struct RunAnswer<'a> {
    /// Title of the scenario.
    pub name: &'a str,
    /// The run.
    pub played: &'a Played,
    /// Its expectations.
    pub judgements: &'a [Judgement],
    /// Disputed points that verdicts depend on.
    pub readings: &'a [Reading],
    /// What peerings cost.
    pub bill: &'a [BillLine],
}

/// The summary of a run.
pub fn run_text(answer: &RunAnswer<'_>, sources: &Sources) -> String {
    let RunAnswer { name, played, judgements, readings, bill } = *answer;
    let report = &played.report;
    let mut out = format!("{name}\n{}{}\n", verdict_of_all(report, judgements), sums_text(report));
    out.push_str(&changes_text(played, sources));
    let (rows, reasons) = flows(played, readings, sources);
    if !rows.is_empty() {
        out.push_str(&table(&["Flow", "From", "To", "Protocol", "Verdict", "Count", "Path", "Time"], &rows));
    }
    out.push_str(&achieved_text(played));
    out.push_str(&reasons);
    out.push_str(&replays_text(&played.captures));
    if let Some(at) = report.stuck_at {
        out.push_str(&format!("\nSTOPPED at {at}: too many events at one moment, time does not advance\n"));
    }
    out.push_str(&bill_text(bill));
    if report.stopped {
        let text = "this run was broken off; what stands here is what was known then, and what the scenario expects was \
                    not judged";
        out.push_str(&format!("\n{}", wrap(&format!("STOPPED at {}: ", report.end), text, 2)));
    } else {
        out.push_str(&judgements_text(judgements, sources));
    }
    out
}

/// How many expectations hold, and which do not: the answer in one line, before everything else.
fn verdict_of_all(report: &Report, judgements: &[Judgement]) -> String {
    if report.stopped || judgements.is_empty() {
        return String::new();
    }
    let failed: Vec<&str> =
        judgements.iter().filter(|j| !j.failures.is_empty()).map(|j| j.title.as_str()).collect();
    let holds = format!("{} of {} expectations hold", judgements.len() - failed.len(), judgements.len());
    match failed.as_slice() {
        [] => format!("{holds}\n"),
        failed => wrap("", &format!("{holds}, {} FAILED: {}", failed.len(), failed.join(", ")), 2),
    }
}

/// What became of all packets: the first number is the sum of the others of its line.
fn sums_text(report: &Report) -> String {
    let dropped: u64 = report.dropped.values().sum();
    let sums = format!(
        "{}: {} delivered, {} dropped, {} in flight; {} of virtual time",
        counted(report.sent, "packet"),
        count(report.delivered),
        count(dropped),
        count(report.in_flight()),
        report.end
    );
    let mut out = wrap("", &sums, 2);
    if dropped > 0 {
        let mut reasons: Vec<_> = report.dropped.iter().collect();
        reasons.sort_by_key(|(_, number)| std::cmp::Reverse(**number));
        // A number and its reason stay in one line.
        let words: Vec<String> =
            reasons.iter().map(|(why, n)| format!("{}\u{a0}{why}", count(**n))).collect();
        out.push_str(&wrap("dropped: ", &words.join(", "), 9).replace('\u{a0}', " "));
    }
    out
}

fn changes_text(played: &Played, sources: &Sources) -> String {
    let asked = played.report.changes.iter().map(|change| {
        let line = sources.line_text(change.span).unwrap_or_default().trim_start_matches("- ");
        let what = change.name.as_deref().unwrap_or(line);
        let result = match &change.result {
            Ok(()) => "accepted".to_owned(),
            Err(refusal) => format!("REFUSED {}: {}", refusal.code, refusal.message),
        };
        (change.at, format!("{result}  {what}"))
    });
    let probes = played.explainer().probe_changes().into_iter().map(|change| {
        let now =
            if change.up { "up again: it gets new connections" } else { "down: no new connections to it" };
        (change.at, format!("probe {}  {} is {now}", change.probe, change.member))
    });
    let mut lines: Vec<(SimTime, String)> = asked.chain(probes).collect();
    lines.sort_by_key(|(at, _)| *at);
    let mut out = String::new();
    for (at, line) in lines {
        out.push_str(&wrap(&format!("at {:<8} ", at.to_string()), &line, 12));
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// A row per traffic entry and outcome, and a paragraph per drop.
fn flows(played: &Played, readings: &[Reading], sources: &Sources) -> (Vec<Vec<String>>, String) {
    let explainer = played.explainer();
    let (mut rows, mut reasons) = (Vec::new(), String::new());
    for (ix, entry) in played.traffic.iter().enumerate() {
        let (id, report) = (TrafficId::new(ix), &played.report.traffic[ix]);
        for group in &report.outcomes {
            let shown = played.shown(id, group);
            let [from, to, protocol] = match entry.application {
                Application::Replay => ["-".to_owned(), "-".to_owned(), "capture".to_owned()],
                _ => [end(&explainer, entry.from), end(&explainer, entry.to), entry.protocol.to_string()],
            };
            rows.push(vec![
                entry.name.value.clone(),
                from,
                to,
                protocol,
                verdict(group, entry),
                format!("{}/{}", group.count, report.started),
                shown.map_or_else(String::new, |s| path(&explainer, s.trace, group.outcome)),
                mean_time(group),
            ]);
            reasons.push_str(&reason_text(played, id, group, sources));
        }
        let disputed = disputed_text(readings, id, &explainer);
        if !disputed.is_empty() {
            let dropped = report.outcomes.iter().any(|g| g.outcome != Outcome::Completed);
            if !dropped {
                reasons.push_str(&format!("\n{}: delivered\n", entry.name.value));
            }
            reasons.push_str(&disputed);
        }
    }
    (rows, reasons)
}

/// Why conversations ended as they did; empty when they completed.
pub(crate) fn reason_text(played: &Played, id: TrafficId, group: &OutcomeGroup, sources: &Sources) -> String {
    let entry = &played.traffic[id.ix()];
    let name = &entry.name.value;
    let mut out = match group.outcome {
        Outcome::Completed => return String::new(),
        Outcome::Dropped { reason, .. } => {
            format!("\n{name}: {reason}, {}\n", place(group, &played.explainer(), entry))
        }
        other => {
            let words = other.words().unwrap_or_default();
            let number = counted(group.count, "conversation");
            let (why, look) = without_a_word(other, entry);
            let head = format!("\n{name}: {number} {words}\n");
            head + &wrap("  why    ", why, 9) + &wrap("  look   ", look, 9)
        }
    };
    if let Some(diagnosis) = played.diagnosis(id, group) {
        if !matches!(group.outcome, Outcome::Dropped { .. }) {
            let packet = format!("a packet died at {}: {}", diagnosis.place, diagnosis.reason);
            out.push_str(&wrap("  seen   ", &packet, 9));
        }
        out.push_str(&diagnosis_text(&diagnosis, sources));
        out.push_str(&other_failures(played, id, diagnosis.reason));
    }
    out
}

/// The failures behind the packets that died for another reason than the one explained, most packets first.
fn other_failures(played: &Played, id: TrafficId, explained: DropReason) -> String {
    let (entry, explainer) = (&played.traffic[id.ix()], played.explainer());
    if entry.application == Application::Exchange {
        return String::new();
    }
    let mut others: BTreeMap<(DropReason, Place), u64> = BTreeMap::new();
    for ((_, at, reason), number) in &played.report.traffic[id.ix()].packets.losses {
        if *reason != explained {
            *others.entry((*reason, *at)).or_default() += number;
        }
    }
    let mut others: Vec<_> = others.into_iter().collect();
    others.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
    let line = |((reason, at), number): &((DropReason, Place), u64)| {
        let failures = explainer.failures(*at, *reason);
        let because = if failures.is_empty() { reason.sentence().to_owned() } else { failures.join("; ") };
        wrap("  also   ", &format!("{} {reason} at {}: {because}", count(*number), explainer.place(*at)), 9)
    };
    others.iter().take(OTHERS_MAX).map(line).collect()
}

/// Reasons beside the one explained that a paragraph has room for.
const OTHERS_MAX: usize = 3;

/// What an ending means that no packet's death explains, and what to look at.
fn without_a_word(outcome: Outcome, entry: &Traffic) -> (&'static str, &'static str) {
    match (outcome, entry.application) {
        (Outcome::TimedOut, Application::Traceroute { .. }) => (
            "The last hop asked stayed silent until the traceroute gave up.",
            "Does anybody answer there, and do ICMP errors find the way back? An echo may: protocol: icmp.",
        ),
        (Outcome::TimedOut, _) => (
            "The client waited for an answer until it gave up, though none of its packets died.",
            "Do the answers come from the address that was asked? Behind DNAT they must pass the same appliance: see \
             Path. Was one of the two VMs stopped meanwhile?",
        ),
        (Outcome::Reset, _) => (
            "The other end broke the connection off: it does not know it, or closed before all was said.",
            "Was the other VM restarted, or does the way lead to another backend or appliance since?",
        ),
        _ => (
            "The run ended before the conversation did: it was stopped, or no end had anything to wait for.",
            "Packets in flight, and what the other end of the conversation last did.",
        ),
    }
}

/// The name of a known end, the address of another.
fn end(explainer: &Explainer<'_>, end: vnetsim_model::Endpoint) -> String {
    match end.place {
        vnetsim_types::Place::Nic(_) => explainer.place(end.place),
        _ => end.address.to_string(),
    }
}

fn verdict(group: &OutcomeGroup, entry: &Traffic) -> String {
    match group.outcome {
        Outcome::Dropped { reason, part: Part::Request, .. } => reason.to_string(),
        // Of streams nearly every packet is a later one.
        Outcome::Dropped { reason, part: Part::Forward, .. }
            if matches!(entry.application, Application::Stream { .. }) =>
        {
            reason.to_string()
        }
        Outcome::Dropped { reason, part, .. } => format!("{reason} ({})", name_of(part, entry)),
        other => verdict_word(other).to_owned(),
    }
}

/// A capture's packets are of many protocols.
fn name_of(part: Part, entry: &Traffic) -> &'static str {
    match (&entry.application, part.is_forward()) {
        (Application::Replay, true) => "packet",
        (Application::Replay, false) => "packet on the way back",
        _ => packet_name(part, entry.protocol.protocol),
    }
}

/// How conversations ended, in one word.
pub(crate) fn verdict_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "Delivered",
        Outcome::Dropped { .. } => "Dropped",
        Outcome::TimedOut => "TimedOut",
        Outcome::Reset => "Reset",
        Outcome::Unfinished => "Unfinished",
    }
}

fn place(group: &OutcomeGroup, explainer: &Explainer<'_>, entry: &Traffic) -> String {
    match group.outcome {
        Outcome::Dropped { part, at, .. } => {
            format!("{} dies at {}", name_of(part, entry), explainer.place(at))
        }
        _ => String::new(),
    }
}

/// `nva`, or `nva / direct` when the way back differs; `direct` without anybody in between; `-` when it
/// died before there could have been.
fn path(explainer: &Explainer<'_>, trace: &ConversationTrace, outcome: Outcome) -> String {
    let way = |part| {
        let names: Vec<String> = trace.way(part)?.via().map(|place| explainer.place(place)).collect();
        Some(match names.as_slice() {
            [] => "direct".to_owned(),
            many if many.len() > 4 => format!("{} ... ({} hops)", many[0], many.len()),
            many => many.join(" > "),
        })
    };
    let died = |part| matches!(outcome, Outcome::Dropped { part: dead, .. } if dead == part);
    let back = way(Part::Reply)
        .map(|back| if died(Part::Reply) && back == "direct" { "-".to_owned() } else { back });
    match (way(Part::Request), back) {
        (Some(there), Some(back)) if there != back => format!("{there} / {back}"),
        (Some(there), None) if there == "direct" && outcome != Outcome::Completed => "-".to_owned(),
        (there, _) => there.unwrap_or_default(),
    }
}

/// From the first packet to the last, on average.
fn mean_time(group: &OutcomeGroup) -> String {
    match group.outcome {
        Outcome::Completed => SimTime(group.total_ns / group.count.max(1)).to_string(),
        _ => String::new(),
    }
}

fn judgements_text(judgements: &[Judgement], sources: &Sources) -> String {
    let failed: Vec<_> = judgements.iter().filter(|j| !j.failures.is_empty()).collect();
    let mut out = String::from("\n");
    for judgement in &failed {
        let place = sources.place(judgement.span).unwrap_or_default();
        out.push_str(&wrap("FAILED  ", &format!("{}  {place}", judgement.title), 8));
        for failure in &judgement.failures {
            out.push_str(&wrap("        ", failure, 10));
        }
        if let Some(because) = &judgement.because {
            out.push_str(&wrap("        ", &format!("because {because}"), 10));
        }
    }
    match (judgements.len(), failed.len()) {
        (0, _) => out.push_str("no expectations\n"),
        (all, 0) => out.push_str(&format!("{all} of {all} expectations hold\n")),
        (all, failed) => {
            out.push_str(&format!("{} of {all} expectations hold, {failed} FAILED\n", all - failed))
        }
    }
    out
}
