//! Do the expectations of a scenario hold? Says what was expected and what happened instead.

use vnetsim_compile::{Epoch, RibRoute};
use vnetsim_model::Network;
use vnetsim_scenario::{
    Expectation, Leg, NextHopExpectation, PeeringExpectation, RouteMatch, RoutesExpectation, Scenario,
    Subject, TrafficExpectation, Verdict,
};
use vnetsim_sim::{Outcome, OutcomeGroup};
use vnetsim_trace::{ConversationTrace, Explainer, PacketTrace};
use vnetsim_types::{At, Part, Place, SimTime, Span, Step, SubnetId, TrafficId};

use crate::{EffectiveRow, Played, effective_rows, play::via};

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
}

/// Holds every expectation of `scenario` against the run.
pub fn judge(scenario: &Scenario, played: &Played) -> Vec<Judgement> {
    scenario.expect.iter().map(|expectation| one(scenario, played, expectation)).collect()
}

fn one(scenario: &Scenario, played: &Played, expectation: &Expectation) -> Judgement {
    let mut failures = Vec::new();
    let mut expects_unmodelled = false;
    let title = match &expectation.subject {
        Subject::Traffic(expected) => {
            let reason = expected.drop_reason.as_ref().map(|r| r.value);
            expects_unmodelled = reason == Some(vnetsim_types::DropReason::InsufficientInput);
            traffic(scenario, played, expected, &mut failures);
            format!("traffic {}", expected.traffic.value)
        }
        Subject::Routes(expected) => {
            routes(played, expected, &mut failures);
            format!("routes of {}", expected.routes.value)
        }
        Subject::NextHop(expected) => {
            next_hop(played, expected, &mut failures);
            format!("next hop from {} to {}", expected.from.value, expected.to.value)
        }
        Subject::Peering(expected) => {
            peering(played, expected, &mut failures);
            format!("peering {}", expected.peering.value)
        }
    };
    let because = expectation.because.as_ref().map(|b| b.value.clone());
    Judgement { title, span: expectation.span, because, failures, expects_unmodelled }
}

fn traffic(scenario: &Scenario, played: &Played, expected: &TrafficExpectation, failures: &mut Vec<String>) {
    let named = |t: &vnetsim_model::Traffic| t.name.value.eq_ignore_ascii_case(&expected.traffic.value);
    let Some(id) = scenario.traffic.iter().position(named).map(TrafficId::new) else {
        return failures.push(format!("no traffic is called {}", expected.traffic.value));
    };
    let report = &played.report.traffic[id.ix()];
    let explainer = played.explainer();
    let wants_drop = expected.verdict.as_ref().is_some_and(|v| v.value == Verdict::Dropped);
    if let Some(verdict) = &expected.verdict {
        let holds = match verdict.value {
            Verdict::Delivered => report.outcomes.iter().all(|g| g.outcome == Outcome::Completed),
            Verdict::Dropped => report.outcomes.iter().any(|g| g.outcome != Outcome::Completed),
        };
        if !holds {
            let got: Vec<_> = report.outcomes.iter().map(|g| outcome_words(&explainer, g)).collect();
            failures.push(format!("expected {}, got {}", verdict.value.text(), got.join("; ")));
        }
    }
    if let Some(delivered) = expected.delivered.as_ref().filter(|d| d.value != report.completed()) {
        failures.push(format!("expected {} delivered, got {}", delivered.value, report.completed()));
    }
    for group in &report.outcomes {
        fate(expected, &explainer, group, failures);
    }
    // Every path that was taken is looked at; of those that ended as expected, if there are any.
    let as_expected = |g: &&OutcomeGroup| (g.outcome != Outcome::Completed) == wants_drop;
    let any = report.outcomes.iter().any(|g| as_expected(&g));
    let groups: Vec<_> = report.outcomes.iter().filter(|g| as_expected(g) || !any).collect();
    if groups.is_empty() {
        failures.push("no conversation ended before the run did".to_owned());
    }
    for trace in groups.into_iter().filter_map(|g| played.trace.conversation(id, g.first)) {
        path(expected, &explainer, trace, failures);
    }
    failures.dedup();
}

