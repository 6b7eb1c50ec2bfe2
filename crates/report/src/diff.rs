//! `vnetsim diff` in words: what changes, grouped by what decided it.
//!
//! Owns how many causes, places and flows are named before the rest is counted. Called by `cli`. Must never decide what is a
//! change, or its kind: `analysis` does.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use vnetsim_analysis::{Changed, Diff, End, Ended, Group, Kind, Story, TrafficChange, TrafficDiff, Verdict};

use crate::{
    json::envelope,
    matrix::{stories_json, ways},
    signs::places,
    units::{count, counted},
    wrap::wrap,
};

/// Flows of a group that are named before the others are only counted.
const NAMED_MAX: usize = 4;
/// Causes that are told before the others are only counted.
const CAUSES_MAX: usize = 24;

/// The answer for people.
pub fn diff_text(diff: &Diff, traffic: &TrafficDiff) -> String {
    let mut out = summary(diff, traffic);
    out.push_str(&crossings(diff));
    let mut objects: Vec<(String, Vec<&Group>)> = Vec::new();
    for group in &diff.causes {
        let title = title(group);
        match objects.iter_mut().find(|(known, _)| *known == title) {
            Some((_, groups)) => groups.push(group),
            None => objects.push((title, vec![group])),
        }
    }
    for (title, groups) in objects.iter().take(CAUSES_MAX) {
        out.push('\n');
        out.push_str(&wrap("", title, 4));
        groups.iter().for_each(|group| out.push_str(&group_text(group)));
    }
    let more = objects.get(CAUSES_MAX..).unwrap_or_default();
    if !more.is_empty() {
        let flows = more.iter().flat_map(|(_, groups)| groups).map(|group| group.flows()).sum();
        let flows = counted(flows, "flow");
        out.push_str(&format!("\nand {} more objects with {flows}; -o json has them all\n", more.len()));
    }
    out.push_str(&ends_text("Only in the first file", &diff.gone));
    out.push_str(&ends_text("Only in the second file", &diff.new));
    if !traffic.changes.is_empty() {
        out.push_str("\nTraffic entries that change\n");
    }
    traffic.changes.iter().for_each(|change| out.push_str(&entry_text(change)));
    out
}

/// What became of an entry, and what decided.
fn entry_text(change: &TrafficChange) -> String {
    let (was, now) = entry_words(change);
    let mut out = wrap(&format!("  {}: ", change.name), &format!("{was} -> {now}"), 6);
    if let Some(cause) = &change.cause {
        let title = if change.place.is_empty() {
            cause.object.clone()
        } else {
            format!("{}: {}", change.place, cause.object)
        };
        out.push_str(&wrap("      ", &title, 8));
        out.push_str(&wrap("        was ", &cause.was, 12));
        out.push_str(&wrap("        now ", &cause.now, 12));
    }
    out
}

/// `18 delivered, 2 NSG_DENY at vm2`, before and now; with ways, and with costs, where nothing else differs.
fn entry_words(change: &TrafficChange) -> (String, String) {
    let ending = |ended: &Ended| ended.ending.clone();
    let with_way = |ended: &Ended| format!("{}, {}", ended.ending, ways(&ended.story));
    let with_cost = |ended: &Ended| {
        let (peerings, gateways) = (u64::from(ended.story.peerings), u64::from(ended.story.gateways));
        let crossed = format!("{}, {}", counted(peerings, "peering"), counted(gateways, "gateway leg"));
        format!("{}, {crossed}", with_way(ended))
    };
    let levels: [&dyn Fn(&Ended) -> String; 3] = [&ending, &with_way, &with_cost];
    let mut words = (String::new(), String::new());
    for level in levels {
        words = (groups(&change.was, level), groups(&change.now, level));
        if words.0 != words.1 {
            break;
        }
    }
    words
}

fn groups(side: &[Ended], words: &dyn Fn(&Ended) -> String) -> String {
    let mut groups: BTreeMap<String, u64> = BTreeMap::new();
    side.iter().for_each(|ended| *groups.entry(words(ended)).or_default() += ended.count);
    let words: Vec<String> = groups.into_iter().map(|(words, count)| format!("{count} {words}")).collect();
    if words.is_empty() { "nothing sent".to_owned() } else { words.join(", ") }
}

/// `1 of 4 traffic entries changes: 1 recovers; 214 of 1,200 flows between ends change: 3 die, ...`.
fn summary(diff: &Diff, traffic: &TrafficDiff) -> String {
    let mut parts: Vec<String> = Vec::new();
    if traffic.entries > 0 {
        let all = traffic.entries as u64;
        let what =
            if all == 1 { "1 traffic entry".to_owned() } else { format!("{} traffic entries", count(all)) };
        parts.push(share(&what, traffic.changes.iter().map(|change| (change.kind(), 1))));
    }
    let flows = format!("{} between ends", counted(diff.flows, "flow"));
    parts.push(share(&flows, diff.changed().map(|changed| (changed.kind(), changed.flows))));
    let sides = [(&diff.gone, "first"), (&diff.new, "second")];
    for (ends, side) in sides.into_iter().filter(|(ends, _)| !ends.is_empty()) {
        parts.push(format!("{} only in the {side} file", counted(ends.len() as u64, "end")));
    }
    wrap("", &parts.join("; "), 2)
}

