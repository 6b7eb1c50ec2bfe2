//! What a run's taps saw, as a pcapng file for Wireshark.
//!
//! Owns the names of taps and the words beside each frame: what the packet met between there and the next tap, and at its
//! last frame why it died. Called by `cli` with a writer. Must never decide anything. Costs the words of each step once;
//! what many packets meet alike is put into words once.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use vnetsim_analysis::Played;
use vnetsim_capture::{Direction as Way, Interface, PcapngWriter, Record, Verdict};
use vnetsim_trace::{ConversationTrace, Explainer, Hop, TapRecorder, TappedFrame, TappedPacket};
use vnetsim_types::{Direction, NicId, Place, SimTime, Step, Tap, TrafficId};

use crate::Sources;

/// Routes that lost and are named in a comment; the others are counted.
const LOSERS_SHOWN: usize = 3;
/// Packets of a conversation that a dead one is seen beside.
const BESIDE: usize = 8;

/// What was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Written {
    /// Frames.
    pub frames: usize,
    /// Packets that they are of.
    pub packets: usize,
    /// Taps that saw them.
    pub taps: usize,
    /// Packets for which there was no room.
    pub left_out: u64,
}

/// Writes the frames that a run recorded, in the order of events.
///
/// # Errors
///
/// Those of `out`.
pub fn write_taps(out: impl Write, played: &Played, sources: &Sources) -> io::Result<Written> {
    let Some(taps) = played.trace.taps() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the run recorded no frames"));
    };
    let mut words = Words::new(played, taps, sources);
    let mut writer = PcapngWriter::new(out, concat!("vnetsim ", env!("CARGO_PKG_VERSION")), &[])?;
    let mut interfaces: BTreeMap<Tap, u32> = BTreeMap::new();
    for (at, frame) in taps.frames().iter().enumerate() {
        let interface = match interfaces.get(&frame.tap) {
            Some(known) => *known,
            None => {
                let (name, description) = (words.tap(frame.tap), words.tap_description(frame.tap));
                let number = writer.interface(&Interface { name: &name, description: &description })?;
                interfaces.insert(frame.tap, number);
                number
            }
        };
        let packet = &taps.packets()[frame.packet];
        let dies = packet.frames.last() == Some(&at) && packet.trace.drop().is_some();
        writer.packet(&Record {
            interface,
            time_ns: frame.at.0,
            frame: &frame.frame,
            packet_id: Some(packet.trace.id.0),
            direction: Some(direction(packet, frame)),
            comment: Some(&words.comment(frame, dies)),
            verdict: dies.then_some(Verdict::Dropped),
        })?;
    }
    writer.finish()?;
    Ok(Written {
        frames: taps.frames().len(),
        packets: taps.packets().len(),
        taps: interfaces.len(),
        left_out: taps.left_out(),
    })
}

/// Seen from the machine at the tap. What is no NIC sends only what begins there.
fn direction(packet: &TappedPacket, frame: &TappedFrame) -> Way {
    match frame.tap {
        Tap::Guest(_, Direction::Outbound) | Tap::Fabric(_, Direction::Outbound) | Tap::Appliance(_) => {
            Way::Outbound
        }
        Tap::Guest(..) | Tap::Fabric(..) | Tap::Peering(_) => Way::Inbound,
        Tap::Other(place) => {
            let sent =
                |(_, step): &(SimTime, Step)| matches!(step, Step::Sent { from, .. } if *from == place);
            if frame.nth == 0 && packet.trace.steps.iter().any(sent) { Way::Outbound } else { Way::Inbound }
        }
    }
}

/// Puts taps and decisions into words.
struct Words<'a> {
    explainer: Explainer<'a>,
    taps: &'a TapRecorder,
    sources: &'a Sources,
    /// By epoch and step.
    known: BTreeMap<(SimTime, String), String>,
    /// The first packets of each conversation.
    conversations: BTreeMap<(TrafficId, u32), Vec<usize>>,
}

impl<'a> Words<'a> {
    fn new(played: &'a Played, taps: &'a TapRecorder, sources: &'a Sources) -> Self {
        let mut conversations: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (at, packet) in taps.packets().iter().enumerate() {
            let first = conversations.entry((packet.tag.traffic, packet.tag.conversation)).or_default();
            if first.len() < BESIDE {
                first.push(at);
            }
        }
        Self { explainer: played.explainer(), taps, sources, known: BTreeMap::new(), conversations }
    }

    /// `vm1-nic out before NSG`, `peering hub/hub-to-s1`, ...
    fn tap(&self, tap: Tap) -> String {
        let nic = |nic, side| format!("{} {side}", self.explainer.nic(nic));
        match tap {
            Tap::Guest(of, Direction::Outbound) => nic(of, "out before NSG"),
            Tap::Fabric(of, Direction::Outbound) => nic(of, "out after NSG"),
            Tap::Fabric(of, Direction::Inbound) => nic(of, "in before NSG"),
            Tap::Guest(of, Direction::Inbound) => nic(of, "in after NSG"),
            Tap::Peering(link) => format!("peering {}", self.explainer.network.link_path(link)),
            Tap::Appliance(by) => self.appliance(by),
            Tap::Other(Place::Gateway(_)) => format!("gateway {}", self.place(tap)),
            Tap::Other(Place::Site(_)) => format!("site {}", self.place(tap)),
            Tap::Other(Place::PrivateEndpoint(_)) => format!("private endpoint {}", self.place(tap)),
            Tap::Other(Place::Internet) => "internet".to_owned(),
            Tap::Other(Place::Platform | Place::Nic(_)) => "Azure".to_owned(),
        }
    }

