//! Which flows two networks treat differently, and what decided it.
//!
//! Owns which ends are the same (by name), which flows are asked (a pair of classes whose members behave alike in both
//! networks), what counts as a change, and the grouping by cause. Called by `cli` for `vnetsim diff`. Must never compare
//! texts: both networks are asked, and what they did is compared. Costs two conversations for each pair of classes, and
//! two more for each that changed.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    num::NonZeroUsize,
};

use vnetsim_model::Network;
use vnetsim_types::ProtoPort;

use crate::{
    Probe,
    classes::{End, Grouping, Member, Who, addresses, ends, frontends},
    decisions::{Cause, Decisions, cause, decisions},
    matrix::flows,
    story::{PORTS_TRIED, Stories, Story, stories, told},
};

/// What a diff is asked for.
#[derive(Clone, Debug)]
pub struct DiffQuestion {
    /// With what the ends talk.
    pub protocols: Vec<ProtoPort>,
    /// The address that stands for the internet.
    pub internet: IpAddr,
    /// Threads; the answer does not depend on it.
    pub workers: NonZeroUsize,
}

/// What two networks do differently.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diff {
    /// Flows that were asked.
    pub flows: u64,
    /// Those that changed, by cause; causes with most flows first.
    pub causes: Vec<Group>,
    /// Ends that only the first network has.
    pub gone: Vec<End>,
    /// Ends that only the second one has.
    pub new: Vec<End>,
}

/// The flows that changed for one cause.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// What decided.
    pub cause: Cause,
    /// Where: subnets or NICs; none where the object says it.
    pub places: Vec<String>,
    /// The flows.
    pub changed: Vec<Changed>,
}

impl Group {
    /// How many flows they are.
    pub fn flows(&self) -> u64 {
        self.changed.iter().map(|changed| changed.flows).sum()
    }
}

/// How a flow changed; the first that applies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// It was delivered and is not any more, or not from every source port.
    Dies,
    /// It is delivered now, from some source ports at least from which it was not.
    Recovers,
    /// It dies for another reason, elsewhere, or on another way.
    DiesOtherwise,
    /// It depends on the source port in another way.
    DependsOtherwise,
    /// It is delivered by other appliances or gateways.
    OtherPath,
    /// It costs something else: peerings, gateways, time.
    OtherCost,
}

/// A flow that the networks treat differently.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Changed {
    /// Who sends.
    pub from: End,
    /// Who is sent to.
    pub to: End,
    /// With what.
    pub protocol: ProtoPort,
    /// Pairs of members that it stands for.
    pub flows: u64,
    /// What became of it before; `None` when it had no address.
    pub was: Option<Stories>,
    /// What becomes of it now.
    pub now: Option<Stories>,
}

impl Changed {
    /// How it changed.
    pub fn kind(&self) -> Kind {
        Kind::of(self.was.as_ref(), self.now.as_ref())
    }

    /// Appliances and gateways that forwarded it before, and now.
    pub fn via(&self) -> (BTreeSet<&str>, BTreeSet<&str>) {
        let of = |side| Option::iter(side).flatten().flat_map(Story::via).collect();
        (of(&self.was), of(&self.now))
    }

    /// True when it goes to the internet past everybody now, and did not before.
    pub fn is_direct_to_the_internet_now(&self) -> bool {
        let direct = |side: &Option<Stories>| {
            side.iter().flatten().any(|story| story.is_delivered() && story.forward.is_empty())
        };
        matches!(self.to.members[0].who, Who::Internet(_)) && direct(&self.now) && !direct(&self.was)
    }
}

impl Kind {
    /// How a flow changed that ended so before and so now.
    pub(crate) fn of(was: Option<&Stories>, now: Option<&Stories>) -> Self {
        let ends = |side: Option<&Stories>| match side {
            None => Ending::Dies,
            Some(all) if all.iter().all(Story::is_delivered) => Ending::Arrives,
            Some(all) if all.iter().any(Story::is_delivered) => Ending::Depends,
            Some(_) => Ending::Dies,
        };
        match (ends(was), ends(now)) {
            (Ending::Arrives, Ending::Dies | Ending::Depends) | (Ending::Depends, Ending::Dies) => Self::Dies,
            (Ending::Dies | Ending::Depends, Ending::Arrives) | (Ending::Dies, Ending::Depends) => {
                Self::Recovers
            }
            (Ending::Dies, Ending::Dies) => Self::DiesOtherwise,
            (Ending::Depends, Ending::Depends) => Self::DependsOtherwise,
            (Ending::Arrives, Ending::Arrives) if paths(was) != paths(now) => Self::OtherPath,
            (Ending::Arrives, Ending::Arrives) => Self::OtherCost,
        }
    }
}