/// `2 of 50 flows change: 2 take another path`, of `all` in words.
fn share(all: &str, changed: impl Iterator<Item = (Kind, u64)>) -> String {
    let mut kinds: BTreeMap<Kind, u64> = BTreeMap::new();
    changed.for_each(|(kind, number)| *kinds.entry(kind).or_default() += number);
    let number: u64 = kinds.values().sum();
    if number == 0 {
        return format!("none of {all} changes");
    }
    let words: Vec<String> =
        kinds.iter().map(|(kind, flows)| format!("{} {}", count(*flows), verb(*kind, *flows))).collect();
    let change = if number == 1 { "changes" } else { "change" };
    format!("{} of {all} {change}: {}", count(number), words.join(", "))
}

fn verb(kind: Kind, flows: u64) -> &'static str {
    match (kind, flows == 1) {
        (Kind::Dies, true) => "dies",
        (Kind::Dies, false) => "die",
        (Kind::Recovers, true) => "recovers",
        (Kind::Recovers, false) => "recover",
        (Kind::DiesOtherwise, true) => "dies in another way",
        (Kind::DiesOtherwise, false) => "die in another way",
        (Kind::DependsOtherwise, true) => "depends on the source port in another way",
        (Kind::DependsOtherwise, false) => "depend on the source port in another way",
        (Kind::OtherPath, true) => "takes another path",
        (Kind::OtherPath, false) => "take another path",
        (Kind::OtherCost, true) => "costs something else",
        (Kind::OtherCost, false) => "cost something else",
    }
}

/// `214 flows stop crossing fw, 3 now reach the internet directly`.
fn crossings(diff: &Diff) -> String {
    let (mut stop, mut start): (BTreeMap<&str, u64>, BTreeMap<&str, u64>) = Default::default();
    let mut direct = 0;
    for changed in diff.changed() {
        let (was, now) = changed.via();
        was.difference(&now).for_each(|name| *stop.entry(name).or_default() += changed.flows);
        now.difference(&was).for_each(|name| *start.entry(name).or_default() += changed.flows);
        direct += if changed.is_direct_to_the_internet_now() { changed.flows } else { 0 };
    }
    let mut words: Vec<String> = Vec::new();
    for (all, verb) in [(stop, "stop"), (start, "start")] {
        for (name, flows) in all {
            let verb = if flows == 1 { format!("{verb}s") } else { verb.to_owned() };
            words.push(format!("{} {verb} crossing {name}", counted(flows, "flow")));
        }
    }
    if direct > 0 {
        words.push(format!(
            "{} now reach{} the internet directly",
            count(direct),
            if direct == 1 { "es" } else { "" }
        ));
    }
    if words.is_empty() { String::new() } else { wrap("", &words.join(", "), 2) }
}

/// The object, and where.
fn title(Group { cause, places, .. }: &Group) -> String {
    let named: Vec<&str> = places.iter().take(NAMED_MAX).map(String::as_str).collect();
    match places.as_slice() {
        [] => cause.object.clone(),
        [one] => format!("{one}: {}", cause.object),
        all if all.len() <= NAMED_MAX => format!("{} in {}", cause.object, named.join(", ")),
        all => format!("{} in {} and {} more", cause.object, named.join(", "), all.len() - NAMED_MAX),
    }
}

fn group_text(Group { cause, changed, .. }: &Group) -> String {
    let mut out = String::new();
    out.push_str(&wrap("    was ", &cause.was, 8));
    out.push_str(&wrap("    now ", &cause.now, 8));
    let mut groups: Vec<(String, u64, Vec<&Changed>)> = Vec::new();
    for one in changed {
        let what = what(one);
        match groups.iter_mut().find(|(known, ..)| *known == what) {
            Some((_, flows, all)) => {
                *flows += one.flows;
                all.push(one);
            }
            None => groups.push((what, one.flows, vec![one])),
        }
    }
    groups.sort_by_key(|(_, flows, _)| std::cmp::Reverse(*flows));
    for (what, flows, all) in groups {
        out.push_str(&wrap("  ", &format!("{}: {what}", counted(flows, "flow")), 6));
        for (pair, protocols) in pairs(&all) {
            out.push_str(&wrap("      ", &format!("{pair} {}", protocols.join(", ")), 8));
        }
    }
    out
}

/// Pairs, each with its protocols; many of them by subnet.
fn pairs(all: &[&Changed]) -> Vec<(String, Vec<String>)> {
    let mut pairs: Vec<(String, Vec<String>)> = Vec::new();
    for one in all {
        let (pair, protocol) =
            (format!("{} -> {}", one.from.name(), one.to.name()), one.protocol.to_string());
        match pairs.iter_mut().find(|(known, _)| *known == pair) {
            Some((_, protocols)) => protocols.push(protocol),
            None => pairs.push((pair, vec![protocol])),
        }
    }
    if pairs.len() <= NAMED_MAX {
        return pairs;
    }
    let mut protocols: Vec<String> = Vec::new();
    for protocol in pairs.iter().flat_map(|(_, protocols)| protocols) {
        if !protocols.contains(protocol) {
            protocols.push(protocol.clone());
        }
    }
    by_subnet(all).into_iter().map(|pair| (pair, protocols.clone())).collect()
}

