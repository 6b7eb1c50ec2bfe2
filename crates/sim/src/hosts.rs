//! Machines with a TCP/IP stack: where the stacks of `vnetsim-host` meet the packets of the simulation.
//!
//! Owns the stacks of a shard's machines, made when the first packet or connection needs one, and the timers that wake
//! them. Called for TCP connections that last. Must never decide what TCP decides. Costs a map access per packet beside
//! the stack's own work.

use std::net::IpAddr;

use rustc_hash::FxHashMap;
use vnetsim_dataplane::FABRIC_MAC;
use vnetsim_host::{Connect, ConversationId, Finished, Host, HostConfig, Incoming, Open, Wire, Work};
use vnetsim_model::{Application, Traffic};
use vnetsim_packet::set_macs;
use vnetsim_types::{NicId, PacketTag, Part, Place, SimTime, TrafficId, VmId};

use crate::{
    event::{Event, Flight, Kind, Node},
    fault::mix,
    frames::source_port,
    guest::leaving_nic,
    shard::Shard,
};

/// Whose stack it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum HostKey {
    /// A virtual machine's.
    Vm(VmId),
    /// That of a host with that address behind a site, in the internet or behind a private endpoint.
    Far(Place, IpAddr),
    /// A platform service, as the NIC that asks sees it.
    Platform(NicId, IpAddr),
}

#[derive(Default)]
pub(crate) struct Hosts {
    by_key: FxHashMap<HostKey, u32>,
    all: Vec<Machine>,
    wire: Wire,
    /// Machines whose stacks have a timer.
    wanted: usize,
    /// Connections that ended, at either end, and when in the order of events.
    pub(crate) finished: Vec<Finished>,
}

struct Machine {
    key: HostKey,
    host: Host,
    node: Node,
    /// When it is woken next.
    wake: Option<SimTime>,
    /// Its stack has a timer.
    wanted: bool,
}

impl Hosts {
    /// A machine stopped: its connections are gone without a word.
    pub(crate) fn forget(&mut self, vm: VmId) {
        if let Some(ix) = self.by_key.remove(&HostKey::Vm(vm)) {
            let machine = &mut self.all[ix as usize];
            // Those of its clients too: what it received until now counts.
            self.finished.extend(machine.host.open().map(|open| Finished {
                id: open.id,
                opener: open.opener,
                at: open.stats.last_progress,
                result: Err(vnetsim_host::Failure::TimedOut),
                stats: open.stats,
            }));
            machine.host = Host::new(&[], HostConfig::default());
            self.wanted -= usize::from(std::mem::take(&mut machine.wanted));
        }
    }

    /// True while a stack waits for a time: something is still to happen.
    pub(crate) fn are_waiting(&self) -> bool {
        self.wanted > 0
    }

    /// Connections that have not ended.
    pub(crate) fn open(&self) -> impl Iterator<Item = Open> {
        self.all.iter().flat_map(|machine| machine.host.open())
    }
}

fn work(traffic: &Traffic) -> Option<Work> {
    match traffic.application {
        Application::Requests { requests, request_bytes, response_bytes } => {
            Some(Work::Requests { requests, request_bytes, response_bytes })
        }
        Application::Bulk { lasts } => Some(Work::Bulk { lasts }),
        _ => None,
    }
}

