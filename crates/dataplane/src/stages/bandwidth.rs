//! Stage 6: what the size of a VM lets out (VM-01, VM-02).
//!
//! Owns, for each VM, when all that it sent so far will have left at its rate: one queue for all its NICs, charged with
//! the length of IP packets. Only egress counts. Called for every packet that leaves a NIC of a VM with a limit, and
//! for the repeated ones too; must never drop while the queue has room. Costs one load by the VM's number and a
//! division; 8 bytes for each VM up to the last one with a limit.

use vnetsim_types::{DropReason, SimTime};

use crate::{NicTable, Packet};

/// VM-02: how long a packet waits at most for what its VM sent before it, so a full queue holds 50 ms at the VM's rate.
/// Azure publishes neither a queue's length nor a burst: a choice.
const QUEUE_MAX: SimTime = SimTime::from_millis(50);

/// When each VM's queue will be empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buckets {
    /// By VM.
    free_at: Vec<SimTime>,
}

impl Buckets {
    /// Charges `packet` to the VM of `port`, and says in the packet how long it waits there.
    #[inline]
    pub(crate) fn charge(
        &mut self,
        now: SimTime,
        port: &NicTable,
        packet: &mut Packet,
    ) -> Result<(), DropReason> {
        let (Some(vm), Some(rate)) = (port.vm, port.egress_bits_per_s) else { return Ok(()) };
        if self.free_at.len() <= vm.ix() {
            self.free_at.resize(vm.ix() + 1, SimTime::ZERO);
        }
        let free_at = &mut self.free_at[vm.ix()];
        let leaves_at = now.max(*free_at);
        let wait = leaves_at.since(now);
        if wait > QUEUE_MAX {
            return Err(DropReason::EgressBandwidthExceeded);
        }
        // At most 65,535 bytes: no overflow.
        let takes = u64::from(packet.headers.ip_len) * 8 * 1_000_000_000 / rate.max(1);
        *free_at = leaves_at + SimTime(takes);
        packet.wait = wait;
        Ok(())
    }
}
