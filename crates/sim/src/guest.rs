//! Stage 12: what happens inside a VM. Hosts answer; appliances forward, with or without state.
//!
//! A guest is an ordinary machine: it knows nothing of Azure. It lowers the time to live, keeps
//! sessions if it is a firewall (FLOW-05), and translates sources if told to. Azure's own checks
//! around it are the switch's.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use vnetsim_dataplane::{Context, FABRIC_MAC, Packet, Tables};
use vnetsim_model::{Access, Network, PolicyRule, Role, Snat, Vm};
use vnetsim_packet::{L4, TcpFlags, set_destination, set_macs, set_source, set_ttl};
use vnetsim_types::{
    ApplianceAction, DropReason, FlowKey, IpProtocol, NicId, Observer, Part, Place, ProtoPort, Step, VmId,
};

use crate::frames;

/// What a guest did with a packet.
pub(crate) enum Reaction {
    /// It was for this machine, which perhaps answers: by which NIC, what part, what frame.
    Delivered(Option<(NicId, Part, Vec<u8>)>),
    /// It leaves by this NIC.
    Forwarded(NicId),
    /// It died here; a router may send an ICMP error.
    Dropped(DropReason, Option<Vec<u8>>),
}

/// What the simulation knows of the conversation that a packet belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exchange {
    /// How its packets are made.
    pub(crate) style: frames::Style,
    /// Who opened it.
    pub(crate) opener: Place,
    /// What its answer must look like.
    pub(crate) answer: FlowKey,
}

/// State of one machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guest {
    /// Connections that a firewall knows, by the key with the smaller end first.
    sessions: HashMap<FlowKey, Session>,
    /// From the key of a packet that comes back to a translated source, to that source.
    translated_back: HashMap<FlowKey, (IpAddr, u16)>,
    /// From the key before translation, to the port in use.
    translated_port: HashMap<FlowKey, u16>,
    /// Connections whose first packet was not translated; their answers are not either. Keys of both directions.
    untranslated: HashSet<FlowKey>,
}

#[derive(Clone, Copy, Debug)]
struct Session {
    /// The answer to the first packet came through here as well.
    answered: bool,
}

impl Guest {
    /// `packet` passed every check of the fabric and reaches machine `vm` by `nic`.
    pub(crate) fn receive<O: Observer>(
        &mut self,
        cx: &mut Context<'_, O>,
        network: &Network,
        vm: VmId,
        nic: NicId,
        exchange: Exchange,
        packet: &mut Packet,
    ) -> Reaction {
        let machine = &network[vm];
        let back = self.translate_back(packet);
        let own = |ip: IpAddr| machine.nics.iter().any(|nic| cx.tables.nics[nic.ix()].serves(ip));
        let reaction = if !back && own(packet.headers.dst) {
            host(cx, network, machine, nic, exchange, packet)
        } else {
            self.forward(cx, network, machine, nic, back, packet)
        };
        if let Reaction::Dropped(reason, _) = &reaction {
            cx.report(packet, Step::Dropped { at: Place::Nic(nic), reason: *reason });
        }
        reaction
    }

    fn forward<O: Observer>(
        &mut self,
        cx: &mut Context<'_, O>,
        network: &Network,
        machine: &Vm,
        nic_in: NicId,
        back: bool,
        packet: &mut Packet,
    ) -> Reaction {
        let guest = &machine.guest;
        if !guest.ip_forwarding.value {
            return Reaction::Dropped(DropReason::GuestNotForwarding, None);
        }
        let looped = packet.passed.contains(&nic_in);
        let ttl = packet.headers.ttl.saturating_sub(1);
        if ttl == 0 {
            let reason = if looped { DropReason::RoutingLoop } else { DropReason::TtlExpired };
            return Reaction::Dropped(reason, time_exceeded(cx.tables, network, nic_in, packet));
        }
        if guest.role == Role::Firewall
            && let Err(reason) = self.session(guest.policy.as_deref(), packet)
        {
            return Reaction::Dropped(reason, None);
        }
        let nic_out = leaving_nic(network, machine, packet.headers.dst);
        set_ttl(&mut packet.frame, &mut packet.headers, ttl);
        let translate = !back && guest.snat != Snat::Never && self.wants_snat(network, guest.snat, packet);
        if translate && let Err(reason) = self.translate(network, nic_out, packet) {
            return Reaction::Dropped(reason, None);
        }
        packet.passed.push(nic_in);
        let mac = cx.tables.nics[nic_out.ix()].mac;
        set_macs(&mut packet.frame, &mut packet.headers, mac, FABRIC_MAC);
        let action = if translate || back {
            ApplianceAction::Translated { ttl, key: packet.headers.flow_key() }
        } else {
            ApplianceAction::Forwarded { ttl }
        };
        cx.report(packet, Step::Appliance { nic_in, nic_out, action });
        Reaction::Forwarded(nic_out)
    }

