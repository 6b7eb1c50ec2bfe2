//! The signs of a reachability grid: `ok`, `*a`, `*a~`, `XA`, `?1`, and what their letters stand for.
//!
//! Called by `matrix`. Letters go to ways and reasons in the order in which they come first.

use std::collections::{BTreeMap, BTreeSet};

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
    /// With those who cannot be reached.
    objects: BTreeMap<String, (u64, BTreeSet<String>)>,
}

/// All signs of a matrix.
pub(crate) struct Signs {
    /// By story.
    signs: Vec<Sign>,
    paths: Vec<(String, u64)>,
    reasons: Vec<Reason>,
    mixtures: Vec<(String, u64)>,
    /// How many of each come in cells; the others have no sign.
    shown: [usize; 3],
}

impl Signs {
    pub(crate) fn of(matrix: &Matrix) -> Self {
        let mut signs = Self {
            signs: Vec::new(),
            paths: Vec::new(),
            reasons: Vec::new(),
            mixtures: Vec::new(),
            shown: [0; 3],
        };
        let mut flows = vec![0; matrix.stories.len()];
        let mut unreached: Vec<BTreeSet<String>> = vec![BTreeSet::new(); matrix.stories.len()];
        for (row, column, cell) in matrix.grids.iter().flat_map(|grid| matrix.cells(grid)) {
            if let Cell::Known(story) = cell {
                flows[story as usize] += matrix.flows(row, column);
                let first = matrix.stories[story as usize].first();
                let back =
                    first.is_some_and(|s| matches!(s.verdict, Verdict::Dropped { on_return: true, .. }));
                let end = if back { &matrix.rows[row] } else { &matrix.columns[column] };
                unreached[story as usize].insert(end.group());
            }
        }
        for ((stories, flows), unreached) in matrix.stories.iter().zip(flows).zip(unreached) {
            let sign = signs.add(stories, flows, unreached);
            signs.signs.push(sign);
        }
        signs
    }

