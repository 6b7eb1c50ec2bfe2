//! Stage 12: what happens inside a VM to packets that are not for it. Appliances forward, with or without state.
//!
//! A guest is an ordinary machine: it knows nothing of Azure. It lowers the time to live, keeps sessions if it is a firewall
//! (FLOW-05), translates sources and destinations if told to, and forwards no more than it can. Azure's own checks around it
//! are the switch's; what a packet for the machine itself leads to is `ends.rs`. Called by the shard that has the VM. Costs
//! a few comparisons for a packet that a router forwards, one to three map accesses at a firewall.

use std::net::IpAddr;

use rustc_hash::{FxHashMap, FxHashSet};
use vnetsim_dataplane::{Context, FABRIC_MAC, Packet, Tables};
use vnetsim_model::{
    Access, DestinationNat, Guest as Settings, GuestState, Network, PolicyRule, Role, Snat, TcpTracking, Vm,
};
use vnetsim_packet::{L4, TcpFlags, set_destination, set_macs, set_quoted_source, set_source, set_ttl};
use vnetsim_types::{
    ApplianceAction, DropReason, FlowKey, IpProtocol, NicId, Observer, Part, ProtoPort, SimTime, Step,
};

use crate::frames;

/// Most sessions of a firewall, and most translations.
const SESSIONS_MAX: usize = 1 << 20;

/// Ports that translations choose from; without the one that the host keeps for itself (FAB-07).
const LOWEST_PORT: u16 = 1_024;
const HOST_PORT: u16 = 65_330;

/// What a guest does with a packet.
pub(crate) enum Reaction {
    /// It is for this machine.
    Own,
    /// It leaves by this NIC, that much later.
    Forwarded(NicId, SimTime),
    /// It died here; a router may send an ICMP error.
    Dropped(DropReason, Option<Vec<u8>>),
}

/// State of one machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guest {
    /// Connections that a firewall knows, by the key with the smaller end first.
    sessions: FxHashMap<FlowKey, Session>,
    /// From the key of a packet that comes back to a translated source, to that source.
    translated_back: FxHashMap<FlowKey, (IpAddr, u16)>,
    /// From the key before translation, to the port in use.
    translated_port: FxHashMap<FlowKey, u16>,
    /// Connections whose first packet was not translated; their answers are not either. Keys of both directions.
    untranslated: FxHashSet<FlowKey>,
    /// From the key of an answer of a translated destination, to the destination that was asked.
    asked: FxHashMap<FlowKey, (IpAddr, u16)>,
    /// When what it has to forward so far is forwarded.
    busy_until: SimTime,
}

#[derive(Clone, Copy, Debug)]
struct Session {
    /// The answer to the first packet came through here as well.
    answered: bool,
    last_seen: SimTime,
}

/// The machine that a packet reached, and by which NIC.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) network: &'a Network,
    pub(crate) machine: &'a Vm,
    pub(crate) nic: NicId,
}

impl Guest {
    /// The machine as it is when it starts. Costs little for one that forwarded nothing.
    pub(crate) fn forget(&mut self) {
        let Self { sessions, translated_back, translated_port, untranslated, asked, busy_until } = self;
        sessions.clear();
        translated_back.clear();
        translated_port.clear();
        untranslated.clear();
        asked.clear();
        *busy_until = SimTime::ZERO;
    }

    /// `packet` passed every check of the fabric and reaches the machine.
    pub(crate) fn receive<O: Observer>(
        &mut self,
        cx: &mut Context<'_, O>,
        at: At<'_>,
        packet: &mut Packet,
    ) -> Reaction {
        let guest = &at.machine.guest;
        if guest.state == GuestState::Dead {
            return Reaction::Dropped(DropReason::GuestDead, None);
        }
        let mut translated = self.translate_back(packet);
        let own = |ip: IpAddr| at.machine.nics.iter().any(|nic| cx.tables.nics[nic.ix()].serves(ip));
        if !translated && !guest.dnat.is_empty() && forwards(guest) {
            let rule = guest.dnat.iter().find(|rule| destination_matches(rule, packet, own));
            translated |= rule.is_some_and(|rule| self.translate_destination(rule, packet));
        }
        if !translated && own(packet.headers.dst) {
            return Reaction::Own;
        }
        self.forward(cx, at, translated, packet)
    }