/// Reason, direction and place of the drops.
fn fate(
    expected: &TrafficExpectation,
    explainer: &Explainer<'_>,
    group: &OutcomeGroup,
    failures: &mut Vec<String>,
) {
    let Outcome::Dropped { part, at, reason } = group.outcome else { return };
    if let Some(want) = expected.drop_reason.as_ref().filter(|want| want.value != reason) {
        failures.push(format!("expected {}, got {}", want.value, outcome_words(explainer, group)));
    }
    let leg = if part.is_forward() { Leg::Forward } else { Leg::Reply };
    if let Some(want) = expected.direction.as_ref().filter(|want| want.value != leg) {
        failures.push(format!(
            "expected the {} packet to die, but the {} packet did",
            want.value.text(),
            leg.text()
        ));
    }
    if let Some(want) = expected.at.as_ref().filter(|want| !is_called(explainer, at, &want.value)) {
        failures.push(format!(
            "expected it to die at {}, but it died at {}",
            want.value,
            explainer.place(at)
        ));
    }
}

fn is_called(explainer: &Explainer<'_>, place: Place, name: &str) -> bool {
    let nic = if let Place::Nic(nic) = place { Some(explainer.nic(nic)) } else { None };
    explainer.place(place).eq_ignore_ascii_case(name) || nic.is_some_and(|n| n.eq_ignore_ascii_case(name))
}

fn outcome_words(explainer: &Explainer<'_>, group: &OutcomeGroup) -> String {
    match group.outcome {
        Outcome::Completed => format!("{} delivered", group.count),
        Outcome::Dropped { part, at, reason } => {
            let leg = if part.is_forward() { "forward" } else { "reply" };
            format!("{} dropped: {reason} at {} ({leg})", group.count, explainer.place(at))
        }
    }
}

/// What the steps of one conversation show.
fn path(
    expected: &TrafficExpectation,
    explainer: &Explainer<'_>,
    trace: &ConversationTrace,
    failures: &mut Vec<String>,
) {
    via_matches("via", expected.via.as_deref(), via(explainer, trace, Part::Request), failures);
    via_matches("replyVia", expected.reply_via.as_deref(), via(explainer, trace, Part::Reply), failures);
    let arrival = trace.part(Part::Request).and_then(PacketTrace::delivery);
    let mut received = |what: &str, want: Option<String>, got: Option<String>| {
        if let Some(want) = want.filter(|want| Some(want) != got.as_ref()) {
            let got = got.unwrap_or_else(|| "nothing: the packet did not arrive".to_owned());
            failures.push(format!("expected {what} {want} at the receiver, got {got}"));
        }
    };
    received(
        "ttl",
        expected.ttl.as_ref().map(|t| t.value.to_string()),
        arrival.map(|(_, _, ttl)| ttl.to_string()),
    );
    received(
        "source",
        expected.source.as_ref().map(|s| s.value.to_string()),
        arrival.map(|(_, k, _)| k.src.to_string()),
    );
    if let Some(want) = &expected.rule {
        let got = denying_rule(explainer, trace);
        if got.as_ref().is_none_or(|got| !got.eq_ignore_ascii_case(&want.value)) {
            let got = got.unwrap_or_else(|| "no rule denied it".to_owned());
            failures.push(format!("expected rule {} to deny, got {got}", want.value));
        }
    }
    if let Some(want) = &expected.route {
        let packet = trace.dead().or_else(|| trace.part(Part::Request));
        let decided = packet.and_then(|p| {
            if p.drop().is_some() { routes_of(explainer, p).last() } else { routes_of(explainer, p).next() }
        });
        match decided {
            Some(row) if row_matches(want, &row) => {}
            Some(row) => {
                failures.push(format!("expected route {}, got {}", match_words(want), row_words(&row)))
            }
            None => failures.push(format!("expected route {}, but no route was chosen", match_words(want))),
        }
    }
}

