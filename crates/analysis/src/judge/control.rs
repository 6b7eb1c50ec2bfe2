//! Expectations on links, operations and what peerings cost.

use vnetsim_scenario::{
    BillExpectation, OperationExpectation, OperationResult, PeeringExpectation, Scenario,
};
use vnetsim_types::PeeringId;

use super::epoch_after;
use crate::{Played, bill};

pub(super) fn peering(played: &Played, expected: &PeeringExpectation, failures: &mut Vec<String>) {
    let network = &epoch_after(played, expected.after.as_ref()).network;
    let links = network.peerings().iter().enumerate().filter(|(_, link)| !link.deleted);
    let called = |ix| network.link_path(PeeringId::new(ix)).eq_ignore_ascii_case(&expected.peering.value);
    let found = links.into_iter().find(|(ix, _)| called(*ix));
    let wants_none = expected.exists.as_ref().is_some_and(|exists| !exists.value);
    let Some((ix, link)) = found else {
        if !wants_none {
            failures.push("the link does not exist".to_owned());
        }
        return;
    };
    if wants_none {
        return failures.push(format!("expected no such link, but it is {}", link.state.text()));
    }
    if let Some(want) = expected.peering_state.as_ref().filter(|want| want.value != link.state) {
        failures.push(format!("expected {}, got {}", want.value.text(), link.state.text()));
    }
    let level = network.sync_level(PeeringId::new(ix));
    if let Some(want) = expected.peering_sync_level.as_ref().filter(|want| want.value != level) {
        failures.push(format!("expected {}, got {}", want.value.text(), level.text()));
    }
}

pub(super) fn operation(
    scenario: &Scenario,
    played: &Played,
    expected: &OperationExpectation,
    failures: &mut Vec<String>,
) {
    let called =
        |name: &vnetsim_types::At<String>| name.value.eq_ignore_ascii_case(&expected.operation.value);
    let ix = scenario.timeline.iter().position(|op| op.name.as_ref().is_some_and(called));
    let Some(change) = ix.and_then(|ix| played.report.changes.get(ix)) else {
        return failures.push(format!("no operation called {} ran", expected.operation.value));
    };
    match (&change.result, expected.result.value) {
        (Ok(()), OperationResult::Refused) => {
            failures.push("expected a refusal, but it was accepted".to_owned())
        }
        (Err(refusal), OperationResult::Accepted) => {
            failures.push(format!("expected it to be accepted, got {}: {}", refusal.code, refusal.message));
        }
        (Err(refusal), _) => {
            if let Some(code) = expected.error_code.as_ref().filter(|code| code.value != refusal.code) {
                failures.push(format!("expected {}, got {}: {}", code.value, refusal.code, refusal.message));
            }
        }
        (Ok(()), _) => {}
    }
}

pub(super) fn of_bill(played: &Played, expected: &BillExpectation, failures: &mut Vec<String>) {
    let network = &epoch_after(played, None).network;
    let lines = bill(network, &played.report.meter);
    let line = lines.iter().find(|line| line.link.eq_ignore_ascii_case(&expected.bill.value));
    let (sent, received) = line.map_or((0, 0), |line| (line.egress_bytes, line.ingress_bytes));
    if let Some(want) = expected.egress_bytes.as_ref().filter(|want| !want.value.contains(sent)) {
        failures.push(format!("expected {} bytes of egress, got {sent}", want.value));
    }
    if let Some(want) = expected.ingress_bytes.as_ref().filter(|want| !want.value.contains(received)) {
        failures.push(format!("expected {} bytes of ingress, got {received}", want.value));
    }
    if let Some(want) = &expected.cost_usd {
        match line.map_or(Some(0.0), |line| line.usd()) {
            Some(usd) if want.value.contains(usd) => {}
            Some(usd) => failures.push(format!("expected {} USD, got {usd:.6}", want.value)),
            None => failures.push("the data files have no price for it".to_owned()),
        }
    }
}