    fn forward<O: Observer>(
        &mut self,
        cx: &mut Context<'_, O>,
        at: At<'_>,
        translated: bool,
        packet: &mut Packet,
    ) -> Reaction {
        let guest = &at.machine.guest;
        if !forwards(guest) {
            return Reaction::Dropped(DropReason::GuestNotForwarding, None);
        }
        let looped = packet.passed.contains(&at.nic);
        let ttl = packet.headers.ttl.saturating_sub(1);
        if ttl == 0 {
            let reason = if looped { DropReason::RoutingLoop } else { DropReason::TtlExpired };
            return Reaction::Dropped(reason, time_exceeded(cx.tables, at, packet));
        }
        if guest.role == Role::Firewall
            && let Err(reason) = self.session(cx.now, guest, packet)
        {
            return Reaction::Dropped(reason, None);
        }
        let after = match self.serve(cx.now, guest, packet) {
            Some(after) => after,
            None => return Reaction::Dropped(DropReason::ApplianceOverloaded, None),
        };
        let nic_out = leaving_nic(at.network, at.machine, packet.headers.dst);
        set_ttl(&mut packet.frame, &mut packet.headers, ttl);
        let translated = match self.translate_source(at.network, guest, nic_out, translated, packet) {
            Ok(translated) => translated,
            Err(reason) => return Reaction::Dropped(reason, None),
        };
        packet.passed.push(at.nic);
        let mac = cx.tables.nics[nic_out.ix()].mac;
        set_macs(&mut packet.frame, &mut packet.headers, mac, FABRIC_MAC);
        let action = match translated {
            true => ApplianceAction::Translated { ttl, key: packet.headers.flow_key() },
            false => ApplianceAction::Forwarded { ttl },
        };
        cx.report(packet, Step::Appliance { nic_in: at.nic, nic_out, action });
        Reaction::Forwarded(nic_out, after)
    }

    /// When the packet leaves, from now; `None` when it would wait longer than the appliance's queue holds.
    fn serve(&mut self, now: SimTime, guest: &Settings, packet: &Packet) -> Option<SimTime> {
        if guest.packets_per_s.is_none() && guest.bits_per_s.is_none() {
            return Some(guest.processing_delay);
        }
        let per = |rate: Option<u64>, units: u64| rate.map_or(0, |rate| units * 1_000_000_000 / rate.max(1));
        let bits = u64::from(packet.headers.ip_len) * 8;
        let takes = SimTime(per(guest.packets_per_s, 1).max(per(guest.bits_per_s, bits)));
        let begins = now.max(self.busy_until);
        let waits = begins.since(now);
        if waits > guest.queue {
            return None;
        }
        self.busy_until = begins + takes;
        Some(waits + guest.processing_delay)
    }