/// A hop of `want` that has several names is one of them.
fn via_matches(
    what: &str,
    want: Option<&[Vec<At<String>>]>,
    got: Option<Vec<String>>,
    failures: &mut Vec<String>,
) {
    let Some(want) = want else { return };
    let got = got.unwrap_or_default();
    let is = |hop: &[At<String>], name: &str| hop.iter().any(|h| h.value.eq_ignore_ascii_case(name));
    let same = want.len() == got.len() && want.iter().zip(&got).all(|(hop, name)| is(hop, name));
    if !same {
        let names =
            |hop: &Vec<At<String>>| hop.iter().map(|h| h.value.as_str()).collect::<Vec<_>>().join(" or ");
        let want: Vec<String> = want.iter().map(names).collect();
        failures.push(format!("expected {what} [{}], got [{}]", want.join(", "), got.join(", ")));
    }
}

fn denying_rule(explainer: &Explainer<'_>, trace: &ConversationTrace) -> Option<String> {
    trace.dead()?.steps.iter().rev().find_map(|(now, step)| match step {
        Step::Nsg { acl, rule, allowed: false, .. } => {
            let compiled = explainer.at(*now);
            let nsg = &explainer.network[compiled.acl(*acl).nsg];
            Some(format!("{}/{}", nsg.name.value, compiled.rule(*rule).name))
        }
        _ => None,
    })
}

/// The rows that routed a packet, in order.
fn routes_of<'a>(
    explainer: &'a Explainer<'_>,
    packet: &'a PacketTrace,
) -> impl Iterator<Item = EffectiveRow> {
    packet.steps.iter().filter_map(|(now, step)| match step {
        Step::Route { subnet, route: Some(ix), .. } => {
            let compiled = explainer.at(*now);
            let route: &RibRoute = compiled.route(*ix);
            effective_rows(compiled, *subnet)
                .into_iter()
                .find(|row| row.prefixes.contains(&route.prefix) && row.source == route.source && row.active)
        }
        _ => None,
    })
}

fn epoch_after<'a>(played: &'a Played, after: Option<&At<SimTime>>) -> &'a Epoch {
    let epochs = &played.report.epochs;
    let until = after.map_or(SimTime(u64::MAX), |at| at.value);
    let at = epochs.partition_point(|epoch| epoch.from <= until);
    &epochs[at.max(1) - 1]
}

/// The subnet that `name` means: `vnet/subnet`, or that of a NIC or VM.
fn subnet_named(network: &Network, name: &str) -> Option<SubnetId> {
    let paths = (0..network.subnets().len()).map(SubnetId::new);
    let by_path = paths.into_iter().find(|id| network.subnet_path(*id).eq_ignore_ascii_case(name));
    by_path.or_else(|| network.nic_named(name).map(|nic| network[nic].subnet))
}

fn routes(played: &Played, expected: &RoutesExpectation, failures: &mut Vec<String>) {
    let epoch = epoch_after(played, expected.after.as_ref());
    let Some(subnet) = subnet_named(&epoch.network, &expected.routes.value) else {
        return failures.push(format!("no subnet, NIC or VM is called {}", expected.routes.value));
    };
    let rows = effective_rows(&epoch.compiled, subnet);
    for want in expected.contains.iter().filter(|want| !rows.iter().any(|row| row_matches(want, row))) {
        failures.push(format!("no row is {}", match_words(want)));
    }
    for (want, row) in
        expected.lacks.iter().flat_map(|w| rows.iter().find(|r| row_matches(w, r)).map(|r| (w, r)))
    {
        failures.push(format!("a row is {}: {}", match_words(want), row_words(row)));
    }
    if let Some(exactly) = &expected.exactly {
        let mut left: Vec<&EffectiveRow> = rows.iter().collect();
        for want in exactly {
            match left.iter().position(|row| row_matches(want, row)) {
                Some(place) => drop(left.remove(place)),
                None => failures.push(format!("no row is {}", match_words(want))),
            }
        }
        failures.extend(left.iter().map(|row| format!("unexpected row {}", row_words(row))));
    }
}

