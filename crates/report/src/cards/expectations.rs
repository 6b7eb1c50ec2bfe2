//! A judged run as a suite: what failed, why the traffic died, and the way of the packet that shows it.
//!
//! Owns which packets tell the way. Called by `cli` for `vnetsim test`. Must never decide whether an expectation holds.

use vnetsim_analysis::{Judgement, Played};
use vnetsim_sim::{Outcome, OutcomeGroup};
use vnetsim_trace::{ConversationTrace, Diagnosis, HopKind, PacketExplanation};
use vnetsim_types::{DropReason, Part, Severity, TrafficId};

use super::{Card, Case, Standing, Step, Suite};
use crate::{
    Sources,
    codes::{EXPECTATION_FAILED, RUN_STUCK},
    run::reason_text,
    trace::{loop_rounds, packet_name, packets_text},
};

/// The expectations of a scenario that was run.
pub fn expectation_suite(
    file: &str,
    name: &str,
    standing: Standing,
    played: &Played,
    judgements: &[Judgement],
    sources: &Sources,
) -> Suite {
    let of_run = RunCards { played, sources };
    let mut cases: Vec<Case> = judgements.iter().map(|judgement| of_run.expectation(judgement)).collect();
    if let Some(at) = played.report.stuck_at {
        let message = format!("the run was given up at {at}: too many events at one moment");
        let card = Card::new(Severity::Error, RUN_STUCK, message);
        cases.push(Case { title: "the run ends".to_owned(), place: None, expected: false, card: Some(card) });
    }
    if standing == Standing::NotModelled {
        cases.push(of_run.not_modelled());
    }
    let end = Some(played.report.end);
    Suite { file: file.to_owned(), name: name.to_owned(), standing, end, cases }
}

struct RunCards<'a> {
    played: &'a Played,
    sources: &'a Sources,
}

impl RunCards<'_> {
    fn expectation(&self, judgement: &Judgement) -> Case {
        let place = self.sources.mark(judgement.span);
        let title = judgement.title.clone();
        if judgement.failures.is_empty() {
            return Case { title, place, expected: true, card: None };
        }
        let message = format!("{title}: {}", judgement.failures.join("; "));
        let mut card = Card {
            what: judgement.failures.clone(),
            because: judgement.because.clone(),
            ..Card::new(Severity::Error, EXPECTATION_FAILED, message)
        };
        if let Some(about) = judgement.about {
            let outcomes = &self.played.report.traffic[about.traffic.ix()].outcomes;
            if let Some(group) = about.ending.and_then(|ix| outcomes.get(ix)) {
                self.tell_way(&mut card, about.traffic, group, about.unwanted);
            }
        }
        if let (Some(_), Some(expected)) = (&card.place, &place) {
            card.related.push((expected.clone(), "expected here".to_owned()));
        }
        card.place = card.place.or_else(|| place.clone());
        Case { title, place, expected: true, card: Some(card) }
    }

    /// The fate that a missing fact decided; exit code 3.
    fn not_modelled(&self) -> Case {
        let reason = DropReason::InsufficientInput;
        let mut card = Card::new(Severity::Error, reason.code(), reason.sentence());
        let dead = |group: &&OutcomeGroup| matches!(group.outcome, Outcome::Dropped { reason: r, .. } if r == reason);
        let mut traffic = self.played.report.traffic.iter().enumerate();
        let found = traffic.find_map(|(ix, t)| Some((TrafficId::new(ix), t.outcomes.iter().find(dead)?)));
        if let Some((id, group)) = found {
            let name = &self.played.traffic[id.ix()].name;
            card.message = format!("traffic {}: {}", name.value, reason.sentence());
            self.tell_way(&mut card, id, group, true);
        }
        Case {
            title: "everything is modelled".to_owned(),
            place: card.place.clone(),
            expected: false,
            card: Some(card),
        }
    }

    /// How conversations of an entry ended. Only a death that is not `unwanted` gives no code and no place: then something
    /// else failed.
    fn tell_way(&self, card: &mut Card, id: TrafficId, group: &OutcomeGroup, unwanted: bool) {
        let diagnosis = self.played.diagnosis(id, group);
        card.text = reason_text(self.played, id, group, self.sources).trim_start_matches('\n').to_owned();
        if let Some(diagnosis) = diagnosis.as_ref().filter(|_| unwanted) {
            card.code = diagnosis.reason.code();
            card.object.clone_from(&diagnosis.object);
            card.place = self.sources.mark(diagnosis.span);
            card.evidence.clone_from(&diagnosis.because);
            card.help.clone_from(&diagnosis.fix);
        }
        let Some(shown) = self.played.shown(id, group) else { return };
        let dead = shown.dead.map(|packet| packet.id);
        let trace = few_packets(shown.trace, dead);
        let packets = self.played.explainer().conversation(&trace);
        card.trace = packets_text(&packets, self.sources).trim_start_matches('\n').to_owned();
        card.steps = packets.iter().flat_map(|packet| self.steps(packet, diagnosis.as_ref())).collect();
    }

    fn steps(&self, packet: &PacketExplanation, diagnosis: Option<&Diagnosis>) -> Vec<Step> {
        let name = packet_name(packet.part, packet.key.protocol);
        let rounds = loop_rounds(&packet.hops).unwrap_or_default();
        let shown = packet.hops.iter().enumerate().filter(|(ix, _)| !(rounds.0..rounds.1).contains(ix));
        let one = |(_, hop): (usize, &vnetsim_trace::Hop)| {
            let mut text = match hop.kind {
                HopKind::Sent => format!("{} {name} {}", hop.decision, packet.key),
                _ => hop.decision.clone(),
            };
            if !hop.by.is_empty() {
                text.push_str(&format!(", {}", hop.by));
            }
            let fault = || diagnosis.and_then(|diagnosis| self.sources.mark(diagnosis.span));
            let place = match hop.kind {
                HopKind::Dropped => fault(),
                _ => self.sources.mark(hop.span),
            };
            Step { forward: packet.part.is_forward(), kind: hop.kind, at: hop.place.clone(), text, place }
        };
        shown.map(one).collect()
    }
}

/// What tells the ways: the first packet, its answer, and the one that died. Long conversations have many more.
fn few_packets(trace: &ConversationTrace, dead: Option<vnetsim_types::PacketId>) -> ConversationTrace {
    let way = |part| trace.way(part).map(|packet| packet.id);
    let wanted = [way(Part::Request), way(Part::Reply), dead];
    let packets = trace.packets.iter().filter(|packet| wanted.contains(&Some(packet.id)));
    ConversationTrace { packets: packets.cloned().collect() }
}
