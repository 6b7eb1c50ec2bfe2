//! `vnetsim matrix` in words: a grid of short signs, and what they stand for.
//!
//! Owns when a grid is too large to read and groups of ends take its place; the signs are in `signs`. Called by `cli`.

use serde_json::{Value, json};
use vnetsim_analysis::{Cell, End, Grid, Matrix, Stories, Story, Verdict, Who};
use vnetsim_types::DropReason;

use crate::{
    json::envelope,
    signs::{Sign, Signs},
    units::counted,
    wrap::{COLUMNS, wrap},
};

/// More rows or columns than this are put together by subnet, and by virtual network if that is not enough.
const ENDS_MAX: usize = 40;
/// Names in front of rows are cut to this where there is no room for more.
const NAME_MAX: usize = 20;
/// Pairs that a list names before it only counts.
const PAIRS_MAX: usize = 4;

/// Rows and columns of a grid: positions of the ends that each stands for, and their names.
struct Axis {
    names: Vec<String>,
    parts: Vec<Vec<usize>>,
}

impl Axis {
    /// The ends themselves, else subnets, else virtual networks, else the whole.
    fn of(ends: &[End]) -> Self {
        let vnet = |end: &End| {
            let group = end.group();
            group.split_once('/').map_or(group.clone(), |(vnet, _)| vnet.to_owned())
        };
        let levels: [&dyn Fn(&End) -> String; 3] = [&End::name, &End::group, &vnet];
        for (number, level) in levels.iter().enumerate() {
            let (mut names, mut parts): (Vec<String>, Vec<Vec<usize>>) = (Vec::new(), Vec::new());
            for (ix, end) in ends.iter().enumerate() {
                let name = level(end);
                match names.iter().position(|known| *known == name).filter(|_| number > 0) {
                    Some(at) => parts[at].push(ix),
                    None => (names.push(name), parts.push(vec![ix])).0,
                }
            }
            if names.len() <= ENDS_MAX {
                return Self { names, parts };
            }
        }
        Self { names: vec!["all".to_owned()], parts: vec![(0..ends.len()).collect()] }
    }

    fn is_grouped(&self) -> bool {
        self.parts.iter().any(|part| part.len() > 1)
    }
}

/// The answer for people.
pub fn matrix_text(matrix: &Matrix) -> String {
    let mut signs = Signs::of(matrix);
    let (rows, columns) = (Axis::of(&matrix.rows), Axis::of(&matrix.columns));
    let blocks = matrix.grids.iter().flat_map(|grid| {
        let parts = rows.parts.iter().flat_map(|row| columns.parts.iter().map(move |column| (row, column)));
        parts.map(move |(row, column)| cells_of(matrix, grid, row, column))
    });
    let shown: Vec<Sign> = blocks.filter_map(|cells| signs.common(&cells)).collect();
    signs.arrange(&shown);
    let mut out = signs.summary(matrix);
    out.push('\n');
    out.push_str(&legend_of_ends(matrix, &rows, &columns));
    let mut done: Vec<&Grid> = Vec::new();
    for grid in &matrix.grids {
        if done.iter().any(|other| signs.same(other, grid)) {
            continue;
        }
        done.push(grid);
        let alike = matrix.grids.iter().filter(|other| signs.same(other, grid));
        let protocols: Vec<String> = alike.map(|other| other.protocol.to_string()).collect();
        out.push_str(&format!("\n{}\n", protocols.join(", ")));
        out.push_str(&grid_text(matrix, grid, &signs, &rows, &columns));
    }
    out.push('\n');
    out.push_str(&signs.legend(rows.is_grouped() || columns.is_grouped()));
    out.push_str(&asymmetric(matrix));
    out
}

