//! What the benches share: networks of a given size, and numbers that look random.

use std::path::Path;

use vnetsim_scenario::{Scenario, load};
use vnetsim_types::FileId;

mod baby_hero;
mod ground;
mod hops;
pub mod networks;
mod random;
pub mod star;

pub use baby_hero::baby_hero;
pub use ground::{FRAME_LEN, Ground};
pub use hops::{Half, Hops};
pub use random::Random;

/// A scenario of the project, by its path under `scenarios/`. Panics when it does not load.
pub fn scenario(name: &str) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios").join(name);
    let bytes = std::fs::read(&path).expect("a scenario of this project");
    load(&bytes, FileId(0)).scenario.expect("a scenario without errors")
}