impl<const WATCHED: bool> Shard<'_, WATCHED> {
    /// A client opens its connection.
    pub(crate) fn start_connection(&mut self, id: TrafficId, conversation: u32) {
        let traffic = &self.setting.traffic[id.ix()];
        let Some(work) = work(traffic) else { return };
        let key = match traffic.from.place {
            Place::Nic(nic) => match self.network()[nic].vm {
                Some(vm) => HostKey::Vm(vm),
                None => return,
            },
            place => HostKey::Far(place, traffic.from.address),
        };
        let connect = Connect {
            id: ConversationId { traffic: id, conversation },
            local: (traffic.from.address, source_port(traffic.source_port, conversation)),
            remote: (traffic.to.address, traffic.protocol.port),
            work,
            timeout: traffic.give_up,
            ttl: traffic.ttl,
        };
        let ix = self.machine(key, traffic.from.place);
        let now = self.now;
        let Hosts { all, wire, .. } = &mut self.hosts;
        all[ix as usize].host.connect(now, connect, wire);
        self.settle(ix);
    }

    /// A packet of a TCP connection is for a machine at `place`.
    pub(crate) fn at_stack(&mut self, key: HostKey, place: Place, mut flight: Box<Flight>) {
        let tag = flight.packet.tag;
        let traffic = &self.setting.traffic[tag.traffic.ix()];
        let open = match key {
            HostKey::Vm(vm) => !self.is_closed(vm, &flight),
            _ => true,
        };
        let incoming = Incoming {
            id: ConversationId { traffic: tag.traffic, conversation: tag.conversation },
            forward: tag.part.is_forward(),
            serve: work(traffic).filter(|_| open),
        };
        let ix = self.machine(key, place);
        self.arrived(place, &flight);
        let now = self.now;
        let Hosts { all, wire, .. } = &mut self.hosts;
        all[ix as usize].host.receive(now, &flight.packet.frame, incoming, wire);
        // The next frame is made of this one.
        wire.recycle(std::mem::take(&mut flight.packet.frame));
        self.delivered(flight, place);
        self.settle(ix);
    }

    /// A timer of a stack.
    pub(crate) fn wake(&mut self, ix: u32) {
        let machine = &mut self.hosts.all[ix as usize];
        if machine.wake == Some(self.now) {
            machine.wake = None;
        }
        // A timer that is no longer wanted is no event.
        if machine.host.poll_at().is_none_or(|at| at > self.now) {
            return self.settle(ix);
        }
        machine.host.poll(self.now, &mut self.hosts.wire);
        self.events += 1;
        self.end = self.now;
        self.settle(ix);
    }

    /// The stack of a machine, made if it is not there.
    fn machine(&mut self, key: HostKey, place: Place) -> u32 {
        if let Some(ix) = self.hosts.by_key.get(&key) {
            return *ix;
        }
        let node = match key {
            HostKey::Platform(nic, _) => self.node_of(Place::Nic(nic)),
            _ => self.node_of(place),
        };
        let ix = self.hosts.all.len() as u32;
        let host = self.new_host(key);
        self.hosts.all.push(Machine { key, host, node, wake: None, wanted: false });
        self.hosts.by_key.insert(key, ix);
        ix
    }

    fn new_host(&self, key: HostKey) -> Host {
        let number = match key {
            HostKey::Vm(vm) => u64::from(vm.0),
            HostKey::Far(_, ip) | HostKey::Platform(_, ip) => match ip {
                IpAddr::V4(ip) => 1 << 40 | u64::from(u32::from(ip)),
                IpAddr::V6(ip) => 1 << 41 | u128::from(ip) as u64,
            },
        };
        let (seed, server_timeout) = (mix(self.setting.seed, number), self.setting.patience);
        let config = HostConfig { seed, server_timeout, ..HostConfig::default() };
        match key {
            HostKey::Vm(vm) => {
                let network = self.network();
                let machine = &network[vm];
                let mut addresses: Vec<IpAddr> = Vec::new();
                for nic in &machine.nics {
                    addresses.extend(network[*nic].ip_configurations.iter().map(|c| c.address));
                    addresses.extend(&self.tables.nics[nic.ix()].floating); // LB-11
                }
                let window = machine.guest.tcp_window_bytes.unwrap_or(config.buffer_bytes);
                Host::new(&addresses, HostConfig { mtu: machine.guest.mtu, buffer_bytes: window, ..config })
            }
            HostKey::Far(_, ip) | HostKey::Platform(_, ip) => Host::new(&[ip], config),
        }
    }

    /// Sends what the stack made, notes what ended, and plans its next timer.
    fn settle(&mut self, ix: u32) {
        let mut wire = std::mem::take(&mut self.hosts.wire);
        let key = self.hosts.all[ix as usize].key;
        for outgoing in wire.drain() {
            let (id, forward) = (outgoing.id, outgoing.forward);
            self.stack_sends(key, id, forward, outgoing.frame);
        }
        self.hosts.wire = wire;
        let machine = &mut self.hosts.all[ix as usize];
        self.hosts.finished.extend(machine.host.finished());
        let due = machine.host.poll_at();
        let was = std::mem::replace(&mut machine.wanted, due.is_some());
        self.hosts.wanted = self.hosts.wanted + usize::from(due.is_some()) - usize::from(was);
        let Some(due) = due else { return };
        let due = due.max(self.now);
        if machine.wake.is_none_or(|wake| due < wake) {
            machine.wake = Some(due);
            let node = machine.node;
            self.push(due, Kind::Wake, node, Event::Wake(ix));
        }
    }

    fn stack_sends(&mut self, key: HostKey, id: ConversationId, forward: bool, frame: Vec<u8>) {
        let Ok(mut headers) = vnetsim_packet::parse(&frame) else { return };
        let traffic = &self.setting.traffic[id.traffic.ix()];
        let tag =
            PacketTag { traffic: id.traffic, conversation: id.conversation, part: part(&headers, forward) };
        let place = match key {
            // The one who opened uses the NIC that it opened with; who answers asks its own routes.
            HostKey::Vm(vm) => match traffic.from.place {
                Place::Nic(nic) if forward && self.network()[nic].vm == Some(vm) => Place::Nic(nic),
                _ => Place::Nic(leaving_nic(self.network(), &self.network()[vm], headers.dst)),
            },
            HostKey::Far(place, _) => place,
            HostKey::Platform(nic, _) => {
                // Rare: the frame is parsed once more.
                return self.platform_sends(nic, tag, frame);
            }
        };
        let mut flight = self.flight();
        flight.packet.frame = frame;
        set_macs(&mut flight.packet.frame, &mut headers, self.mac_of(place), FABRIC_MAC);
        self.begin(place, self.node_of(place), tag, headers, &mut flight);
        self.dispatch(place, flight);
    }
}

/// Which packet of its conversation a segment is.
fn part(headers: &vnetsim_packet::Headers, forward: bool) -> Part {
    use vnetsim_packet::{L4, TcpFlags};
    let syn = matches!(headers.l4, L4::Tcp { flags, .. } if flags.contains(TcpFlags::SYN));
    match (forward, syn) {
        (true, true) => Part::Request,
        (false, true) => Part::Reply,
        (true, false) => Part::Forward,
        (false, false) => Part::Backward,
    }
}