/// What the numbers stand for.
fn legend_of_ends(matrix: &Matrix, rows: &Axis, columns: &Axis) -> String {
    let mut out = String::new();
    let one = |out: &mut String, axis: &Axis, ends: &[End]| {
        for (number, (name, part)) in axis.names.iter().zip(&axis.parts).enumerate() {
            let members: usize = part.iter().map(|ix| ends[*ix].members.len()).sum();
            let more = match part.as_slice() {
                [one] => match ends[*one].members[0].who {
                    Who::Frontend { asked, .. } => Some(format!("frontend, asked at {asked}")),
                    _ => ends[*one].subnet.clone().filter(|subnet| !name.contains(subnet.as_str())),
                },
                many => Some(format!("{} classes, {members} members", many.len())),
            };
            let more = more.map(|more| format!("  {more}")).unwrap_or_default();
            out.push_str(format!("{:>3}  {name:<34}{more}", number + 1).trim_end());
            out.push('\n');
        }
    };
    if rows.names == columns.names {
        one(&mut out, rows, &matrix.rows);
        return out;
    }
    out.push_str("from\n");
    one(&mut out, rows, &matrix.rows);
    out.push_str("to\n");
    one(&mut out, columns, &matrix.columns);
    out
}

/// The cells that one place of a grid stands for, and how many flows each is.
fn cells_of(matrix: &Matrix, grid: &Grid, row: &[usize], column: &[usize]) -> Vec<(Cell, u64)> {
    let pairs = row.iter().flat_map(|r| column.iter().map(move |c| (*r, *c)));
    pairs.map(|(r, c)| (grid.cells[r * matrix.columns.len() + c], matrix.flows(r, c))).collect()
}

/// Rows of signs under column numbers, in blocks that fit the width.
fn grid_text(matrix: &Matrix, grid: &Grid, signs: &Signs, rows: &Axis, columns: &Axis) -> String {
    let sign = |row: &Vec<usize>, column: &Vec<usize>| -> String {
        signs.block(&cells_of(matrix, grid, row, column))
    };
    let cells: Vec<Vec<String>> =
        rows.parts.iter().map(|row| columns.parts.iter().map(|c| sign(row, c)).collect()).collect();
    let widest = cells.iter().flatten().map(|text| text.chars().count()).max().unwrap_or(1).max(2) + 1;
    // Names are cut where that saves a block.
    let room = (COLUMNS - 4).saturating_sub(columns.parts.len() * (widest + 1) + 1).max(NAME_MAX);
    let name_width = rows.names.iter().map(|name| name.chars().count()).max().unwrap_or(1).min(room);
    let label = 4 + name_width;
    let in_block = ((COLUMNS - label - 1) / (widest + 1)).max(1);
    let mut out = String::new();
    let numbers: Vec<usize> = (0..columns.parts.len()).collect();
    for (block, part) in numbers.chunks(in_block).enumerate() {
        if block > 0 {
            out.push('\n');
        }
        let head: String = part.iter().map(|c| format!(" {:>widest$}", c + 1)).collect();
        out.push_str(&format!("{:<label$}{head}\n", ""));
        for (number, row) in cells.iter().enumerate() {
            let text: String = part.iter().map(|c| format!(" {:>widest$}", row[*c])).collect();
            let name: String = rows.names[number].chars().take(name_width).collect();
            out.push_str(format!("{:>3} {name:<name_width$}{text}", number + 1).trim_end());
            out.push('\n');
        }
    }
    out
}

/// The pairs whose answers take another way, by the two ways.
fn asymmetric(matrix: &Matrix) -> String {
    let mut groups: Vec<(String, u64, Vec<String>)> = Vec::new();
    for (grid, row, column, story) in known(matrix).filter(|(.., story)| !story.symmetric) {
        let ways = format!("{}, {}", ways(story), story.verdict_word());
        let (from, to) = (&matrix.rows[row], &matrix.columns[column]);
        let asked = to.members[0].who.asked(grid.protocol);
        let pair = format!("{} -> {} {asked}", from.name(), to.name());
        let flows = matrix.flows(row, column);
        match groups.iter_mut().find(|(known, ..)| *known == ways) {
            Some((_, all, pairs)) => {
                *all += flows;
                if !pairs.contains(&pair) {
                    pairs.push(pair);
                }
            }
            None => groups.push((ways, flows, vec![pair])),
        }
    }
    if groups.is_empty() {
        return String::new();
    }
    let mut out = "\nAsymmetric: the answer takes another way than the request\n".to_owned();
    for (ways, flows, pairs) in groups {
        out.push_str(&wrap("", &format!("  {ways}: {}", counted(flows, "flow")), 4));
        for pair in pairs.iter().take(PAIRS_MAX) {
            out.push_str(&wrap("    ", pair, 6));
        }
        if pairs.len() > PAIRS_MAX {
            out.push_str(&format!("    and {} more pairs\n", pairs.len() - PAIRS_MAX));
        }
    }
    out
}