    fn add(&mut self, stories: &Stories, flows: u64, unreached: BTreeSet<String>) -> Sign {
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
        let of_object = self.reasons[at].objects.entry(object).or_default();
        of_object.0 += flows;
        of_object.1.extend(unreached);
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

    fn others(&self, cells: &[(Cell, u64)]) -> Vec<(Sign, u64)> {
        let mut signs: Vec<(Sign, u64)> =
            cells.iter().map(|(cell, flows)| (self.sign(*cell), *flows)).collect();
        if signs.iter().any(|(sign, _)| *sign != Sign::Itself) {
            signs.retain(|(sign, _)| *sign != Sign::Itself);
        }
        signs
    }

    /// The sign that all cells have in common.
    pub(crate) fn common(&self, cells: &[(Cell, u64)]) -> Option<Sign> {
        let signs = self.others(cells);
        let (first, _) = signs.first().copied()?;
        signs.iter().all(|(sign, _)| *sign == first).then_some(first)
    }

    /// Gives the first letters to what comes in cells; `shown` are their signs.
    pub(crate) fn arrange(&mut self, shown: &[Sign]) {
        let of = |kind: usize| {
            shown.iter().filter_map(move |sign| match (kind, *sign) {
                (0, Sign::Path { path, .. }) => Some(path),
                (1, Sign::Dropped(reason)) => Some(reason),
                (2, Sign::Mixed(mixture)) => Some(mixture),
                _ => None,
            })
        };
        let (paths, a) = order(&mut self.paths, of(0).collect());
        let (reasons, b) = order(&mut self.reasons, of(1).collect());
        let (mixtures, c) = order(&mut self.mixtures, of(2).collect());
        self.shown = [a, b, c];
        for sign in &mut self.signs {
            match sign {
                Sign::Path { path, .. } => *path = paths[*path],
                Sign::Dropped(reason) => *reason = reasons[*reason],
                Sign::Mixed(mixture) => *mixture = mixtures[*mixture],
                Sign::Itself | Sign::NoAddress | Sign::Direct => {}
            }
        }
    }

    /// The sign of one cell, or of several: the common one, else the share that is delivered.
    pub(crate) fn block(&self, cells: &[(Cell, u64)]) -> String {
        if let Some(sign) = self.common(cells) {
            return text(sign);
        }
        let mut signs = self.others(cells);
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
        let [paths, reasons, mixtures] = self.shown;
        let mut words = vec!["ok direct"];
        if paths > 0 {
            words.push("*a by path a");
        }
        if has(|sign| matches!(sign, Sign::Path { asymmetric: true, .. })) {
            words.push("~ asymmetric");
        }
        if reasons > 0 {
            words.push("XA dropped for reason A");
        }
        words.extend([". itself", "- no address to ask with"]);
        if mixtures > 0 {
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
        if paths > 0 {
            out.push_str("\nPaths\n");
        }
        for (ix, (path, flows)) in self.paths.iter().take(paths).enumerate() {
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
            let sign = if ix < reasons { format!("X{}", letters(ix, b'A')) } else { String::new() };
            out.push_str(&reason_text(&sign, reason));
        }
        if !self.mixtures.is_empty() {
            out.push_str("\nBy source port\n");
        }
        for (ix, (words, flows)) in self.mixtures.iter().enumerate() {
            let sign = if ix < mixtures { format!("?{}", ix + 1) } else { String::new() };
            out.push_str(&wrap(&format!("  {sign:<4}"), &format!("{words}: {}", counted(*flows, "flow")), 7));
        }
        out
    }
}

fn reason_text(sign: &str, Reason { reason, flows, objects }: &Reason) -> String {
    let name = reason.map_or("stuck", DropReason::code);
    let mut out = wrap(&format!("  {sign:<4}"), &format!("{name}: {}", counted(*flows, "flow")), 7);
    let mut objects: Vec<(&String, &(u64, BTreeSet<String>))> = objects.iter().collect();
    objects.sort_by_key(|(name, (flows, _))| (std::cmp::Reverse(*flows), *name));
    for (object, (flows, unreached)) in objects.iter().take(OBJECTS_MAX) {
        out.push_str(&wrap(
            "        ",
            &format!("{}  {object}; to {}", count(*flows), places(unreached)),
            12,
        ));
    }
    if objects.len() > OBJECTS_MAX {
        out.push_str(&format!("        and {} more causes\n", objects.len() - OBJECTS_MAX));
    }
    out
}

/// Puts what is at `first` positions to the front. For each old position the new one, and how many are in front.
fn order<T>(all: &mut Vec<T>, first: BTreeSet<usize>) -> (Vec<usize>, usize) {
    let rest = (0..all.len()).filter(|ix| !first.contains(ix));
    let old: Vec<usize> = first.iter().copied().chain(rest).collect();
    let mut new = vec![0; all.len()];
    old.iter().enumerate().for_each(|(at, ix)| new[*ix] = at);
    let mut numbered: Vec<(usize, T)> = all.drain(..).enumerate().map(|(ix, one)| (new[ix], one)).collect();
    numbered.sort_by_key(|(at, _)| *at);
    all.extend(numbered.into_iter().map(|(_, one)| one));
    (new, first.len())
}

/// `s1/app, s1/db`; many subnets are counted: `46 subnets of 23 networks, onprem`.
pub(crate) fn places(names: &BTreeSet<String>) -> String {
    let subnets: Vec<(&str, &str)> = names.iter().filter_map(|name| name.split_once('/')).collect();
    let mut words: Vec<String> = Vec::new();
    if subnets.len() > OBJECTS_MAX {
        let networks: BTreeSet<&str> = subnets.iter().map(|(network, _)| *network).collect();
        let (subnets, networks) = (subnets.len() as u64, networks.len() as u64);
        words.push(format!("{} of {}", counted(subnets, "subnet"), counted(networks, "network")));
        words.extend(names.iter().filter(|name| !name.contains('/')).cloned());
    } else {
        words.extend(names.iter().cloned());
    }
    words.join(", ")
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