    /// FLOW-05: a SYN, or the first packet of another protocol, opens a session if the policy allows it.
    /// Everything else of TCP needs one, and nothing but the answer passes before the answer did; a loose firewall takes
    /// any packet for a first one.
    fn session(&mut self, now: SimTime, guest: &Settings, packet: &Packet) -> Result<(), DropReason> {
        let key = packet.headers.flow_key();
        let slot = canonical(key);
        let l4 = packet.headers.l4;
        // ICMP errors belong to the session of the packet they are about.
        if let L4::IcmpError { about: Some(about), .. } = l4 {
            let known = self.known(now, guest, canonical(about)).is_some();
            return if known { Ok(()) } else { Err(DropReason::NvaNoSession) };
        }
        let begins = match l4 {
            L4::Tcp { flags, .. } => flags.contains(TcpFlags::SYN) && !flags.contains(TcpFlags::ACK),
            _ => false,
        };
        let tcp = key.protocol == IpProtocol::TCP;
        let strict = tcp && guest.tcp == TcpTracking::Strict;
        if let Some(session) = self.known(now, guest, slot).filter(|_| !begins) {
            let L4::Tcp { flags, .. } = l4 else { return Ok(()) };
            session.answered |= flags.contains(TcpFlags::SYN);
            let passes = session.answered || flags.contains(TcpFlags::RST) || !strict;
            return if passes { Ok(()) } else { Err(DropReason::NvaNoSession) };
        }
        if strict && !begins {
            return Err(DropReason::NvaNoSession);
        }
        if !guest.policy.as_deref().is_none_or(|rules| policy_allows(rules, &key)) {
            return Err(DropReason::NvaPolicyDeny);
        }
        if self.sessions.len() >= SESSIONS_MAX && !self.sessions.contains_key(&slot) {
            self.sessions.retain(|_, session| now.since(session.last_seen) <= guest.session_timeout);
            if self.sessions.len() >= SESSIONS_MAX {
                return Err(DropReason::ApplianceOverloaded);
            }
        }
        self.sessions.insert(slot, Session { answered: !strict, last_seen: now });
        Ok(())
    }

    /// The session of a connection, if it is not idle for too long; it is in use now.
    fn known(&mut self, now: SimTime, guest: &Settings, slot: FlowKey) -> Option<&mut Session> {
        let session = self.sessions.get_mut(&slot)?;
        if now.since(session.last_seen) > guest.session_timeout {
            return None; // replaced by the packet that opens another one
        }
        session.last_seen = now;
        Some(session)
    }

    /// Translates the source where that is wanted, by SNAT or because the answer of a translated destination shall come
    /// from where the request went. True when the packet is translated, now or before.
    fn translate_source(
        &mut self,
        network: &Network,
        guest: &Settings,
        nic_out: NicId,
        translated: bool,
        packet: &mut Packet,
    ) -> Result<bool, DropReason> {
        if !self.asked.is_empty()
            && let Some((ip, port)) = self.asked.get(&packet.headers.flow_key()).copied()
        {
            let port = ported(packet.headers.flow_key()).then_some(port);
            let done = set_source(&mut packet.frame, &mut packet.headers, ip, port);
            return done.map(|()| true).map_err(|_| DropReason::InsufficientInput);
        }
        let back = translated && self.is_answer(packet);
        if guest.snat == Snat::Never || back || !self.wants_snat(network, guest.snat, packet) {
            return Ok(translated);
        }
        self.translate(network, nic_out, packet).map(|()| true)
    }

    /// True when the packet, whose destination was translated, goes to one whose source was.
    fn is_answer(&self, packet: &Packet) -> bool {
        if let L4::IcmpError { .. } = packet.headers.l4 {
            return true;
        }
        let key = packet.headers.flow_key().reversed();
        self.translated_port.contains_key(&key) || !ported(key)
    }

    /// Gives `packet` the address of `nic_out` as source; the port stays where it is free.
    fn translate(
        &mut self,
        network: &Network,
        nic_out: NicId,
        packet: &mut Packet,
    ) -> Result<(), DropReason> {
        let key = packet.headers.flow_key();
        let own = network[nic_out].address_like(key.src).ok_or(DropReason::InsufficientInput)?;
        if own == key.src {
            return Ok(());
        }
        let port = match self.translated_port.get(&key) {
            _ if !ported(key) => self.whole_address(key, own)?,
            Some(port) => Some(*port),
            None => Some(self.free_port(key, own)?),
        };
        set_source(&mut packet.frame, &mut packet.headers, own, port)
            .map_err(|_| DropReason::InsufficientInput)
    }

