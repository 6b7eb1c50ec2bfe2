//! Entries of the timeline that do less than they seem to: faults between ends without a leg, rules that come too late for
//! connections that exist (NSG-14).

use vnetsim_model::{Application, LinkEnd, LinkFault, Network, NsgLiveFlows, OperationKind, Traffic};
use vnetsim_scenario::{Scenario, TimelineOperation};
use vnetsim_sim::Outcome;
use vnetsim_types::{DropReason, FindingCode, SiteId, TrafficId, VnetId};

use super::{Look, joined};
use crate::{Finding, Played, play::probes};

pub(super) fn find(look: &Look<'_>, scenario: &Scenario, found: &mut Vec<Finding>) {
    let mut network = look.network.clone();
    for entry in &scenario.timeline {
        let before = changes_rules(&entry.operation.kind).then(|| network.clone());
        if network.apply(&entry.operation).is_err() {
            continue;
        }
        if let OperationKind::SetLink(fault) = &entry.operation.kind {
            without_leg(&network, entry, fault, found);
        }
        if let Some(before) = before.filter(|n| n.semantics().nsg_live_flows == NsgLiveFlows::Keep) {
            too_late(&before, &network, scenario, entry, found);
        }
    }
}

fn changes_rules(kind: &OperationKind) -> bool {
    matches!(
        kind,
        OperationKind::PutSecurityRule(..)
            | OperationKind::DeleteSecurityRule(..)
            | OperationKind::SetNsg(..)
    )
}

/// A fault between two ends that no packet goes between in one leg.
fn without_leg(network: &Network, entry: &TimelineOperation, fault: &LinkFault, found: &mut Vec<Finding>) {
    let Some(to) = fault.to else { return };
    let end = |end: LinkEnd| match end {
        LinkEnd::Vm(vm) => network[vm].nics.first().map(|nic| LinkEnd::Vnet(network[*nic].vnet)),
        other => Some(other),
    };
    let has_leg = match (end(fault.from), end(to)) {
        (Some(LinkEnd::Vnet(a)), Some(LinkEnd::Vnet(b))) => a == b || joined(network, a, b),
        (Some(LinkEnd::Vnet(vnet)), Some(LinkEnd::Site(site)))
        | (Some(LinkEnd::Site(site)), Some(LinkEnd::Vnet(vnet))) => serves(network, vnet, site),
        (Some(LinkEnd::Site(_)), Some(LinkEnd::Site(_))) => false,
        _ => true,
    };
    if has_leg {
        return;
    }
    let name = entry.name.as_ref().map_or_else(|| "setLink".to_owned(), |name| name.value.clone());
    let ends = format!("{} and {}", words(network, fault.from), words(network, to));
    let what = format!("{name} at {} does nothing: no packet goes between {ends} in one leg", entry.at);
    found.push(
        Finding::new(FindingCode::LinkFaultWithoutLeg, format!("{name} at {}", entry.at), entry.span, what)
            .because("a leg joins two peered networks, two machines of one network, or a gateway's network and its site")
            .fix("name the two ends of one leg; traffic through a hub crosses two"),
    );
}

fn words(network: &Network, end: LinkEnd) -> String {
    match end {
        LinkEnd::Vnet(vnet) => network[vnet].name.value.clone(),
        LinkEnd::Vm(vm) => network[vm].name.value.clone(),
        LinkEnd::Site(site) => network[site].name.value.clone(),
        LinkEnd::Internet => "internet".to_owned(),
    }
}

fn serves(network: &Network, vnet: VnetId, site: SiteId) -> bool {
    network.gateways_of(vnet).any(|(gateway, _)| {
        let mut ends = network.connections_of(gateway).map(|(_, _, end)| end);
        ends.any(|end| end == vnetsim_model::ConnectionEnd::Site(site))
    })
}

/// NSG-14: connections that began before a rule change which would deny them go on.
fn too_late(
    before: &Network,
    after: &Network,
    scenario: &Scenario,
    entry: &TimelineOperation,
    found: &mut Vec<Finding>,
) {
    let lasts = |t: &&Traffic| {
        !matches!(t.application, Application::Exchange | Application::Replay) && t.start < entry.at
    };
    for traffic in scenario.traffic.iter().filter(lasts) {
        let single =
            Traffic { application: Application::Exchange, count: 1, payload_bytes: 0, ..traffic.clone() };
        let ask = |network: &Network| probes(network, vec![single.clone()], None);
        let (was, is) = (ask(before), ask(after));
        let denied = matches!(fate(&is), Some(Outcome::Dropped { reason: DropReason::NsgDeny, .. }));
        if fate(&was) != Some(Outcome::Completed) || !denied {
            continue;
        }
        let by =
            is.report.traffic[0].outcomes.first().and_then(|group| is.diagnosis(TrafficId::new(0), group));
        let by = by.map_or_else(|| "a rule".to_owned(), |diagnosis| diagnosis.object);
        let name = &traffic.name.value;
        let what =
            format!("{name} may go on after {}: its connections began before the rules changed", entry.at);
        found.push(
            Finding::new(FindingCode::AllowedByExistingFlow, name, entry.span, what)
                .because(format!("a new flow would be denied by {by}"))
                .because("rules are asked when a flow begins; its record lives until it ends or idles for 4 minutes (NSG-32)")
                .related(traffic.name.span, "this traffic")
                .fix("restart the machine or the application: only new connections meet the rule")
                .fix("or drop them on the way: take the route away, or deny at the firewall"),
        );
    }
}

fn fate(played: &Played) -> Option<Outcome> {
    played.report.traffic.first()?.outcomes.first().map(|group| group.outcome)
}