    fn place(&self, tap: Tap) -> String {
        if let Tap::Other(place) = tap { self.explainer.place(place) } else { String::new() }
    }

    /// `appliance nva`; by which NIC when it has several.
    fn appliance(&self, by: NicId) -> String {
        let (network, name) = (self.explainer.network, self.explainer.place(Place::Nic(by)));
        match network[by].vm.map(|vm| network[vm].nics.len()) {
            Some(2..) => format!("appliance {name} by {}", self.explainer.nic(by)),
            _ => format!("appliance {name}"),
        }
    }

    fn tap_description(&self, tap: Tap) -> String {
        let network = self.explainer.network;
        match tap {
            Tap::Guest(nic, _) | Tap::Fabric(nic, _) => {
                let (vm, subnet) = (self.explainer.place(Place::Nic(nic)), network[nic].subnet);
                format!("{vm}, {}", network.subnet_path(subnet))
            }
            Tap::Peering(link) => format!("where {} takes it in", network[network[link].vnet].name.value),
            Tap::Appliance(_) => "inside, when it has decided".to_owned(),
            Tap::Other(_) => String::new(),
        }
    }

    /// What the packet met here, and why it died if `dies`.
    fn comment(&mut self, frame: &TappedFrame, dies: bool) -> String {
        let mut parts = Vec::new();
        let taps = self.taps;
        let mut steps = taps.steps(frame);
        while let Some((now, step)) = steps.first() {
            // Steps that are told in one line.
            let alike = |(_, other): &(SimTime, Step)| matches!((step, other), (Step::NoNsg { at: a, .. }, Step::NoNsg { at: b, .. }) if a == b);
            let count = 1 + steps[1..].iter().take_while(|other| alike(other)).count();
            if !matches!(step, Step::Dropped { .. }) {
                parts.push(self.step(*now, &steps[..count]));
            }
            steps = &steps[count..];
        }
        if dies {
            parts.extend(self.death(&taps.packets()[frame.packet]));
        }
        parts.join(" | ")
    }

    fn step(&mut self, now: SimTime, steps: &[(SimTime, Step)]) -> String {
        let often = matches!(steps[0].1, Step::Nsg { .. } | Step::Route { .. } | Step::Peering { .. });
        if !often {
            return self.hops(steps);
        }
        let key = (self.explainer.epoch(now).from, format!("{:?}", steps[0].1));
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let words = self.hops(steps);
        self.known.insert(key, words.clone());
        words
    }

    fn hops(&self, steps: &[(SimTime, Step)]) -> String {
        let hops = self.explainer.hops(steps);
        hops.iter().map(|hop| self.hop(hop)).collect::<Vec<_>>().join(" | ")
    }

    /// `s1/snet-a: 10.30.0.0/16 -> VNetPeering, Default (line 14); beat 10.0.0.0/8 -> None: shorter prefix`
    fn hop(&self, hop: &Hop) -> String {
        let way = match hop.direction {
            Some(Direction::Inbound) => " IN",
            Some(Direction::Outbound) => " OUT",
            None => "",
        };
        let mut text = format!("{}{way}: {}", hop.place, hop.decision);
        if !hop.by.is_empty() {
            text.push_str(&format!(", {}", hop.by));
        }
        if let Some((line, _)) = self.sources.line_column(hop.span) {
            text.push_str(&format!(" (line {line})"));
        }
        for note in &hop.notes {
            text.push_str(&format!("; {note}"));
        }
        for loser in hop.losers.iter().take(LOSERS_SHOWN) {
            let verb = if loser.listed { "beat" } else { "gone" };
            text.push_str(&format!("; {verb} {}: {}", loser.route.replace("  ", ", "), loser.why));
        }
        if hop.losers.len() > LOSERS_SHOWN {
            text.push_str(&format!("; and {} more", hop.losers.len() - LOSERS_SHOWN));
        }
        text
    }

    /// `DROPPED NSG_DENY at vm2: sentence (rule); object, file:line:column; fix: ...`
    fn death(&self, packet: &TappedPacket) -> Option<String> {
        let (at, reason) = packet.trace.drop()?;
        let beside = &self.conversations[&(packet.tag.traffic, packet.tag.conversation)];
        let beside = beside.iter().map(|at| &self.taps.packets()[*at].trace);
        let trace = ConversationTrace { packets: beside.cloned().collect() };
        let found = self.explainer.diagnosis_of(&trace, &packet.trace, at, reason);
        let (sentence, place) = (reason.sentence(), self.explainer.place(at));
        let mut text = format!("DROPPED {reason} at {place}: {sentence} ({})", reason.rule());
        if let Some(diagnosis) = found {
            if !diagnosis.object.is_empty() {
                text.push_str(&format!("; {}", diagnosis.object));
            }
            if let Some(place) = self.sources.place(diagnosis.span) {
                text.push_str(&format!(", {place}"));
            }
            for because in &diagnosis.because {
                text.push_str(&format!("; {because}"));
            }
            for fix in &diagnosis.fix {
                text.push_str(&format!("; fix: {fix}"));
            }
        }
        Some(text)
    }
}