    /// Decided by the first packet of a connection, as connection tracking does.
    fn wants_snat(&mut self, network: &Network, snat: Snat, packet: &Packet) -> bool {
        let (key, dst) = (packet.headers.flow_key(), packet.headers.dst);
        if self.untranslated.contains(&key) {
            return false;
        }
        let inside = |v: &vnetsim_model::Vnet| v.address_space.iter().any(|p| p.contains(&dst));
        let wanted = match snat {
            Snat::Never => false,
            Snat::Always => true,
            Snat::Internet => vnetsim_dataplane::is_public(dst) && !network.vnets().iter().any(inside),
        };
        if !wanted && self.untranslated.len() < 2 * SESSIONS_MAX {
            self.untranslated.extend([key, key.reversed()]);
        }
        wanted
    }

    /// Without ports, answers are told apart by their address alone: one sender at a time.
    fn whole_address(&mut self, key: FlowKey, own: IpAddr) -> Result<Option<u16>, DropReason> {
        let sender = (key.src, 0);
        let back = FlowKey { src: own, ..key }.reversed();
        match *self.translated_back.entry(back).or_insert(sender) == sender {
            true => Ok(None),
            false => Err(DropReason::SnatExhausted),
        }
    }

    fn free_port(&mut self, key: FlowKey, own: IpAddr) -> Result<u16, DropReason> {
        let wished = key.src_port;
        let after = wished.saturating_add(1).max(LOWEST_PORT)..=u16::MAX;
        let before = LOWEST_PORT..wished.max(LOWEST_PORT);
        let others = after.chain(before).filter(|port| *port != HOST_PORT);
        for port in std::iter::once(wished).chain(others) {
            let out = FlowKey { src: own, src_port: port, ..key };
            // An ICMP identifier fills both fields of a key.
            let out = if key.protocol.has_ports() { out } else { FlowKey { dst_port: port, ..out } };
            if let std::collections::hash_map::Entry::Vacant(free) =
                self.translated_back.entry(out.reversed())
            {
                free.insert((key.src, key.src_port));
                self.translated_port.insert(key, port);
                return Ok(port);
            }
        }
        Err(DropReason::SnatExhausted)
    }

    /// An answer to a translated source gets its old destination back.
    fn translate_back(&self, packet: &mut Packet) -> bool {
        if self.translated_back.is_empty() {
            return false;
        }
        if let L4::IcmpError { about: Some(about), .. } = packet.headers.l4 {
            return self.translate_error_back(about, packet);
        }
        let key = packet.headers.flow_key();
        let Some((ip, port)) = self.translated_back.get(&key) else { return false };
        let port = ported(key).then_some(*port);
        set_destination(&mut packet.frame, &mut packet.headers, *ip, port).is_ok()
    }

    /// An ICMP error about a packet whose source was translated goes to its sender, and names the packet as that one sent it.
    fn translate_error_back(&self, about: FlowKey, packet: &mut Packet) -> bool {
        let Some((ip, port)) = self.translated_back.get(&about.reversed()) else { return false };
        let port = ported(about).then_some(*port);
        set_quoted_source(&mut packet.frame, &mut packet.headers, *ip, port).is_ok()
            && set_destination(&mut packet.frame, &mut packet.headers, *ip, None).is_ok()
    }

    /// The packet gets another destination; its answers will come from the one that it asked.
    fn translate_destination(&mut self, rule: &DestinationNat, packet: &mut Packet) -> bool {
        let before = packet.headers.flow_key();
        let port = rule.to_port.filter(|_| before.protocol.has_ports());
        if set_destination(&mut packet.frame, &mut packet.headers, rule.to, port).is_err() {
            return false;
        }
        let answer = packet.headers.flow_key().reversed();
        if self.asked.len() < SESSIONS_MAX || self.asked.contains_key(&answer) {
            self.asked.insert(answer, (before.dst, before.dst_port));
        }
        true
    }
}

/// FAB-14, and that it works.
fn forwards(guest: &Settings) -> bool {
    guest.ip_forwarding.value && guest.state == GuestState::Working
}

