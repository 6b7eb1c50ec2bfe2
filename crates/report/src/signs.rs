//! The signs of a reachability grid: `ok`, `*a`, `*a~`, `XA`, `?1`, and what their letters stand for.
//!
//! Called by `matrix`. Letters go to ways and reasons in the order in which they come first.

use std::collections::BTreeMap;

use vnetsim_analysis::{Cell, Grid, Matrix, Stories, Verdict};
use vnetsim_types::DropReason;

use crate::{
    matrix::ways,
    units::{count, counted},
    wrap::wrap,
};

/// Objects that a reason names before it only counts.
const OBJECTS_MAX: usize = 3;

/// What a cell says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sign {
    Itself,
    NoAddress,
    /// Both ways, past no appliance and no gateway.
    Direct,
    /// Position in the paths.
    Path {
        path: usize,
        asymmetric: bool,
    },
    /// Position in the reasons.
    Dropped(usize),
    /// The source port decides; position in the mixtures.
    Mixed(usize),
}

/// Flows that died for one reason, and the objects that decided.
struct Reason {
    reason: Option<DropReason>,
    flows: u64,
    objects: BTreeMap<String, u64>,
}

/// All signs of a matrix.
pub(crate) struct Signs {
    /// By story.
    signs: Vec<Sign>,
    paths: Vec<(String, u64)>,
    reasons: Vec<Reason>,
    mixtures: Vec<(String, u64)>,
}

impl Signs {
    pub(crate) fn of(matrix: &Matrix) -> Self {
        let mut signs =
            Self { signs: Vec::new(), paths: Vec::new(), reasons: Vec::new(), mixtures: Vec::new() };
        let mut flows = vec![0; matrix.stories.len()];
        for (row, column, cell) in matrix.grids.iter().flat_map(|grid| matrix.cells(grid)) {
            if let Cell::Known(story) = cell {
                flows[story as usize] += matrix.flows(row, column);
            }
        }
        for (stories, flows) in matrix.stories.iter().zip(flows) {
            let sign = signs.add(stories, flows);
            signs.signs.push(sign);
        }
        signs
    }

    fn add(&mut self, stories: &Stories, flows: u64) -> Sign {
        let delivered = stories.iter().filter(|story| story.is_delivered()).count();
        if delivered == stories.len() {
            let mut texts: Vec<String> = stories.iter().map(ways).collect();
            texts.dedup();
            if stories.iter().all(|story| story.forward.is_empty() && story.back.is_empty()) {
                return Sign::Direct;
            }
            let asymmetric = stories.iter().any(|story| !story.symmetric);
            return Sign::Path { path: note(&mut self.paths, texts.join("; or "), flows), asymmetric };
        }
        let mut words: Vec<String> = stories
            .iter()
            .map(|story| match &story.verdict {
                Verdict::Dropped { reason, at, .. } => format!("{} at {at}", reason.code()),
                _ => format!("{}, {}", story.verdict_word(), ways(story)),
            })
            .collect();
        words.sort_unstable();
        words.dedup();
        if delivered > 0 {
            return Sign::Mixed(note(&mut self.mixtures, words.join("; or "), flows));
        }
        let (reason, object) = match &stories[0].verdict {
            Verdict::Dropped { reason, object, on_return, .. } => {
                let back = if *on_return { ", on the way back" } else { "" };
                (Some(*reason), format!("{object}{back}"))
            }
            _ => (None, "too much happened at one moment".to_owned()),
        };
        let at = self.reasons.iter().position(|known| known.reason == reason).unwrap_or_else(|| {
            self.reasons.push(Reason { reason, flows: 0, objects: BTreeMap::new() });
            self.reasons.len() - 1
        });
        self.reasons[at].flows += flows;
        *self.reasons[at].objects.entry(object).or_default() += flows;
        Sign::Dropped(at)
    }

    /// How many flows there are, and how they end, in a line.
    pub(crate) fn summary(&self, matrix: &Matrix) -> String {
        let (mut all, mut delivered, mut through, mut crooked, mut mixed) = (0, 0, 0, 0, 0);
        for (row, column, cell) in matrix.grids.iter().flat_map(|grid| matrix.cells(grid)) {
            let flows = matrix.flows(row, column);
            let sign = self.sign(cell);
            let counts = !matches!(sign, Sign::Itself | Sign::NoAddress);
            all += if counts { flows } else { 0 };
            match sign {
                Sign::Direct => delivered += flows,
                Sign::Path { asymmetric, .. } => {
                    (delivered, through) = (delivered + flows, through + flows);
                    crooked += if asymmetric { flows } else { 0 };
                }
                Sign::Mixed(_) => mixed += flows,
                _ => {}
            }
        }
        let dropped = all - delivered - mixed;
        let ends = match matrix.rows == matrix.columns {
            true => format!("{} ends", matrix.rows.len()),
            false => format!("{} senders, {} receivers", matrix.rows.len(), matrix.columns.len()),
        };
        let mut text = format!("{ends}, {}: {} delivered", counted(all, "flow"), count(delivered));
        if through > 0 {
            let crooked =
                if crooked > 0 { format!(", {} of them asymmetric", count(crooked)) } else { String::new() };
            text.push_str(&format!(" ({} through appliances or gateways{crooked})", count(through)));
        }
        text.push_str(&format!(", {} dropped", count(dropped)));
        if mixed > 0 {
            text.push_str(&format!(", {} depend on the source port", count(mixed)));
        }
        wrap("", &text, 2)
    }

