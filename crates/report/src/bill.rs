//! What peerings cost, in words (PEER-39).

use serde_json::{Value, json};
use vnetsim_analysis::BillLine;

use crate::table::table;

/// A line per link, and the sum; empty when nothing crossed a peering.
pub(crate) fn bill_text(lines: &[BillLine]) -> String {
    // Prices come rounded: a bill of nothing is left out.
    if lines.iter().all(|line| line.usd().is_some_and(|usd| usd < 0.000_000_5)) {
        return String::new();
    }
    let mut rows: Vec<Vec<String>> = lines.iter().map(row).collect();
    let total: f64 = lines.iter().filter_map(BillLine::usd).sum();
    rows.push(vec![
        "total".to_owned(),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
        usd(total),
    ]);
    format!("\n{}", table(&["Peering", "Kind", "Egress", "Ingress", "USD/GB", "USD"], &rows))
}

fn row(line: &BillLine) -> Vec<String> {
    let kind = if line.regional { "regional" } else { "global" };
    let price = line.usd_per_gb.map_or_else(|| "unknown".to_owned(), |p| format!("{p}"));
    vec![
        line.link.clone(),
        kind.to_owned(),
        bytes(line.egress_bytes),
        bytes(line.ingress_bytes),
        price,
        line.usd().map_or_else(|| "unknown".to_owned(), usd),
    ]
}

fn usd(amount: f64) -> String {
    format!("{amount:.6}")
}

/// Bytes with a decimal unit, as bills count.
fn bytes(count: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match UNITS.iter().find(|(size, _)| count >= *size) {
        Some((size, unit)) => format!("{:.3} {unit}", count as f64 / *size as f64),
        None => format!("{count} B"),
    }
}

pub(crate) fn bill_json(lines: &[BillLine]) -> Value {
    let one = |line: &BillLine| {
        json!({ "link": line.link, "remote": line.remote, "regional": line.regional, "egressBytes": line.egress_bytes,
                "ingressBytes": line.ingress_bytes, "usdPerGb": line.usd_per_gb, "usd": line.usd() })
    };
    lines.iter().map(one).collect()
}
