//! What a run came to: a table of flows, the reasons of the drops, the timeline, the expectations.

use vnetsim_analysis::{BillLine, Judgement, Played, Reading};
use vnetsim_model::Traffic;
use vnetsim_sim::{Outcome, OutcomeGroup};
use vnetsim_trace::{ConversationTrace, Explainer};
use vnetsim_types::{Part, SimTime, TrafficId};

use crate::{
    Sources,
    bill::bill_text,
    disputed::disputed_text,
    replay::replays_text,
    table::table,
    trace::{diagnosis_text, packet_name},
    wrap::wrap,
};

/// What a run came to.
#[derive(Clone, Copy, Debug)]
pub struct RunAnswer<'a> {
    /// Title of the scenario.
    pub name: &'a str,
    /// Its traffic.
    pub traffic: &'a [Traffic],
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
    let RunAnswer { name, traffic, played, judgements, readings, bill } = *answer;
    let report = &played.report;
    let mut out = format!(
        "{name}\n{} packet{}, {} delivered, {} dropped, {} of virtual time\n\n",
        report.sent,
        if report.sent == 1 { "" } else { "s" },
        report.delivered,
        report.dropped.values().sum::<u64>(),
        report.end
    );
    out.push_str(&changes_text(played, sources));
    let (rows, reasons) = flows(traffic, played, readings, sources);
    if !rows.is_empty() {
        out.push_str(&table(&["Flow", "From", "To", "Protocol", "Verdict", "Count", "Path", "Time"], &rows));
    }
    out.push_str(&reasons);
    out.push_str(&replays_text(&played.captures));
    if let Some(at) = report.stuck_at {
        out.push_str(&format!("\nSTOPPED at {at}: too many events at one moment, time does not advance\n"));
    }
    out.push_str(&bill_text(bill));
    out.push_str(&judgements_text(judgements, sources));
    out
}

fn changes_text(played: &Played, sources: &Sources) -> String {
    let mut out = String::new();
    for change in &played.report.changes {
        let line = sources.line_text(change.span).unwrap_or_default().trim_start_matches("- ");
        let what = change.name.as_deref().unwrap_or(line);
        let result = match &change.result {
            Ok(()) => "accepted".to_owned(),
            Err(refusal) => format!("REFUSED {}: {}", refusal.code, refusal.message),
        };
        out.push_str(&wrap(&format!("at {:<8} ", change.at.to_string()), &format!("{result}  {what}"), 12));
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// A row per traffic entry and outcome, and a paragraph per drop.
fn flows(
    traffic: &[Traffic],
    played: &Played,
    readings: &[Reading],
    sources: &Sources,
) -> (Vec<Vec<String>>, String) {
    let explainer = played.explainer();
    let (mut rows, mut reasons) = (Vec::new(), String::new());
    for (ix, entry) in traffic.iter().enumerate() {
        let report = &played.report.traffic[ix];
        for group in &report.outcomes {
            let trace = played.trace.conversation(TrafficId::new(ix), group.first);
            rows.push(vec![
                entry.name.value.clone(),
                end(&explainer, entry.from),
                end(&explainer, entry.to),
                entry.protocol.to_string(),
                verdict(group, entry),
                format!("{}/{}", group.count, report.started),
                trace.map_or_else(String::new, |t| path(&explainer, t, group.outcome)),
                mean_time(group),
            ]);
            if let Some(diagnosis) = trace.and_then(|t| explainer.diagnosis(t)) {
                reasons.push_str(&format!(
                    "\n{}: {}, {}\n",
                    entry.name.value,
                    diagnosis.reason,
                    place(group, &explainer, entry)
                ));
                reasons.push_str(&diagnosis_text(&diagnosis, sources));
            }
        }
        let disputed = disputed_text(readings, TrafficId::new(ix), &explainer);
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

/// The name of a known end, the address of another.
fn end(explainer: &Explainer<'_>, end: vnetsim_model::Endpoint) -> String {
    match end.place {
        vnetsim_types::Place::Nic(_) => explainer.place(end.place),
        _ => end.address.to_string(),
    }
}

fn verdict(group: &OutcomeGroup, entry: &Traffic) -> String {
    match group.outcome {
        Outcome::Completed => "Delivered".to_owned(),
        Outcome::Dropped { reason, part: Part::Request, .. } => reason.to_string(),
        Outcome::Dropped { reason, part, .. } => {
            format!("{reason} ({})", packet_name(part, entry.protocol.protocol))
        }
        Outcome::TimedOut => "Timed out".to_owned(),
        Outcome::Reset => "Reset".to_owned(),
        Outcome::Unfinished => "Unfinished".to_owned(),
    }
}

fn place(group: &OutcomeGroup, explainer: &Explainer<'_>, entry: &Traffic) -> String {
    match group.outcome {
        Outcome::Dropped { part, at, .. } => {
            format!("{} dies at {}", packet_name(part, entry.protocol.protocol), explainer.place(at))
        }
        _ => String::new(),
    }
}

/// `nva`, or `nva / direct` when the way back differs; `direct` without anybody in between; `-` when it
/// died before there could have been.
fn path(explainer: &Explainer<'_>, trace: &ConversationTrace, outcome: Outcome) -> String {
    let way = |part| {
        let names: Vec<String> = trace.part(part)?.via().map(|place| explainer.place(place)).collect();
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
