//! A trace of sets: pairs of machines that share a fate and a way, one trace for each group.
//!
//! Called by `cli`. The first pair of a group stands for all; text names a few, JSON all.

use serde_json::{Value, json};
use vnetsim_analysis::{AzureVerdict, PathGroup, Played};
use vnetsim_sim::Outcome;
use vnetsim_types::ProtoPort;

use crate::{
    Sources,
    azure_tools::{azure_verdicts_json, azure_verdicts_text},
    json::{envelope, outcome},
    run::verdict_word,
    trace::{packets_text, recorded, verdict_text},
    units::{count, counted},
    wrap::wrap,
};

/// Pairs named in a group's heading.
const NAMED: usize = 4;

/// What a trace of sets found.
#[derive(Clone, Copy, Debug)]
pub struct GroupsAnswer<'a> {
    /// The two sets as they were typed.
    pub sets: (&'a str, &'a str),
    /// What was sent.
    pub protocol: ProtoPort,
    /// The pairs by name; entry `n` of the run is pair `n`.
    pub pairs: &'a [(String, String)],
    /// Pairs beyond the limit, which nobody asked.
    pub left_out: usize,
    /// The run.
    pub played: &'a Played,
    /// Every group in full, not only the first.
    pub all: bool,
    /// The groups, and what Azure's tools would have told of the first pair, where that was asked.
    pub groups: &'a [(PathGroup, Vec<AzureVerdict>)],
}

impl GroupsAnswer<'_> {
    fn name(&self, ix: usize) -> String {
        self.pairs.get(ix).map_or_else(String::new, |(from, to)| format!("{from} -> {to}"))
    }

    /// The first few pairs of a group.
    fn names(&self, group: &PathGroup) -> String {
        let mut names: Vec<String> = group.entries.iter().take(NAMED).map(|id| self.name(id.ix())).collect();
        if group.entries.len() > NAMED {
            names.push(format!("and {} more", group.entries.len() - NAMED));
        }
        names.join(", ")
    }
}

/// A heading, a line for each group, then a trace for each.
pub fn groups_text(answer: &GroupsAnswer<'_>, sources: &Sources) -> String {
    let (from, to) = answer.sets;
    let asked = answer.pairs.len();
    let lived: usize = answer
        .groups
        .iter()
        .filter(|(group, _)| group.outcome == Outcome::Completed)
        .map(|(group, _)| group.entries.len())
        .sum();
    let groups = counted(answer.groups.len() as u64, "group");
    let head = format!(
        "{} of {} pass  {}  {from} -> {to}  in {groups}",
        count(lived as u64),
        counted(asked as u64, "pair"),
        answer.protocol
    );
    let mut out = wrap("", &head, 6);
    if answer.left_out > 0 {
        let (left_out, limit) = (counted(answer.left_out as u64, "pair"), counted(asked as u64, "pair"));
        let left_out = format!("{left_out} more were not asked: the limit is {limit}");
        out.push_str(&wrap("  note  ", &left_out, 8));
    }
    for (number, (group, _)) in answer.groups.iter().enumerate() {
        let line = format!("{}  {}: {}", heading(group), pairs(group), answer.names(group));
        out.push_str(&wrap(&format!("{:>4}  ", number + 1), &line, 6));
    }
    for (number, (group, tools)) in answer.groups.iter().enumerate() {
        let Some(first) = group.entries.first().copied() else { continue };
        let (from, to) = answer.pairs.get(first.ix()).map_or(("", ""), |(a, b)| (a.as_str(), b.as_str()));
        let of = pairs(group);
        out.push_str(&format!("\n--- group {}, {of}, shown by {}\n", number + 1, answer.name(first.ix())));
        out.push_str(&verdict_text(answer.played, first, (from, to), &[], sources));
        if number > 0 && !answer.all {
            continue; // the first is the largest that dies, or the largest
        }
        if let Some((_, trace)) = recorded(answer.played, first) {
            out.push_str(&packets_text(&answer.played.explainer().conversation(trace), sources));
        }
        out.push_str(&azure_verdicts_text(tools));
    }
    if answer.groups.len() > 1 && !answer.all {
        out.push_str("\nevery hop is shown for group 1; --all-groups shows it for each\n");
    }
    out
}

fn pairs(group: &PathGroup) -> String {
    counted(group.entries.len() as u64, "pair")
}

/// `DROP NSG_DENY at the receiver: rule nsg-db/deny`, `PASS`.
fn heading(group: &PathGroup) -> String {
    match (group.reason, &group.at) {
        (Some(reason), Some(at)) => {
            let back = if group.on_return { " on the way back," } else { "" };
            let object = group.object.as_ref().map(|object| format!(", {object}")).unwrap_or_default();
            format!("DROP {reason}{back} at {at}{object}")
        }
        _ if group.outcome == Outcome::Completed => "PASS".to_owned(),
        _ => format!("FAIL {}", group.outcome.words().unwrap_or_default()),
    }
}

/// `vnetsim trace -o json` of sets.
pub fn groups_json(answer: &GroupsAnswer<'_>, sources: &Sources) -> Value {
    let explainer = answer.played.explainer();
    let one = |(group, tools): &(PathGroup, Vec<AzureVerdict>)| {
        let pairs: Vec<Value> = group
            .entries
            .iter()
            .filter_map(|id| answer.pairs.get(id.ix()))
            .map(|(from, to)| json!({ "from": from, "to": to }))
            .collect();
        let first = group.entries.first().copied();
        let ended = first.and_then(|id| Some((id, answer.played.report.traffic[id.ix()].outcomes.first()?)));
        let shown = ended.map(|(id, end)| outcome(&explainer, answer.played, id, end, sources));
        json!({
            "verdict": verdict_word(group.outcome), "reason": group.reason.map(|r| r.code()), "at": group.at,
            "object": group.object, "onReturn": group.on_return,
            "count": pairs.len(), "pairs": pairs, "representative": shown,
            "azureTools": azure_verdicts_json(tools),
        })
    };
    let (from, to) = answer.sets;
    let body = json!({
        "from": from, "to": to, "protocol": answer.protocol.to_string(),
        "pairs": answer.pairs.len(), "leftOut": answer.left_out,
        "groups": answer.groups.iter().map(one).collect::<Vec<_>>(),
    });
    envelope("trace", body)
}
