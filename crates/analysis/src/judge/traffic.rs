//! Expectations on the fate of traffic.

use vnetsim_compile::RibRoute;
use vnetsim_scenario::{Leg, TrafficExpectation, Verdict};
use vnetsim_sim::{Outcome, OutcomeGroup, TrafficReport};
use vnetsim_trace::{Explainer, PacketTrace};
use vnetsim_types::{At, Part, Place, Step, TrafficId};

use super::{
    About, Readings,
    achieved::achieved,
    routes::{match_words, row_matches, row_words},
};
use crate::{EffectiveRow, Played, Shown, effective_rows, play::via};

pub(super) fn traffic(
    played: &Played,
    readings: &mut Readings<'_>,
    expected: &TrafficExpectation,
    failures: &mut Vec<String>,
) {
    let Some(id) = named(played, expected) else {
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
    if let Some(delivered) = expected.delivered.as_ref().filter(|d| !d.value.contains(report.completed())) {
        failures.push(format!("expected {} delivered, got {}", delivered.value, report.completed()));
    }
    if let Some(wanted) = &expected.backend {
        backends(wanted, report, &explainer, failures);
    }
    if let Some(wanted) = &expected.depends_on {
        depends_on(wanted, readings.switches(id), failures);
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
    let shown: Vec<Shown<'_>> = groups.iter().filter_map(|g| played.shown(id, g)).collect();
    if shown.is_empty() && !groups.is_empty() && asks_for_path(expected) {
        failures.push("none of its packets was recorded, so their way is not known".to_owned());
    }
    for shown in shown {
        path(expected, &explainer, shown, failures);
    }
    achieved(expected, played, id, failures);
    failures.dedup();
}

/// The traffic that `expected` is about.
fn named(played: &Played, expected: &TrafficExpectation) -> Option<TrafficId> {
    let is = |t: &vnetsim_model::Traffic| t.name.value.eq_ignore_ascii_case(&expected.traffic.value);
    played.traffic.iter().position(is).map(TrafficId::new)
}

/// Its traffic, with the way to end that tells most about a failure: one that is not wanted, else one that died, else the
/// first.
pub(super) fn about(played: &Played, expected: &TrafficExpectation) -> Option<About> {
    let traffic = named(played, expected)?;
    let outcomes = &played.report.traffic[traffic.ix()].outcomes;
    let reason = expected.drop_reason.as_ref().map(|reason| reason.value);
    let wants_drop = expected.verdict.as_ref().is_some_and(|v| v.value == Verdict::Dropped);
    let wanted = |outcome: Outcome| match outcome {
        Outcome::Completed => true,
        Outcome::Dropped { reason: got, .. } => wants_drop && reason.is_none_or(|want| want == got),
        _ => wants_drop && reason.is_none(),
    };
    let first = |is: &dyn Fn(Outcome) -> bool| outcomes.iter().position(|group| is(group.outcome));
    let unwanted = first(&|outcome| !wanted(outcome));
    let ending = unwanted.or_else(|| first(&|o| o != Outcome::Completed)).or_else(|| first(&|_| true));
    Some(About { traffic, ending, unwanted: unwanted.is_some() })
}

/// All of `wanted` received first packets, and nobody else did.
fn backends(
    wanted: &[At<String>],
    report: &TrafficReport,
    explainer: &Explainer<'_>,
    failures: &mut Vec<String>,
) {
    let got: Vec<String> = report.receivers.keys().map(|place| explainer.place(*place)).collect();
    let is = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    let same = got.iter().all(|got| wanted.iter().any(|want| is(&want.value, got)))
        && wanted.iter().all(|want| got.iter().any(|got| is(&want.value, got)));
    if !same {
        let wanted: Vec<&str> = wanted.iter().map(|w| w.value.as_str()).collect();
        let got = if got.is_empty() { "nobody".to_owned() } else { got.join(", ") };
        failures.push(format!("expected {} to receive it, got {got}", wanted.join(" and ")));
    }
}

/// The disputed switches that change the fate are these, and no others.
fn depends_on(wanted: &[At<String>], got: Option<Vec<&str>>, failures: &mut Vec<String>) {
    let Some(got) = got else {
        return failures.push("the run is too long to be repeated under other readings".to_owned());
    };
    let mut wanted: Vec<&str> = wanted.iter().map(|w| w.value.as_str()).collect();
    wanted.sort_unstable();
    if wanted != got {
        let list = |names: &[&str]| if names.is_empty() { "no switch".to_owned() } else { names.join(", ") };
        failures.push(format!("expected the fate to depend on {}, got {}", list(&wanted), list(&got)));
    }
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
        other => format!("{} {}", group.count, other.words().unwrap_or_default()),
    }
}

fn asks_for_path(expected: &TrafficExpectation) -> bool {
    expected.via.is_some()
        || expected.reply_via.is_some()
        || expected.ttl.is_some()
        || expected.source.is_some()
        || expected.rule.is_some()
        || expected.route.is_some()
}

/// What the steps of one conversation show.
fn path(
    expected: &TrafficExpectation,
    explainer: &Explainer<'_>,
    Shown { trace, dead }: Shown<'_>,
    failures: &mut Vec<String>,
) {
    via_matches("via", expected.via.as_deref(), via(explainer, trace, Part::Request), failures);
    via_matches("replyVia", expected.reply_via.as_deref(), via(explainer, trace, Part::Reply), failures);
    let arrival = trace.way(Part::Request).and_then(PacketTrace::delivery);
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
        let got = denying_rule(explainer, dead);
        if got.as_ref().is_none_or(|got| !got.eq_ignore_ascii_case(&want.value)) {
            let got = got.unwrap_or_else(|| "no rule denied it".to_owned());
            failures.push(format!("expected rule {} to deny, got {got}", want.value));
        }
    }
    if let Some(want) = &expected.route {
        let packet = dead.or_else(|| trace.way(Part::Request));
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

fn denying_rule(explainer: &Explainer<'_>, dead: Option<&PacketTrace>) -> Option<String> {
    dead?.steps.iter().rev().find_map(|(now, step)| match step {
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
