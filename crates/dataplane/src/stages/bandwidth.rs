//! Stage 6: what the size of a VM lets out (VM-01, VM-02).
//!
//! One bucket per VM, shared by its NICs, charged with the length of IP packets. Only egress counts.

use rustc_hash::FxHashMap;

use vnetsim_types::{DropReason, SimTime, VmId};

use crate::{NicTable, Packet, packet::Alike};

/// VM-02: how much a VM may send at once, as time at its full rate. Unpublished; a choice.
const BURST: SimTime = SimTime::from_millis(50);

/// When each VM's line is free again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buckets {
    free_at: FxHashMap<VmId, SimTime>,
}

impl Buckets {
    /// Charges `packet` to the VM of `port`.
    pub(crate) fn charge(
        &mut self,
        now: SimTime,
        port: &NicTable,
        packet: &mut Packet,
    ) -> Result<(), DropReason> {
        let (Some(vm), Some(rate)) = (port.vm, port.egress_bits_per_s) else { return Ok(()) };
        packet.only(Alike::None);
        let bits = u64::from(packet.headers.ip_len) * 8;
        let takes = SimTime((u128::from(bits) * 1_000_000_000 / u128::from(rate.max(1))) as u64);
        let free_at = self.free_at.entry(vm).or_default();
        let done = now.max(*free_at) + takes;
        if done.since(now) > BURST {
            return Err(DropReason::EgressBandwidthExceeded);
        }
        *free_at = done;
        Ok(())
    }
}