fn destination_matches(rule: &DestinationNat, packet: &Packet, own: impl Fn(IpAddr) -> bool) -> bool {
    let key = packet.headers.flow_key();
    let fits = |p: ProtoPort| p.protocol == key.protocol && (p.port == 0 || p.port == key.dst_port);
    fits(rule.port) && rule.address.map_or_else(|| own(key.dst), |address| address == key.dst)
}

/// True where connections differ by port or identifier.
fn ported(key: FlowKey) -> bool {
    key.protocol.has_ports() || key.protocol.is_icmp()
}

/// The first rule that matches decides; what none names is denied.
fn policy_allows(rules: &[PolicyRule], key: &FlowKey) -> bool {
    let within = |blocks: &[vnetsim_types::IpNet], ip: IpAddr| {
        blocks.is_empty() || blocks.iter().any(|block| block.contains(&ip))
    };
    let port = |rule: &PolicyRule| {
        let fits = |p: &ProtoPort| p.protocol == key.protocol && (p.port == 0 || p.port == key.dst_port);
        rule.ports.is_empty() || rule.ports.iter().any(fits)
    };
    let matches = |rule: &&PolicyRule| {
        within(&rule.source, key.src) && within(&rule.destination, key.dst) && port(rule)
    };
    rules.iter().find(matches).is_some_and(|rule| rule.access == Access::Allow)
}

/// RT-22: the router tells the sender, except about another ICMP error.
fn time_exceeded(tables: &Tables, at: At<'_>, packet: &Packet) -> Option<Vec<u8>> {
    if packet.tag.part == Part::IcmpError {
        return None;
    }
    let own = at.network[at.nic].address_like(packet.headers.src)?;
    frames::time_exceeded(own, tables.nics[at.nic.ix()].mac, &packet.headers, &packet.frame)
}

/// The guest's own routing: the NIC in the destination's subnet, else the primary one (ADDR-16).
pub(crate) fn leaving_nic(network: &Network, machine: &Vm, dst: IpAddr) -> NicId {
    let primary = machine.nics.first().expect("a machine that received a packet has a NIC");
    if machine.nics.len() == 1 {
        return *primary;
    }
    let on_link = |nic: &&NicId| network[network[**nic].subnet].prefixes.iter().any(|p| p.contains(&dst));
    *machine.nics.iter().find(on_link).unwrap_or(primary)
}

/// One key for both directions.
fn canonical(key: FlowKey) -> FlowKey {
    let back = key.reversed();
    if (back.src, back.src_port) < (key.src, key.src_port) { back } else { key }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_a_translation_run_out() {
        let (own, dst) = (IpAddr::from([10, 0, 0, 4]), IpAddr::from([10, 1, 0, 4]));
        let key = |host: u8, src_port| {
            let src = IpAddr::from([10, 2, 0, host]);
            FlowKey { protocol: IpProtocol::UDP, src, dst, src_port, dst_port: 53 }
        };
        let mut guest = Guest::default();
        let mut ask = |host, src_port| guest.free_port(key(host, src_port), own);
        assert_eq!(
            [ask(4, 500), ask(4, u16::MAX), ask(5, u16::MAX)],
            [Ok(500), Ok(u16::MAX), Ok(LOWEST_PORT)]
        );
        assert_eq!([ask(4, HOST_PORT - 1), ask(5, HOST_PORT - 1)], [Ok(HOST_PORT - 1), Ok(HOST_PORT + 1)]);
        for port in LOWEST_PORT + 1..HOST_PORT - 1 {
            assert_eq!(ask(4, port), Ok(port));
        }
        for port in HOST_PORT + 2..u16::MAX {
            assert_eq!(ask(4, port), Ok(port));
        }
        assert_eq!([ask(5, 500), ask(5, 2_000)], [Err(DropReason::SnatExhausted); 2]);
    }
}