    /// FLOW-05: a SYN, or the first packet of another protocol, opens a session if the policy allows it.
    /// Everything else of TCP needs one, and nothing but the answer passes before the answer did.
    fn session(&mut self, policy: Option<&[PolicyRule]>, packet: &Packet) -> Result<(), DropReason> {
        let key = packet.headers.flow_key();
        let slot = canonical(key);
        let opens = match packet.headers.l4 {
            L4::Tcp { flags, .. } => flags.contains(TcpFlags::SYN) && !flags.contains(TcpFlags::ACK),
            // ICMP errors belong to the session of the packet they are about.
            L4::IcmpError { about: Some(about), .. } => {
                let known = self.sessions.contains_key(&canonical(about));
                return if known { Ok(()) } else { Err(DropReason::NvaNoSession) };
            }
            _ => !self.sessions.contains_key(&slot),
        };
        if opens {
            if !policy.is_none_or(|rules| policy_allows(rules, &key)) {
                return Err(DropReason::NvaPolicyDeny);
            }
            let answered = key.protocol != IpProtocol::TCP;
            self.sessions.insert(slot, Session { answered });
            return Ok(());
        }
        let session = self.sessions.get_mut(&slot).ok_or(DropReason::NvaNoSession)?;
        let L4::Tcp { flags, .. } = packet.headers.l4 else { return Ok(()) };
        session.answered |= flags.contains(TcpFlags::SYN);
        if session.answered || flags.contains(TcpFlags::RST) { Ok(()) } else { Err(DropReason::NvaNoSession) }
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
        if !wanted {
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
        let mut port = key.src_port;
        loop {
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
            port = port.checked_add(1).unwrap_or(1_024);
            if port == key.src_port {
                return Err(DropReason::SnatExhausted);
            }
        }
    }

    /// An answer to a translated source gets its old destination back.
    fn translate_back(&self, packet: &mut Packet) -> bool {
        let key = packet.headers.flow_key();
        let Some((ip, port)) = self.translated_back.get(&key) else { return false };
        let port = ported(key).then_some(*port);
        set_destination(&mut packet.frame, &mut packet.headers, *ip, port).is_ok()
    }
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

/// A packet for the machine itself.
fn host<O: Observer>(
    cx: &mut Context<'_, O>,
    network: &Network,
    machine: &Vm,
    nic: NicId,
    exchange: Exchange,
    packet: &Packet,
) -> Reaction {
    let headers = &packet.headers;
    let port = match headers.l4 {
        L4::Tcp { dst_port, .. } => Some(ProtoPort { protocol: IpProtocol::TCP, port: dst_port }),
        L4::Udp { dst_port, .. } => Some(ProtoPort { protocol: IpProtocol::UDP, port: dst_port }),
        _ => None,
    };
    let closed = |port| machine.guest.listen.as_ref().is_some_and(|open| !open.contains(&port));
    if packet.tag.part == Part::Request && port.is_some_and(closed) {
        return Reaction::Dropped(DropReason::GuestPortClosed, None);
    }
    let opens = |nic: &NicId| exchange.opener == Place::Nic(*nic);
    let opener = machine.nics.iter().find(|nic| opens(nic)).copied();
    // A machine that asked nothing, or asked somebody else, does not take it for an answer (RT-15).
    if packet.tag.part == Part::Reply && (opener.is_none() || headers.flow_key() != exchange.answer) {
        return Reaction::Dropped(DropReason::AnswerMismatch, None);
    }
    cx.report(packet, Step::Delivered { to: Place::Nic(nic), key: headers.flow_key(), ttl: headers.ttl });
    // The one who opened goes on by the NIC that it opened with; who answers asks its own routes.
    let out = opener.filter(|_| packet.tag.part == Part::Reply);
    let out = out.unwrap_or_else(|| leaving_nic(network, machine, headers.src));
    let mac = cx.tables.nics[out.ix()].mac;
    let answer = frames::answer(headers, packet.tag.part, exchange.style, mac);
    Reaction::Delivered(answer.map(|(part, frame)| (out, part, frame)))
}

/// RT-22: the router at `nic` tells the sender, except about another ICMP error.
fn time_exceeded(tables: &Tables, network: &Network, nic: NicId, packet: &Packet) -> Option<Vec<u8>> {
    if packet.tag.part == Part::IcmpError {
        return None;
    }
    let own = network[nic].address_like(packet.headers.src)?;
    frames::time_exceeded(own, tables.nics[nic.ix()].mac, &packet.headers, &packet.frame)
}

/// The guest's own routing: the NIC in the destination's subnet, else the primary one (ADDR-16).
fn leaving_nic(network: &Network, machine: &Vm, dst: IpAddr) -> NicId {
    let on_link = |nic: &&NicId| network[network[**nic].subnet].prefixes.iter().any(|p| p.contains(&dst));
    let primary = machine.nics.first().expect("a machine that received a packet has a NIC");
    *machine.nics.iter().find(on_link).unwrap_or(primary)
}

/// One key for both directions.
fn canonical(key: FlowKey) -> FlowKey {
    let back = key.reversed();
    if (back.src, back.src_port) < (key.src, key.src_port) { back } else { key }
}
