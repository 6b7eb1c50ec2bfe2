//! Limits of the simulator itself. Azure's own limits are data of the model, not constants here.

use crate::SimTime;

/// Largest input file, in bytes.
pub const INPUT_BYTES_MAX: usize = 64 << 20;
/// Deepest nesting of an input file.
pub const INPUT_DEPTH_MAX: usize = 64;
/// Most nodes (scalars, lists, mappings) in an input file.
pub const INPUT_NODES_MAX: usize = 4_000_000;
/// Problems printed in full; the rest are counted.
pub const PROBLEMS_MAX: usize = 100;
/// Most packets that one traffic entry may send.
pub const TRAFFIC_COUNT_MAX: u64 = 10_000_000;
/// Most bytes that the conversations of one traffic entry may carry in all: 1 TB.
pub const TRAFFIC_BYTES_MAX: u64 = 1_000_000_000_000;
/// Longest that one conversation may send, or TCP may wait: an hour.
pub const TRAFFIC_LASTS_MAX: SimTime = SimTime::from_secs(3_600);
/// Events at one instant of virtual time before the run is stopped as not advancing.
pub const EVENTS_PER_INSTANT_MAX: u64 = 10_000_000;
/// Flow records per NIC: FLOW-02, 500,000 inbound and 500,000 outbound.
pub const FLOW_RECORDS_PER_NIC_MAX: usize = 500_000;
