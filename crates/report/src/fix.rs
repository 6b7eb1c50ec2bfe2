//! What `vnetsim fix` found: what fails, how many changes were tried, and those that work, ready to be carried out.
//!
//! Called by `cli`; `trace` shows a remedy in one line. Must never say of a change more than was played. The words of edits are in
//! `remedy`.

use serde_json::{Value, json};
use vnetsim_analysis::{Repair, Search};

use crate::{
    json::envelope,
    remedy::{Remedy, shell_lines, words},
    units::counted,
    wrap::{COLUMNS, wrap},
};

/// Where the lines of an edit begin.
const INDENT: usize = 13;

/// A search in words.
pub fn fix_text(search: &Search) -> String {
    if search.failing.is_empty() {
        return match (search.only, search.expectations) {
            (Some(_), _) => "nothing to fix: the flow arrives\n",
            (None, 0) => "the file states no expectations; name a flow: vnetsim fix FILE SRC DST\n",
            (None, _) => "nothing to fix: every expectation holds\n",
        }
        .to_owned();
    }
    let mut out = String::new();
    for title in &search.failing {
        out.push_str(&wrap("FAIL  ", title, 6));
    }
    for (ix, repair) in search.repairs.iter().enumerate() {
        out.push('\n');
        out.push_str(&repair_text(if ix == 0 { "FIX" } else { "or" }, repair, search));
    }
    out.push('\n');
    let (single, pairs) = search.tried;
    let tried = if pairs > 0 {
        format!("{} and {} of them", counted(single as u64, "change"), counted(pairs as u64, "pair"))
    } else {
        counted(single as u64, "change")
    };
    let refused = if search.refused > 0 {
        format!(", {} of them refused as invalid", search.refused)
    } else {
        String::new()
    };
    let verdict = match search.repairs.len() {
        0 => "none works".to_owned(),
        1 => "one is shown".to_owned(),
        n => format!("the {n} smallest that work are shown"),
    };
    out.push_str(&wrap(
        "",
        &format!("{tried} tried, each by simulation against all expectations{refused}: {verdict}"),
        2,
    ));
    if search.cut_short {
        out.push_str("the search ended at its limit; a larger change may work\n");
    }
    out
}

fn repair_text(head: &str, repair: &Repair, search: &Search) -> String {
    let mut out = String::new();
    for (ix, edit) in repair.edits.iter().enumerate() {
        let Remedy { what, property, az, bicep, terraform } = words(edit);
        out.push_str(&wrap(&format!("{:<5} ", if ix == 0 { head } else { "and" }), &what, 6));
        out.push_str(&wrap("  file       ", &property, 13));
        let az: Vec<String> = az.iter().flat_map(|line| shell_lines(line, COLUMNS - INDENT)).collect();
        for (label, lines) in [("az", az), ("bicep", bicep), ("terraform", terraform)] {
            for (ix, line) in lines.iter().enumerate() {
                out.push_str(format!("  {:<11}{line}", if ix == 0 { label } else { "" }).trim_end());
                out.push('\n');
            }
        }
    }
    let all = repair.others;
    let others = match repair.others_changed {
        0 => format!("of {all} flows between subnets, sites and the internet, none changes"),
        n => format!("of {all} flows between subnets, sites and the internet, {n} change"),
    };
    let holds = match (search.only, search.expectations) {
        (Some(_), 1) => "the flow arrives".to_owned(),
        (Some(0), n) => format!("the flow arrives, and the file's {} expectations hold", n - 1),
        (Some(failing), n) => {
            let held = n - 1 - failing;
            format!(
                "the flow arrives, and the {held} of the file's {} expectations that held still hold",
                n - 1
            )
        }
        (None, n) => format!("all {n} expectations hold"),
    };
    out.push_str(&wrap("  verified   ", &format!("{holds}{}; {others}", past_words(repair)), 13));
    out
}

/// `, past fw`, when an appliance is left out.
fn past_words(repair: &Repair) -> String {
    if repair.past.is_empty() { String::new() } else { format!(", PAST {}", repair.past.join(" and ")) }
}

/// A repair in one line: what to change, and what was seen when it was played.
pub(crate) fn repair_line(repair: &Repair) -> String {
    let edits: Vec<String> = repair.edits.iter().map(|edit| words(edit).what).collect();
    let others = match repair.others_changed {
        0 => "no flow between subnets changes".to_owned(),
        n => format!("{n} of {} flows between subnets change", repair.others),
    };
    format!("{}  [played: it arrives{}; {others}]", edits.join("; and "), past_words(repair))
}

/// `vnetsim fix -o json`.
pub fn fix_json(search: &Search) -> Value {
    envelope(
        "fix",
        json!({
            "failing": search.failing,
            "expectations": search.expectations,
            "tried": { "single": search.tried.0, "pairs": search.tried.1, "refused": search.refused },
            "cutShort": search.cut_short,
            "repairs": search.repairs.iter().map(repair_json).collect::<Vec<_>>(),
        }),
    )
}

/// A repair, with the words for those who carry it out.
pub(crate) fn repair_json(repair: &Repair) -> Value {
    let edit = |edit: &vnetsim_analysis::Edit| {
        let Remedy { what, property, az, bicep, terraform } = words(edit);
        json!({ "what": what, "property": property, "az": az, "bicep": bicep, "terraform": terraform })
    };
    json!({
        "edits": repair.edits.iter().map(edit).collect::<Vec<_>>(),
        "probes": repair.others,
        "past": repair.past,
        "probesChanged": repair.others_changed,
    })
}
