//! Azure's limits under an era: the figures of the dated files in `vnetsim_data`, and beside them what is definition
//! and not expected to change. The limits of the simulator itself are [`vnetsim_types::limits`].

use std::ops::RangeInclusive;

use vnetsim_data::{Data, Limit, Limits};
use vnetsim_types::SimTime;

use crate::Era;

/// The limits of an era.
pub(crate) fn of(era: Era) -> &'static Limits {
    Data::current().limits(era.text()).expect("the limits have a table for each era")
}

/// From the one limit to the other.
pub(crate) fn range(least: &Limit, most: &Limit) -> RangeInclusive<u64> {
    least.value..=most.value
}

/// What a help line says about a limit.
pub(crate) fn allowed(limit: &Limit) -> String {
    match limit.value {
        0 => format!("the era of this network does not know them ({})", limit.rule),
        most => format!("Azure allows {most} ({})", limit.rule),
    }
}

/// ADDR-04: the prefix length of every IPv6 subnet.
pub(crate) const SUBNET_PREFIX_LEN_V6: u8 = 64;

/// NSG-02: priorities of rules.
pub(crate) const RULE_PRIORITIES: RangeInclusive<u16> = 100..=4_096;

/// Below this packet size IPv4 hosts stop working (RFC 791).
pub(crate) const GUEST_MTU_LEAST: u64 = 576;

/// FAB-24: receive windows of a guest's TCP, in bytes: what fits without a scale factor and less, to 64 MiB.
pub(crate) const GUEST_TCP_WINDOWS: RangeInclusive<u64> = 4_000..=64 << 20;

/// How long a firewall keeps an idle session: a day is longer than any that is sold.
pub(crate) const GUEST_SESSION_TIMEOUTS: RangeInclusive<SimTime> =
    SimTime::from_millis(1)..=SimTime::from_secs(86_400);

/// How long an appliance takes for a packet.
pub(crate) const GUEST_DELAY_MOST: SimTime = SimTime::from_secs(1);

/// How long a packet waits for an appliance at most.
pub(crate) const GUEST_QUEUE_MOST: SimTime = SimTime::from_secs(10);

/// Packets that an appliance forwards a second.
pub(crate) const GUEST_PACKETS_PER_S: RangeInclusive<u64> = 1..=1_000_000_000;

/// Bits that an appliance forwards a second: 1 kbps to 1 Tbps.
pub(crate) const GUEST_BITS_PER_S: RangeInclusive<u64> = 1_000..=1_000_000_000_000;

/// PEER-33: the feature that a subscription registers for the global-peering preview of 2017, in lower case.
pub(crate) const GLOBAL_PEERING_FEATURE: &str = "allowglobalvnetpeering";
