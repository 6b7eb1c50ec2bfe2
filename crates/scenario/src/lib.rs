//! Scenario files: YAML or JSON text in, a checked network with traffic, timeline and expectations out.
//!
//! Owns the file format: property names, shorthands, JSON Schema, and every problem's place. Three
//! stages, each of which reports all it finds: text to tree (`yaml`), tree to drafts (`decode`, `record`
//! and the modules that list properties), drafts to a scenario (`vnetsim_model::check`, then `load`).
//!
//! Called by front ends with bytes that they have read. Must never open a file, print, or decide
//! what Azure does.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod captures;
mod decode;
mod expect;
mod expectation;
mod file;
mod gateways;
mod hubs;
mod load;
mod load_balancers;
mod machines;
mod network;
mod quantities;
mod record;
mod references;
mod rights;
mod timeline;
mod traffic;
mod values;
mod yaml;

pub use captures::{CaptureReplay, MappedAddress};
pub use expectation::{
    BillExpectation, Expectation, Leg, NextHopExpectation, NextHopType, OperationExpectation,
    OperationResult, PeeringExpectation, Range, RouteMatch, RouteSource, RouteState, RoutesExpectation,
    Subject, TrafficExpectation, Verdict,
};
pub use load::{Loaded, Scenario, TimelineOperation, load, schema};