/// `46 subnets of 23 networks -> s9/app`: a line for each sender or each receiver, whichever is shorter.
fn by_subnet(all: &[&Changed]) -> Vec<String> {
    let (mut senders, mut receivers): (Places, Places) = Default::default();
    for one in all {
        let (from, to) = (one.from.group(), one.to.group());
        receivers.entry(from.clone()).or_default().insert(to.clone());
        senders.entry(to).or_default().insert(from);
    }
    if senders.len().min(receivers.len()) > NAMED_MAX {
        let (from, to) = (receivers.into_keys().collect(), senders.into_keys().collect());
        return vec![format!("between {} and {}", places(&from), places(&to))];
    }
    match senders.len() <= receivers.len() {
        true => senders.iter().map(|(to, from)| format!("{} -> {to}", places(from))).collect(),
        false => receivers.iter().map(|(from, to)| format!("{from} -> {}", places(to))).collect(),
    }
}

type Places = BTreeMap<String, BTreeSet<String>>;

/// What happened to a flow, in words.
fn what(changed: &Changed) -> String {
    let (was, now) = (&changed.was, &changed.now);
    let ending = |side: &Option<Vec<Story>>| match side {
        None => "no address".to_owned(),
        Some(all) => distinct(all, |story| match &story.verdict {
            Verdict::Dropped { reason, on_return: true, .. } => {
                format!("{reason} on the way back")
            }
            _ => story.verdict_word().to_owned(),
        }),
    };
    let way = |side: &Option<Vec<Story>>| distinct(side.as_deref().unwrap_or_default(), ways);
    match changed.kind() {
        Kind::OtherPath => format!("{}; now {}", way(was), way(now)),
        Kind::OtherCost => format!("{}; now {}", cost(was), cost(now)),
        _ if ending(was) == ending(now) && way(was) != way(now) => {
            format!("{}: {}; now {}", ending(was), way(was), way(now))
        }
        _ if ending(was) == ending(now) => format!("{}: {}; now {}", ending(was), cost(was), cost(now)),
        _ => format!("{} -> {}", ending(was), ending(now)),
    }
}

fn distinct(all: &[Story], words: impl Fn(&Story) -> String) -> String {
    let words: BTreeSet<String> = all.iter().map(words).collect();
    words.into_iter().collect::<Vec<_>>().join(" or ")
}

fn cost(side: &Option<Vec<Story>>) -> String {
    distinct(side.as_deref().unwrap_or_default(), |story| {
        format!(
            "{}, {}, {} B over peerings, {}",
            counted(u64::from(story.peerings), "peering"),
            counted(u64::from(story.gateways), "gateway leg"),
            story.billed_bytes,
            story.lasted
        )
    })
}

fn ends_text(title: &str, ends: &[End]) -> String {
    if ends.is_empty() {
        return String::new();
    }
    let names: Vec<String> = ends.iter().map(End::name).collect();
    format!("\n{title}\n{}", wrap("  ", &names.join(", "), 4))
}

/// The answer for machines.
pub fn diff_json(diff: &Diff, traffic: &TrafficDiff) -> Value {
    let one = |changed: &Changed| {
        json!({
            "from": changed.from.name(), "to": changed.to.name(), "protocol": changed.protocol.to_string(),
            "flows": changed.flows, "change": kind_word(changed.kind()),
            "was": changed.was.as_ref().map(stories_json), "now": changed.now.as_ref().map(stories_json),
        })
    };
    let cause = |group: &Group| {
        let Group { cause, places, changed } = group;
        json!({ "object": cause.object, "places": places, "was": cause.was, "now": cause.now,
                "flows": changed.iter().map(one).collect::<Vec<_>>() })
    };
    let names = |ends: &[End]| ends.iter().map(End::name).collect::<Vec<_>>();
    let entry = |c: &TrafficChange| {
        let (was, now) = entry_words(c);
        let cause = c.cause.as_ref().map(
            |cause| json!({ "object": cause.object, "place": c.place, "was": cause.was, "now": cause.now }),
        );
        json!({ "name": c.name, "change": kind_word(c.kind()), "was": was, "now": now, "cause": cause })
    };
    let body = json!({
        "flows": diff.flows, "changed": diff.changed().map(|changed| changed.flows).sum::<u64>(),
        "causes": diff.causes.iter().map(cause).collect::<Vec<_>>(),
        "onlyInFirst": names(&diff.gone), "onlyInSecond": names(&diff.new),
        "traffic": traffic.changes.iter().map(entry).collect::<Vec<_>>(),
    });
    envelope("diff", body)
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Dies => "dies",
        Kind::Recovers => "recovers",
        Kind::DiesOtherwise => "diesOtherwise",
        Kind::DependsOtherwise => "dependsOnSourcePortOtherwise",
        Kind::OtherPath => "otherPath",
        Kind::OtherCost => "otherCost",
    }
}