fn next_hop(played: &Played, expected: &NextHopExpectation, failures: &mut Vec<String>) {
    let epoch = epoch_after(played, expected.after.as_ref());
    let network = &epoch.network;
    let to = network.endpoint(&expected.to.value, None);
    let (Some(subnet), Ok(to)) = (subnet_named(network, &expected.from.value), to) else {
        return failures.push(format!("{} or {} is not known", expected.from.value, expected.to.value));
    };
    let Some((ix, _)) = epoch.compiled.tables.route(subnet, to.address) else {
        return failures.push("no route matches".to_owned());
    };
    let route = epoch.compiled.route(ix);
    if let Some(want) =
        expected.next_hop_type.as_ref().filter(|w| w.value.text() != route.next_hop_type.to_string())
    {
        failures.push(format!(
            "expected {}, got {} by {}",
            want.value.text(),
            route.next_hop_type,
            route.prefix
        ));
    }
    if let Some(want) = expected.next_hop_ip_address.as_ref().filter(|w| Some(w.value) != route.next_hop_ip) {
        let got = route.next_hop_ip.map_or_else(|| "none".to_owned(), |ip| ip.to_string());
        failures.push(format!("expected next hop address {}, got {got}", want.value));
    }
}

fn peering(played: &Played, expected: &PeeringExpectation, failures: &mut Vec<String>) {
    let network = &epoch_after(played, expected.after.as_ref()).network;
    let links = network.peerings().iter().enumerate().filter(|(_, link)| !link.deleted);
    let path = |ix| network.link_path(vnetsim_types::PeeringId::new(ix));
    let found = links.into_iter().find(|(ix, _)| path(*ix).eq_ignore_ascii_case(&expected.peering.value));
    match found {
        Some((_, link)) if link.state == expected.peering_state.value => {}
        Some((_, link)) => failures.push(format!(
            "expected {}, got {}",
            expected.peering_state.value.text(),
            link.state.text()
        )),
        None => failures
            .push(format!("expected {}, but the link does not exist", expected.peering_state.value.text())),
    }
}

fn row_matches(want: &RouteMatch, row: &EffectiveRow) -> bool {
    want.source.as_ref().is_none_or(|w| w.value.text() == row.source.to_string())
        && want.state.as_ref().is_none_or(|w| w.value.text() == row.state())
        && want.address_prefix.as_ref().is_none_or(|w| w.value.trim() == row.prefix_text())
        && want.next_hop_type.as_ref().is_none_or(|w| w.value.text() == row.next_hop_type.to_string())
        && want.next_hop_ip_address.as_ref().is_none_or(|w| Some(w.value) == row.next_hop_ip)
        && want
            .name
            .as_ref()
            .is_none_or(|w| row.name.as_ref().is_some_and(|n| n.eq_ignore_ascii_case(&w.value)))
}

fn match_words(want: &RouteMatch) -> String {
    let words = [
        want.source.as_ref().map(|w| w.value.text().to_owned()),
        want.state.as_ref().map(|w| w.value.text().to_owned()),
        want.address_prefix.as_ref().map(|w| w.value.clone()),
        want.next_hop_type.as_ref().map(|w| w.value.text().to_owned()),
        want.next_hop_ip_address.as_ref().map(|w| w.value.to_string()),
        want.name.as_ref().map(|w| w.value.clone()),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn row_words(row: &EffectiveRow) -> String {
    let ip = row.next_hop_ip.map_or_else(String::new, |ip| format!(" {ip}"));
    format!("{} {} {} {}{ip}", row.source, row.state(), row.prefix_text(), row.next_hop_type)
}
