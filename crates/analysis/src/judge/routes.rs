//! Expectations on effective routes and next hops.

use vnetsim_scenario::{NextHopExpectation, RouteMatch, RoutesExpectation};

use super::{epoch_after, subnet_named};
use crate::{EffectiveRow, Played, effective_rows};

pub(super) fn routes(played: &Played, expected: &RoutesExpectation, failures: &mut Vec<String>) {
    let epoch = epoch_after(played, expected.after.as_ref());
    let Some(subnet) = subnet_named(&epoch.network, &expected.routes.value) else {
        return failures.push(format!("no subnet, NIC or VM is called {}", expected.routes.value));
    };
    let rows = effective_rows(epoch.compiled(), subnet);
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

pub(super) fn next_hop(played: &Played, expected: &NextHopExpectation, failures: &mut Vec<String>) {
    let epoch = epoch_after(played, expected.after.as_ref());
    let network = &epoch.network;
    let to = network.endpoint(&expected.to.value, None);
    let (Some(subnet), Ok(to)) = (subnet_named(network, &expected.from.value), to) else {
        return failures.push(format!("{} or {} is not known", expected.from.value, expected.to.value));
    };
    let Some((ix, _)) = epoch.compiled().tables.route(subnet, to.address) else {
        return failures.push("no route matches".to_owned());
    };
    let route = epoch.compiled().route(ix);
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

pub(super) fn row_matches(want: &RouteMatch, row: &EffectiveRow) -> bool {
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

pub(super) fn match_words(want: &RouteMatch) -> String {
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

pub(super) fn row_words(row: &EffectiveRow) -> String {
    let ip = row.next_hop_ip.map_or_else(String::new, |ip| format!(" {ip}"));
    format!("{} {} {} {}{ip}", row.source, row.state(), row.prefix_text(), row.next_hop_type)
}
