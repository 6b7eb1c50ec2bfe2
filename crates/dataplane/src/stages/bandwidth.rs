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

#[cfg(test)]
mod tests {
    use vnetsim_packet::{Endpoints, udp};
    use vnetsim_types::{PacketId, PacketTag, Part, SubnetId, TrafficId, VmId, VnetId};

    use super::*;

    /// A NIC of VM 3, which may send a million bits in a second.
    fn port() -> NicTable {
        NicTable {
            vnet: VnetId(0),
            subnet: SubnetId(0),
            addresses: Vec::new(),
            ip_forwarding: false,
            subnet_acl: None,
            nic_acl: None,
            up: true,
            vm: Some(VmId(3)),
            egress_bits_per_s: Some(1_000_000),
            behind_standard_lb: false,
            shared_out: [None, None],
            floating: Vec::new(),
            mac: [0; 6],
        }
    }

    /// 10 ms of the VM's time.
    fn packet() -> Packet {
        let (src, dst) = ([10, 0, 0, 4].into(), [10, 0, 0, 5].into());
        let ends = Endpoints { src_mac: [2; 6], dst_mac: [4; 6], src, dst, ttl: 64, dont_fragment: true };
        let frame = udp(&ends, 1_000, 53, 1_250 - 28).expect("a size that fits");
        let tag = PacketTag { traffic: TrafficId(0), conversation: 0, part: Part::Request };
        Packet::new(PacketId(0), tag, false, frame).expect("a frame made here")
    }

    #[test]
    fn a_packet_waits_until_what_was_sent_before_it_has_left() {
        let (mut buckets, port, mut packet) = (Buckets::default(), port(), packet());
        let mut sent_at = |ms: u64| {
            let sent = buckets.charge(SimTime::from_millis(ms), &port, &mut packet);
            sent.map(|()| packet.wait.0 / 1_000_000)
        };
        // Five are before the sixth; the seventh would wait 60 ms and takes no place in the queue.
        let waits = [0, 0, 0, 0, 0, 0, 0].map(&mut sent_at);
        let full = Err(DropReason::EgressBandwidthExceeded);
        assert_eq!(waits, [Ok(0), Ok(10), Ok(20), Ok(30), Ok(40), Ok(50), full]);
        assert_eq!([9, 10, 15, 60, 75, 1_000].map(&mut sent_at), [full, Ok(50), full, Ok(10), Ok(5), Ok(0)]);
    }
}