    pub(crate) fn sign(&self, cell: Cell) -> Sign {
        match cell {
            Cell::Itself => Sign::Itself,
            Cell::NoAddress => Sign::NoAddress,
            Cell::Known(story) => self.signs[story as usize],
        }
    }

    /// True when both grids look the same.
    pub(crate) fn same(&self, a: &Grid, b: &Grid) -> bool {
        a.cells.iter().map(|cell| self.sign(*cell)).eq(b.cells.iter().map(|cell| self.sign(*cell)))
    }

    /// The sign of one cell, or of several: the common one, else the share that is delivered.
    pub(crate) fn block(&self, cells: &[(Cell, u64)]) -> String {
        let mut signs: Vec<(Sign, u64)> =
            cells.iter().map(|(cell, flows)| (self.sign(*cell), *flows)).collect();
        if signs.iter().any(|(sign, _)| *sign != Sign::Itself) {
            signs.retain(|(sign, _)| *sign != Sign::Itself);
        }
        let Some((first, _)) = signs.first().copied() else { return ".".to_owned() };
        if signs.iter().all(|(sign, _)| *sign == first) {
            return text(first);
        }
        signs.retain(|(sign, _)| *sign != Sign::NoAddress);
        let arrives = |sign: &Sign| matches!(sign, Sign::Direct | Sign::Path { .. });
        let sum = |all: bool| -> u64 {
            signs.iter().filter(|(s, _)| all || arrives(s)).map(|(_, flows)| flows).sum()
        };
        match (sum(false), sum(true)) {
            (0, _) if signs.iter().all(|(sign, _)| matches!(sign, Sign::Dropped(_))) => "X+".to_owned(),
            (arrived, all) if arrived == all => "ok+".to_owned(),
            // Never 100 when some die, never 0 when some arrive.
            (arrived, all) => format!("{}%", (arrived * 100 / all.max(1)).clamp(u64::from(arrived > 0), 99)),
        }
    }

    /// What signs and letters stand for.
    pub(crate) fn legend(&self, grouped: bool) -> String {
        let has = |is: fn(&Sign) -> bool| self.signs.iter().any(is);
        let mut words = vec!["ok direct", "*a by path a"];
        if has(|sign| matches!(sign, Sign::Path { asymmetric: true, .. })) {
            words.push("~ asymmetric");
        }
        words.extend(["XA dropped for reason A", ". itself", "- no address to ask with"]);
        if !self.mixtures.is_empty() {
            words.push("?1 the source port decides");
        }
        if grouped {
            words.extend([
                "ok+ all arrive, on different paths",
                "X+ all die, for different reasons",
                "40% of the flows arrive",
            ]);
        }
        let mut out = wrap("", &words.join(", "), 2);
        if !self.paths.is_empty() {
            out.push_str("\nPaths\n");
        }
        for (ix, (path, flows)) in self.paths.iter().enumerate() {
            out.push_str(&wrap(
                &format!("  *{:<3}", letters(ix, b'a')),
                &format!("{path}: {}", counted(*flows, "flow")),
                7,
            ));
        }
        if !self.reasons.is_empty() {
            out.push_str("\nReasons\n");
        }
        for (ix, reason) in self.reasons.iter().enumerate() {
            out.push_str(&reason_text(&letters(ix, b'A'), reason));
        }
        if !self.mixtures.is_empty() {
            out.push_str("\nBy source port\n");
        }
        for (ix, (words, flows)) in self.mixtures.iter().enumerate() {
            out.push_str(&wrap(
                &format!("  ?{:<3}", ix + 1),
                &format!("{words}: {}", counted(*flows, "flow")),
                7,
            ));
        }
        out
    }
}

fn reason_text(letters: &str, Reason { reason, flows, objects }: &Reason) -> String {
    let name = reason.map_or("stuck", DropReason::code);
    let mut out = wrap(&format!("  X{letters:<3}"), &format!("{name}: {}", counted(*flows, "flow")), 7);
    let mut objects: Vec<(&String, &u64)> = objects.iter().collect();
    objects.sort_by_key(|(name, flows)| (std::cmp::Reverse(**flows), *name));
    for (object, flows) in objects.iter().take(OBJECTS_MAX) {
        out.push_str(&wrap("        ", &format!("{}  {object}", count(**flows)), 12));
    }
    if objects.len() > OBJECTS_MAX {
        out.push_str(&format!("        and {} more causes\n", objects.len() - OBJECTS_MAX));
    }
    out
}

/// Adds `flows` to `name`, which may be new, and says where it is.
fn note(all: &mut Vec<(String, u64)>, name: String, flows: u64) -> usize {
    let at = all.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
        all.push((name, 0));
        all.len() - 1
    });
    all[at].1 += flows;
    at
}

fn text(sign: Sign) -> String {
    match sign {
        Sign::Itself => ".".to_owned(),
        Sign::NoAddress => "-".to_owned(),
        Sign::Direct => "ok".to_owned(),
        Sign::Path { path, asymmetric } => {
            format!("*{}{}", letters(path, b'a'), if asymmetric { "~" } else { "" })
        }
        Sign::Dropped(reason) => format!("X{}", letters(reason, b'A')),
        Sign::Mixed(mixture) => format!("?{}", mixture + 1),
    }
}

/// `a` to `z`, then `aa`, `ab` ...
fn letters(mut number: usize, first: u8) -> String {
    let mut text = String::new();
    loop {
        text.insert(0, char::from(first + (number % 26) as u8));
        if number < 26 {
            return text;
        }
        number = number / 26 - 1;
    }
}
