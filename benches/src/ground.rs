//! What traffic of a bench runs over: tables, guests and paths.

use vnetsim_compile::compile;
use vnetsim_dataplane::Tables;
use vnetsim_model::Network;
use vnetsim_throughput::{Guests, Load, Path, Worker};

/// Bytes of every frame.
pub const FRAME_LEN: usize = 64;

/// A network of [`crate::networks`] with its tables, and paths from each VM in the west to one in the east.
pub struct Ground {
    /// The compiled network.
    pub tables: Tables,
    /// What its guests do.
    pub guests: Guests,
    /// From `west0` to `east0`, and so on.
    pub paths: Vec<Path>,
}

impl Ground {
    /// Paths of `network` have `hops` legs each.
    pub fn of(network: &Network, hops: usize) -> Self {
        let tables = (*compile(network, 0).tables).clone();
        let guests = Guests::of(network, &tables);
        let nic = |name: String| network.nic_named(&name);
        let pair = |ix: usize| Some((nic(format!("west{ix}"))?, nic(format!("east{ix}"))?));
        let paths = (0..).map_while(pair).map(|(from, to)| Path { from, to, port: 443, hops }).collect();
        Self { tables, guests, paths }
    }

    /// One frame for each of `flows` connections.
    pub fn load(&self, flows: usize) -> Load {
        Load::new(&self.tables, &self.paths, flows, FRAME_LEN, (0, 1))
    }

    /// A worker that forwards it.
    pub fn worker(&self, repeats: bool) -> Worker<'_> {
        Worker::alone(&self.tables, &self.guests, repeats)
    }
}
