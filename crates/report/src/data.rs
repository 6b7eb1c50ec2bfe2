//! `vnetsim data`: which dated figures are in use.

use serde_json::{Value, json};
use vnetsim_data::Source;

use crate::wrap::wrap;

/// File, date and sources of each.
pub fn data_text(sources: &[Source]) -> String {
    let mut out = String::new();
    for source in sources {
        let own = if source.builtin { "" } else { "  (yours)" };
        out.push_str(&format!("{}  {}{own}\n", source.file, source.date));
        for line in &source.sources {
            out.push_str(&wrap("  ", line, 4));
        }
    }
    out.push_str("\nReplace a file: put one of the same name in a folder and say --data FOLDER.\n");
    out
}

/// The same for machines.
pub fn data_json(sources: &[Source]) -> Value {
    let one =
        |s: &Source| json!({ "file": s.file, "date": s.date, "sources": s.sources, "builtin": s.builtin });
    crate::json::envelope("data", json!({ "files": sources.iter().map(one).collect::<Vec<_>>() }))
}