enum Ending {
    Arrives,
    Dies,
    Depends,
}

fn paths(side: Option<&Stories>) -> BTreeSet<(&[String], &[String], bool)> {
    let all = side.into_iter().flatten();
    all.map(|story| (story.forward.as_slice(), story.back.as_slice(), story.symmetric)).collect()
}

impl Diff {
    /// True when nothing changes.
    pub fn is_empty(&self) -> bool {
        self.causes.is_empty() && self.gone.is_empty() && self.new.is_empty()
    }

    /// Every flow that changed.
    pub fn changed(&self) -> impl Iterator<Item = &Changed> {
        self.causes.iter().flat_map(|group| &group.changed)
    }
}

/// A pair of classes with their members in both networks, and a protocol.
struct Asked<'a> {
    from: &'a Both,
    to: &'a Both,
    protocol: ProtoPort,
}

/// An end that both networks have.
struct Both {
    end: End,
    /// For each member: who it is before and now.
    who: Vec<(Who, Who)>,
}

/// Compares what `before` and `now` do with every flow between ends that both have.
pub fn diff(before: &Network, now: &Network, question: &DiffQuestion) -> Diff {
    let of = |network| {
        let mut all = ends(network, question.internet, Grouping::Classes);
        all.extend(frontends(network));
        all
    };
    let (classes_before, classes_now) = (of(before), of(now));
    let both = common(&classes_before, &classes_now);
    let mut asked = Vec::new();
    for (number, protocol) in question.protocols.iter().enumerate() {
        for (from, to) in both.iter().flat_map(|from| both.iter().map(move |to| (from, to))) {
            // Whose port is known is asked once. The lesser of two, so that a swap changes nothing.
            let fixed = to.who.iter().map(|(a, b)| a.asked(*protocol).min(b.asked(*protocol))).min();
            let is_frontend = matches!(to.who[0].0, Who::Frontend { .. });
            if flows(&from.end, &to.end) > 0 && (number == 0 || !is_frontend) {
                asked.push(Asked { from, to, protocol: fixed.unwrap_or(*protocol) });
            }
        }
    }
    let (probes_before, probes_now): (Vec<_>, Vec<_>) =
        asked.iter().map(|asked| (asked.probe(before, |who| who.0), asked.probe(now, |who| who.1))).unzip();
    let was = answers(before, &probes_before, question.workers);
    let is = answers(now, &probes_now, question.workers);
    let known = was.iter().zip(&is).map(|(was, is)| was.is_some() || is.is_some());
    let total = asked.iter().zip(known).filter(|(_, known)| *known);
    let total = total.map(|(asked, _)| flows(&asked.from.end, &asked.to.end)).sum();
    let differ: Vec<usize> = (0..asked.len()).filter(|ix| plain(&was[*ix]) != plain(&is[*ix])).collect();
    let chosen = |all: &[Option<Probe>]| differ.iter().map(|ix| all[*ix]).collect::<Vec<_>>();
    let traces_before = retold(before, &chosen(&probes_before), question.workers);
    let traces_now = retold(now, &chosen(&probes_now), question.workers);
    let changed = differ.into_iter().map(|ix| asked[ix].changed(was[ix].clone(), is[ix].clone()));
    Diff {
        flows: total,
        causes: by_cause(changed.zip(traces_before.into_iter().zip(traces_now))),
        gone: only(&classes_before, &classes_now),
        new: only(&classes_now, &classes_before),
    }
}

/// What decided about a flow before and now, where it could be asked.
type Decided = (Option<Decisions>, Option<Decisions>);

/// The flows that changed, by what decided it; causes with most flows first.
fn by_cause(all: impl Iterator<Item = (Changed, Decided)>) -> Vec<Group> {
    let mut causes: BTreeMap<Cause, Group> = BTreeMap::new();
    for (changed, (before, now)) in all {
        let stories = [changed.was.as_ref(), changed.now.as_ref()];
        let (place, cause) = cause(before.as_ref(), now.as_ref(), &changed.to.name(), stories);
        let empty = || Group { cause: cause.clone(), places: Vec::new(), changed: Vec::new() };
        let group = causes.entry(cause.clone()).or_insert_with(empty);
        if !place.is_empty() && !group.places.contains(&place) {
            group.places.push(place);
        }
        group.changed.push(changed);
    }
    let mut causes: Vec<Group> = causes.into_values().collect();
    causes.iter_mut().for_each(|group| group.places.sort_by(|a, b| natural(a, b)));
    causes.sort_by_key(|group| std::cmp::Reverse(group.flows()));
    causes
}

