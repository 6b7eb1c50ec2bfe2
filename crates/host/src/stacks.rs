//! smoltcp's interfaces of a machine: one for its own MTU, one for each smaller MTU that a path turned out to have.
//!
//! Owns which of them a connection uses: smoltcp takes the size of a segment from the interface that it is called
//! with, and has no path MTU discovery. Called by `host` when a connection begins and when a router says that a packet
//! was too large (RFC 1191, RFC 8201). Must never know a connection. Costs a look-up per new connection, and nothing
//! per segment.

use std::net::IpAddr;

use rustc_hash::FxHashMap;
use smoltcp::{
    iface::{Config, Interface},
    wire::HardwareAddress,
};

use vnetsim_types::{SimTime, TrafficId};

use crate::{
    ConversationId, Wire,
    port::{Label, Port, Sent, to_instant},
};

/// The least MTU that is believed, in bytes; what IPv4 hosts must be able to receive.
pub(crate) const MTU_MIN: u16 = 576;
/// Interfaces of a machine, and paths that it remembers, at most.
const STACKS_MAX: usize = 16;
const PATHS_MAX: usize = 1_024;

/// An interface.
pub(crate) struct Stack {
    /// The largest IP packet, in bytes.
    pub(crate) mtu: u16,
    pub(crate) interface: Interface,
}

impl Stack {
    fn new(mtu: u16, seed: u64) -> Self {
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let id = ConversationId { traffic: TrafficId(0), conversation: 0 };
        let label = Label { id, forward: false, ttl: 64, now: SimTime::ZERO };
        let (mut wire, mut sent) = (Wire::new(), Sent::default());
        let mut port = Port { mtu, arriving: None, label, sent: &mut sent, wire: &mut wire };
        let mut interface = Interface::new(config, &mut port, to_instant(SimTime::ZERO));
        interface.set_any_ip(true); // which addresses are the machine's the host decides, however many there are
        Self { mtu, interface }
    }

    /// Bytes of data in a whole segment to `remote`: what both headers leave.
    pub(crate) fn mss(&self, remote: IpAddr) -> u16 {
        self.mtu - if remote.is_ipv4() { 40 } else { 60 }
    }
}

/// All interfaces of a machine; the first has the machine's own MTU.
pub(crate) struct Stacks {
    list: Vec<Stack>,
    seed: u64,
    /// Which one for which remote address, where it is not the first. Nothing is forgotten (Linux: after 10 minutes).
    paths: FxHashMap<IpAddr, u8>,
}

impl Stacks {
    pub(crate) fn new(mtu: u16, seed: u64) -> Self {
        let mtu = mtu.max(MTU_MIN);
        Self { list: vec![Stack::new(mtu, seed)], seed, paths: FxHashMap::default() }
    }

    #[cfg(test)]
    pub(crate) fn paths(&self) -> usize {
        self.paths.len()
    }

    /// The one for connections to `remote`.
    pub(crate) fn towards(&self, remote: IpAddr) -> u8 {
        self.paths.get(&remote).copied().unwrap_or(0)
    }

    pub(crate) fn get(&mut self, ix: u8) -> &mut Stack {
        let ix = usize::from(ix).min(self.list.len() - 1);
        &mut self.list[ix]
    }

    /// A packet towards `remote`, from a connection that uses `from`, was larger than `mtu`. Which one to use from now
    /// on; `None` when that is no news.
    pub(crate) fn narrow(&mut self, from: u8, remote: IpAddr, mtu: u32) -> Option<u8> {
        let mtu = u16::try_from(mtu).ok()?.max(MTU_MIN);
        if mtu >= self.get(from).mtu {
            return None;
        }
        let known = self.list.iter().position(|stack| stack.mtu == mtu);
        if known.is_none() && self.list.len() == STACKS_MAX {
            return None;
        }
        let ix = known.unwrap_or_else(|| {
            self.list.push(Stack::new(mtu, self.seed ^ u64::from(mtu) << 48));
            self.list.len() - 1
        }) as u8;
        if self.paths.len() < PATHS_MAX || self.paths.contains_key(&remote) {
            self.paths.insert(remote, ix);
        }
        Some(ix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_only_become_narrower() {
        let mut stacks = Stacks::new(1_500, 7);
        let (near, far) = (IpAddr::from([10, 0, 0, 4]), IpAddr::from([10, 1, 0, 4]));
        assert_eq!(stacks.narrow(0, far, 1_500), None);
        assert_eq!(stacks.narrow(0, far, 1_400), Some(1));
        assert_eq!((stacks.towards(far), stacks.towards(near)), (1, 0));
        assert_eq!(stacks.narrow(1, far, 1_450), None);
        assert_eq!(stacks.narrow(1, far, 0), Some(2)); // routers before RFC 1191
        assert_eq!(stacks.get(2).mtu, MTU_MIN);
        assert_eq!((stacks.get(0).mss(far), stacks.get(1).mss(far)), (1_460, 1_360));
        for mtu in 600..1_000 {
            stacks.narrow(0, near, mtu);
        }
        assert!(stacks.list.len() == STACKS_MAX);
    }
}
