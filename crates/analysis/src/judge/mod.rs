//! Do the expectations of a scenario hold? Says what was expected and what happened instead.

mod achieved;
mod control;
mod routes;
mod traffic;

use vnetsim_compile::Epoch;
use vnetsim_model::Network;
use vnetsim_scenario::{Expectation, Scenario, Subject};
use vnetsim_types::{At, DropReason, SimTime, Span, SubnetId, TrafficId};

use crate::{Played, Reading, readings};

/// One expectation, held against the run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judgement {
    /// What it is about: `traffic web`, `routes of s1/snet-a`, ...
    pub title: String,
    /// Where it stands.
    pub span: Span,
    /// The justification that the scenario gives.
    pub because: Option<String>,
    /// What does not hold, a sentence each; empty when all holds.
    pub failures: Vec<String>,
    /// It names the reason `InsufficientInput` itself, so such a verdict is no surprise.
    pub expects_unmodelled: bool,
    /// The traffic that it is about, if it is about traffic.
    pub about: Option<About>,
}

/// The traffic of an expectation, and what there tells most about a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct About {
    /// The entry.
    pub traffic: TrafficId,
    /// Which of its ways to end; `None` when none of its conversations ended.
    pub ending: Option<usize>,
    /// It died, and the expectation does not want it to die so.
    pub unwanted: bool,
}

/// Holds every expectation of `scenario` against the run.
pub fn judge(scenario: &Scenario, played: &Played) -> Vec<Judgement> {
    let mut readings = Readings { scenario, played, known: None };
    scenario.expect.iter().map(|expectation| one(scenario, played, &mut readings, expectation)).collect()
}

/// What other readings of the disputed points change, found out when first asked for: it costs a run for each.
struct Readings<'a> {
    scenario: &'a Scenario,
    played: &'a Played,
    known: Option<Option<Vec<Reading>>>,
}

impl Readings<'_> {
    /// Switches that change the fate of `traffic`, sorted; `None` when the run is too long to be repeated.
    fn switches(&mut self, traffic: TrafficId) -> Option<Vec<&'static str>> {
        let all = self.known.get_or_insert_with(|| readings(self.scenario, self.played)).as_ref()?;
        let mut switches: Vec<_> = all.iter().filter(|r| r.traffic == traffic).map(|r| r.switch).collect();
        switches.sort_unstable();
        switches.dedup();
        Some(switches)
    }
}

fn one(
    scenario: &Scenario,
    played: &Played,
    readings: &mut Readings<'_>,
    expectation: &Expectation,
) -> Judgement {
    let mut failures = Vec::new();
    let mut expects_unmodelled = false;
    let mut about = None;
    let title = match &expectation.subject {
        Subject::Traffic(expected) => {
            let reason = expected.drop_reason.as_ref().map(|r| r.value);
            expects_unmodelled = reason == Some(DropReason::InsufficientInput);
            about = traffic::about(played, expected);
            traffic::traffic(played, readings, expected, &mut failures);
            format!("traffic {}", expected.traffic.value)
        }
        Subject::Routes(expected) => {
            routes::routes(played, expected, &mut failures);
            format!("routes of {}", expected.routes.value)
        }
        Subject::NextHop(expected) => {
            routes::next_hop(played, expected, &mut failures);
            format!("next hop from {} to {}", expected.from.value, expected.to.value)
        }
        Subject::Peering(expected) => {
            control::peering(played, expected, &mut failures);
            format!("peering {}", expected.peering.value)
        }
        Subject::Operation(expected) => {
            control::operation(scenario, played, expected, &mut failures);
            format!("operation {}", expected.operation.value)
        }
        Subject::Bill(expected) => {
            control::of_bill(played, expected, &mut failures);
            format!("bill of {}", expected.bill.value)
        }
    };
    let because = expectation.because.as_ref().map(|b| b.value.clone());
    Judgement { title, span: expectation.span, because, failures, expects_unmodelled, about }
}

fn epoch_after<'a>(played: &'a Played, after: Option<&At<SimTime>>) -> &'a Epoch {
    let epochs = &played.report.epochs;
    let until = after.map_or(SimTime(u64::MAX), |at| at.value);
    let at = epochs.partition_point(|epoch| epoch.from <= until);
    &epochs[at.max(1) - 1]
}

/// The subnet that `name` means: `vnet/subnet`, or that of a NIC or VM.
fn subnet_named(network: &Network, name: &str) -> Option<SubnetId> {
    network.subnet_at(name).or_else(|| network.nic_named(name).map(|nic| network[nic].subnet))
}