/// `request by fw, answer direct`; an appliance that refused a packet lies on its way.
pub(crate) fn ways(story: &Story) -> String {
    let refused = |on_way_back: bool| match &story.verdict {
        Verdict::Dropped {
            reason: DropReason::NvaNoSession | DropReason::NvaPolicyDeny,
            at,
            on_return,
            ..
        } if *on_return == on_way_back => Some(at),
        _ => None,
    };
    let way = |names: &[String], refused: Option<&String>| {
        let more = refused.filter(|at| !names.contains(at));
        let names: Vec<&str> = names.iter().chain(more).map(String::as_str).collect();
        if names.is_empty() { "direct".to_owned() } else { format!("by {}", names.join(", ")) }
    };
    format!("request {}, answer {}", way(&story.forward, refused(false)), way(&story.back, refused(true)))
}

/// Every story of every pair.
fn known(matrix: &Matrix) -> impl Iterator<Item = (&Grid, usize, usize, &Story)> {
    let cells = matrix
        .grids
        .iter()
        .flat_map(|grid| matrix.cells(grid).map(move |(row, column, cell)| (grid, row, column, cell)));
    cells.flat_map(|(grid, row, column, cell)| {
        let stories = if let Cell::Known(ix) = cell { &matrix.stories[ix as usize][..] } else { &[] };
        stories.iter().map(move |story| (grid, row, column, story))
    })
}

/// The answer for machines: pairs name their fates by position.
pub fn matrix_json(matrix: &Matrix) -> Value {
    let mut pairs = Vec::new();
    for grid in &matrix.grids {
        for (row, column, cell) in matrix.cells(grid) {
            // Many pairs share a fate, which stands once.
            let (fate, verdict) = match cell {
                Cell::Itself => continue,
                Cell::NoAddress => (None, Value::Null),
                Cell::Known(story) => (Some(story), verdict_json(&matrix.stories[story as usize])),
            };
            let pair = json!({
                "from": matrix.rows[row].name(), "to": matrix.columns[column].name(),
                "protocol": matrix.columns[column].members[0].who.asked(grid.protocol).to_string(),
                "flows": matrix.flows(row, column),
                "verdict": verdict, "fate": fate,
            });
            pairs.push(pair);
        }
    }
    let body = json!({
        "from": matrix.rows.iter().map(end_json).collect::<Vec<_>>(),
        "to": matrix.columns.iter().map(end_json).collect::<Vec<_>>(),
        "pairs": pairs,
        "fates": matrix.stories.iter().map(stories_json).collect::<Vec<_>>(),
    });
    envelope("matrix", body)
}

/// `delivered`, the reason, or `dependsOnSourcePort`.
fn verdict_json(stories: &Stories) -> Value {
    let delivered = stories.iter().filter(|story| story.is_delivered()).count();
    match (delivered, stories.first()) {
        (0, Some(story)) => story.verdict_word().into(),
        (all, Some(_)) if all == stories.len() => "delivered".into(),
        _ => "dependsOnSourcePort".into(),
    }
}

fn end_json(end: &End) -> Value {
    let members: Vec<&str> = end.members.iter().map(|member| member.name.as_str()).collect();
    json!({ "name": end.name(), "subnet": end.subnet, "members": members })
}

/// One fate, or those that the source port chooses from.
pub(crate) fn stories_json(stories: &Stories) -> Value {
    stories.iter().map(story_json).collect()
}

fn story_json(story: &Story) -> Value {
    let (verdict, drop) = match &story.verdict {
        Verdict::Delivered => ("delivered", Value::Null),
        Verdict::Dropped { reason, at, object, on_return } => {
            let direction = if *on_return { "reply" } else { "forward" };
            let drop = json!({ "reason": reason.code(), "at": at, "object": object, "direction": direction });
            ("dropped", drop)
        }
        Verdict::Stuck => ("stuck", Value::Null),
    };
    json!({
        "verdict": verdict, "drop": drop,
        "forward": story.forward, "reply": story.back, "symmetric": story.symmetric,
        "peeringsCrossed": story.peerings, "gatewaysPassed": story.gateways, "peeringBytes": story.billed_bytes,
        "durationNs": story.lasted.0, "dependsOnHash": story.hashed,
    })
}
