//! The way of a packet as a Mermaid flowchart: who had it, forward and back, and where it died.
//!
//! Called by `markdown`. Must never draw what no packet met. At most 24 nodes.

use vnetsim_trace::HopKind;

use super::Step;

/// Nodes of a diagram; a longer way ends in dots.
const NODES_MAX: usize = 24;

/// `flowchart LR ...`; `None` when no packet shows the way.
pub(crate) fn mermaid(steps: &[Step]) -> Option<String> {
    let (mut nodes, mut edges): (Vec<&str>, Vec<String>) = (Vec::new(), Vec::new());
    let mut dead: Vec<usize> = Vec::new();
    let mut before: Option<usize> = None;
    for step in steps.iter().filter(|step| has_the_packet(step.kind)) {
        let number = match nodes.iter().position(|name| *name == step.at) {
            Some(known) => known,
            None if nodes.len() == NODES_MAX => break,
            None => {
                nodes.push(&step.at);
                nodes.len() - 1
            }
        };
        if step.kind == HopKind::Sent {
            before = None; // another packet
        }
        let died = step.kind == HopKind::Dropped;
        // Who forwards a packet may be the one at whom it dies.
        if let Some(from) = before.filter(|from| *from != number || died) {
            edges.push(edge(from, number, step, died));
        }
        if died && !dead.contains(&number) {
            dead.push(number);
        }
        before = Some(number);
    }
    edges.dedup();
    (!edges.is_empty()).then(|| drawn(&nodes, &edges, &dead))
}

/// Decisions without a machine of their own are no nodes.
fn has_the_packet(kind: HopKind) -> bool {
    matches!(
        kind,
        HopKind::Sent | HopKind::Appliance | HopKind::Gateway | HopKind::Delivered | HopKind::Dropped
    )
}

/// Solid forward, dotted back, with a cross at its end where the packet dies.
fn edge(from: usize, to: usize, step: &Step, died: bool) -> String {
    let text = match (died, step.forward) {
        (true, _) => step.text.split(',').next().unwrap_or_default(),
        (false, true) => "forward",
        (false, false) => "return",
    };
    let arrow = match (died, step.forward) {
        (false, true) => "-->",
        (false, false) => "-.->",
        (true, true) => "--x",
        (true, false) => "-.-x",
    };
    format!("  n{from} {arrow}|\"{}\"| n{to}\n", quoted(text))
}

fn drawn(nodes: &[&str], edges: &[String], dead: &[usize]) -> String {
    let mut out = "flowchart LR\n".to_owned();
    for (number, name) in nodes.iter().enumerate() {
        out.push_str(&format!("  n{number}[\"{}\"]\n", quoted(name)));
    }
    out.push_str(&edges.concat());
    if !dead.is_empty() {
        out.push_str("  classDef dead stroke:#c00,stroke-width:3px,stroke-dasharray:4\n");
        let dead: Vec<String> = dead.iter().map(|number| format!("n{number}")).collect();
        out.push_str(&format!("  class {} dead\n", dead.join(",")));
    }
    out
}

/// Mermaid's entity codes for what would end a quoted text or be markup in it.
fn quoted(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' | '-' | '_' | '.' | '/' | ',' | ':' => out.push(c),
            c if c.is_control() => out.push(' '),
            c => out.push_str(&format!("#{};", u32::from(c))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(forward: bool, kind: HopKind, at: &str) -> Step {
        Step { forward, kind, at: at.to_owned(), text: "DROP NSG_DENY, NSG-09".to_owned(), place: None }
    }

    #[test]
    fn draws_both_ways_and_the_dead_end() {
        let steps = [
            step(true, HopKind::Sent, "vm\"1"),
            step(true, HopKind::Route, "s1/snet"),
            step(true, HopKind::Appliance, "nva"),
            step(true, HopKind::Delivered, "vm2"),
            step(false, HopKind::Sent, "vm2"),
            step(false, HopKind::Dropped, "vm2"),
        ];
        let text = mermaid(&steps).expect("a way");
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert_eq!(
            lines,
            [
                "flowchart LR",
                "n0[\"vm#34;1\"]",
                "n1[\"nva\"]",
                "n2[\"vm2\"]",
                "n0 -->|\"forward\"| n1",
                "n1 -->|\"forward\"| n2",
                "n2 -.-x|\"DROP NSG_DENY\"| n2",
                "classDef dead stroke:#c00,stroke-width:3px,stroke-dasharray:4",
                "class n2 dead"
            ]
        );
        assert_eq!(mermaid(&[]), None);
    }
}
