//! Who can talk to whom: a probe for every ordered pair of ends.
//!
//! Owns which pairs are asked and with which members. Called by `cli` for `vnetsim matrix`; `diff` counts flows as it does.
//! Must never decide a fate: `story` tells what was recorded. Costs a conversation for each
//! pair of ends and protocol, eight where one stands for many and the flow's hash decides.

use std::{collections::BTreeMap, net::IpAddr, num::NonZeroUsize};

use vnetsim_model::Network;
use vnetsim_types::ProtoPort;

use crate::{
    Probe,
    classes::{End, Grouping, Who, addresses, chosen, ends, frontends},
    story::{PORTS_TRIED, Stories, stories},
};

/// What a matrix is asked for.
#[derive(Clone, Debug)]
pub struct MatrixQuestion {
    /// How machines are put together.
    pub grouping: Grouping,
    /// With what they talk.
    pub protocols: Vec<ProtoPort>,
    /// Senders: VMs, subnets, virtual networks, sites; all when empty.
    pub from: Vec<String>,
    /// Receivers, likewise.
    pub to: Vec<String>,
    /// The address that stands for the internet.
    pub internet: IpAddr,
    /// Threads; the answer does not depend on it.
    pub workers: NonZeroUsize,
}

/// Who can talk to whom.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// Who sends.
    pub rows: Vec<End>,
    /// Who is sent to.
    pub columns: Vec<End>,
    /// One for each protocol.
    pub grids: Vec<Grid>,
    /// What cells name.
    pub stories: Vec<Stories>,
}

/// The answers for one protocol.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grid {
    /// With what was asked.
    pub protocol: ProtoPort,
    /// Row by row.
    pub cells: Vec<Cell>,
}

/// The answer for one pair.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Cell {
    /// An end and itself.
    Itself,
    /// The pair has no addresses to ask with: no common family, no public address, or nobody in Azure.
    NoAddress,
    /// Position in [`Matrix::stories`].
    Known(u32),
}

impl Matrix {
    /// The cells of a grid, each with its row and column.
    pub fn cells(&self, grid: &Grid) -> impl Iterator<Item = (usize, usize, Cell)> {
        let width = self.columns.len().max(1);
        grid.cells.iter().enumerate().map(move |(ix, cell)| (ix / width, ix % width, *cell))
    }

    /// Flows that the cell of `row` and `column` speaks for: pairs of members.
    pub fn flows(&self, row: usize, column: usize) -> u64 {
        flows(&self.rows[row], &self.columns[column])
    }
}

/// Ordered pairs of different members.
pub(crate) fn flows(from: &End, to: &End) -> u64 {
    let both = from.members.iter().filter(|member| to.members.contains(member)).count();
    (from.members.len() * to.members.len() - both) as u64
}

/// Two members that stand for the pair; `None` for an end and itself.
pub(crate) fn pair(from: &End, to: &End) -> Option<(Who, Who)> {
    let mut all = from.members.iter().flat_map(|a| to.members.iter().map(move |b| (a.who, b.who)));
    all.find(|(a, b)| a != b)
}

/// Asks every pair. The error is a sentence about a name.
pub fn matrix(network: &Network, question: &MatrixQuestion) -> Result<Matrix, String> {
    let mut all = ends(network, question.internet, question.grouping);
    all.extend(frontends(network));
    let senders = chosen(&all, &question.from)?;
    let (rows, columns): (Vec<End>, Vec<End>) = (
        senders.into_iter().filter(|end| !end.members[0].who.only_answers()).collect(),
        chosen(&all, &question.to)?,
    );
    let mut asked = Vec::new();
    let mut grids = Vec::new();
    for protocol in &question.protocols {
        let mut cells = Vec::with_capacity(rows.len() * columns.len());
        for (from, to) in rows.iter().flat_map(|from| columns.iter().map(move |to| (from, to))) {
            let Some((from, to)) = pair(from, to) else {
                cells.push(Cell::Itself);
                continue;
            };
            let protocol = to.asked(*protocol);
            cells.push(match addresses(network, from, to) {
                Some((from, to)) => {
                    asked.push(Probe { from, to, protocol });
                    Cell::Known(asked.len() as u32 - 1)
                }
                None => Cell::NoAddress,
            });
        }
        grids.push(Grid { protocol: *protocol, cells });
    }
    // Machines for themselves stand for nobody else.
    let ports = if question.grouping == Grouping::Vms { 1 } else { PORTS_TRIED };
    let (all, of_probe) = distinct(stories(network, &asked, ports, question.workers));
    for cell in grids.iter_mut().flat_map(|grid| &mut grid.cells) {
        if let Cell::Known(probe) = cell {
            *probe = of_probe[*probe as usize];
        }
    }
    Ok(Matrix { rows, columns, grids, stories: all })
}

/// Each story once, in the order in which it came first, and which one each probe has.
fn distinct(told: Vec<Stories>) -> (Vec<Stories>, Vec<u32>) {
    let mut known: BTreeMap<Stories, u32> = BTreeMap::new();
    let of_probe: Vec<u32> = told
        .into_iter()
        .map(|stories| {
            let next = known.len() as u32;
            *known.entry(stories).or_insert(next)
        })
        .collect();
    let mut all: Vec<(u32, Stories)> = known.into_iter().map(|(stories, ix)| (ix, stories)).collect();
    all.sort_unstable_by_key(|(ix, _)| *ix);
    (all.into_iter().map(|(_, stories)| stories).collect(), of_probe)
}
