//! How fast a network forwards: synthetic connections between its own VMs, through its own switches and appliances.
//!
//! Owns the load, the worker threads and the clock. Called by `vnetsim bench` and by the benches. Must never decide
//! what becomes of a packet, or run in a debug build. Connections are shared out among workers by their five-tuple, so
//! no lock is shared; a packet that a balancer turns into another worker's travels over a bounded channel.
//!
//! What is measured is the fabric: bandwidth limits of VM sizes are lifted, and appliances forward without a policy of
//! their own.

mod load;
mod measure;
mod paths;
mod worker;

pub use load::Load;
pub use measure::{Error, Measured, Options, Phase, Progress, Rate, TableSizes, measure};
pub use paths::{Guests, Path, find_paths};
pub use worker::{Sum, Worker};