impl Asked<'_> {
    /// The probe that stands for the flow in one of the networks.
    fn probe(&self, network: &Network, side: impl Fn(&(Who, Who)) -> Who) -> Option<Probe> {
        let all = self.from.who.iter().flat_map(|a| self.to.who.iter().map(move |b| (a, b)));
        let (from, to) = all.into_iter().find(|(a, b)| a != b)?;
        let protocol = side(to).asked(self.protocol);
        let (from, to) = addresses(network, side(from), side(to))?;
        Some(Probe { from, to, protocol })
    }

    /// The flow, with what became of it.
    fn changed(&self, was: Option<Stories>, now: Option<Stories>) -> Changed {
        let (from, to) = (self.from.end.clone(), self.to.end.clone());
        let flows = flows(&from, &to);
        Changed { from, to, protocol: self.protocol, flows, was, now }
    }
}

fn plain(told: &Option<Stories>) -> Option<BTreeSet<Story>> {
    told.as_ref().map(|all| all.iter().map(Story::plain).collect())
}

/// What became of each probe that could be asked.
fn answers(network: &Network, probes: &[Option<Probe>], workers: NonZeroUsize) -> Vec<Option<Stories>> {
    let known: Vec<Probe> = probes.iter().flatten().copied().collect();
    let mut all = stories(network, &known, PORTS_TRIED, workers).into_iter();
    probes.iter().map(|probe| probe.as_ref().and_then(|_| all.next())).collect()
}

/// What decided about each probe, step by step.
fn retold(network: &Network, probes: &[Option<Probe>], workers: NonZeroUsize) -> Vec<Option<Decisions>> {
    let traffic: Vec<_> = probes.iter().flatten().map(Probe::traffic).collect();
    let mut all = told(network, &traffic, workers, decisions).into_iter();
    probes.iter().map(|probe| probe.as_ref().and_then(|_| all.next())).collect()
}

/// A member, and who it is before and now.
type Pairing = (Member, Who, Who);

/// What names an end: sites and machines may bear the same name.
type Name = (u8, String);

fn name(member: &Member) -> Name {
    let kind = match member.who {
        Who::Nic(_) => 0,
        Who::PrivateEndpoint(_) => 1,
        Who::Site(..) => 2,
        Who::Internet(_) => 3,
        Who::Frontend { .. } => 4,
    };
    (kind, member.name.to_ascii_lowercase())
}

/// Ends whose members are alike in both networks, in an order that does not depend on which one comes first.
fn common(before: &[End], now: &[End]) -> Vec<Both> {
    let mut there: BTreeMap<Name, (usize, Who)> = BTreeMap::new();
    for (class, end) in now.iter().enumerate() {
        for member in &end.members {
            there.entry(name(member)).or_insert((class, member.who));
        }
    }
    let mut seen: BTreeSet<Name> = BTreeSet::new();
    let mut all: BTreeMap<(usize, usize), Vec<Pairing>> = BTreeMap::new();
    for (class, end) in before.iter().enumerate() {
        for member in &end.members {
            let Some((other, who)) = there.get(&name(member)) else { continue };
            if seen.insert(name(member)) {
                all.entry((class, *other)).or_default().push((member.clone(), member.who, *who));
            }
        }
    }
    let mut both: Vec<Both> = Vec::new();
    for ((class, other), mut members) in all {
        members.sort_by(|(a, ..), (b, ..)| natural(&a.name, &b.name));
        let same = before[class].subnet == now[other].subnet;
        let subnet = if same { before[class].subnet.clone() } else { None };
        let who = members.iter().map(|(_, before, now)| (*before, *now)).collect();
        both.push(Both { end: End { members: members.into_iter().map(|(m, ..)| m).collect(), subnet }, who });
    }
    both.sort_by(|a, b| {
        let first = |both: &Both| name(&both.end.members[0]);
        let (a, b) = (first(a), first(b));
        a.0.cmp(&b.0).then_with(|| natural(&a.1, &b.1))
    });
    both
}

/// Members of `these` that `those` have not.
fn only(these: &[End], those: &[End]) -> Vec<End> {
    let known: BTreeSet<Name> = those.iter().flat_map(|end| &end.members).map(name).collect();
    let mut left = these.to_vec();
    left.iter_mut().for_each(|end| end.members.retain(|member| !known.contains(&name(member))));
    left.retain(|end| !end.members.is_empty());
    left
}

/// `vm2` before `vm10`.
fn natural(a: &str, b: &str) -> Ordering {
    let parts = |text: &str| -> Vec<(String, Option<u64>)> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let words = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
            let (word, more) = rest.split_at(words);
            let digits = more.find(|c: char| !c.is_ascii_digit()).unwrap_or(more.len());
            let (number, more) = more.split_at(digits);
            parts.push((word.to_owned(), number.parse().ok()));
            rest = more;
        }
        parts
    };
    parts(a).cmp(&parts(b)).then_with(|| a.cmp(b))
}
