//! Security groups that mean something else than they say: a VirtualNetwork tag that is everything, rules that can never match
//! (FAIL-21, NSG-09).

use std::collections::BTreeMap;

use vnetsim_dataplane::{Addresses, Rule, RuleList};
use vnetsim_model::AddressSpec;
use vnetsim_types::{AclIx, AddrSet, Direction, FindingCode, NsgId};

use super::Look;
use crate::Finding;

/// A rule whose rest falls into more pieces than this is not followed further: it counts as one that can match.
const PIECES_MAX: usize = 400;

pub(super) fn find(look: &Look<'_>, found: &mut Vec<Finding>) {
    let dead = dead_rules(look);
    wide_tags(look, &dead, found);
    never(look, &dead, found);
}

/// By ACL: custom rules that nothing reaches, with the names of those before them.
type Dead = BTreeMap<(NsgId, usize), Vec<(AclIx, Vec<String>)>>;

fn dead_rules(look: &Look<'_>) -> Dead {
    let mut dead = Dead::new();
    for (ix, acl) in look.compiled.tables.acls.iter().enumerate() {
        let acl_ix = AclIx::new(ix);
        for list in [&acl.inbound, &acl.outbound] {
            for (place, names) in of_list(look, list) {
                dead.entry((look.compiled.acl(acl_ix).nsg, place)).or_default().push((acl_ix, names));
            }
        }
    }
    dead
}

/// Custom rules of a list that those before them leave nothing to.
fn of_list(look: &Look<'_>, list: &RuleList) -> Vec<(usize, Vec<String>)> {
    let mut dead = Vec::new();
    for (at, rule) in list.rules().iter().enumerate() {
        let Some(place) = look.compiled.rule(rule.ix).custom else { continue };
        let (rest, by) = left_to(look, list, at);
        if matches!(rest, Some(rest) if rest.is_empty()) {
            dead.push((place, by));
        }
    }
    dead
}

/// What the rules before number `at` leave to it, and which of them take something; `None` when nobody can say.
fn left_to(look: &Look<'_>, list: &RuleList, at: usize) -> (Option<Vec<Space>>, Vec<String>) {
    let sets = &look.compiled.tables.sets;
    let rules = list.rules();
    let Some(all) = Space::of(&rules[at], sets) else { return (None, Vec::new()) };
    // A tag that stands for nothing here leaves nothing to match (NSG-16).
    let mut rest: Vec<Space> = Some(all).filter(|space| !space.is_empty()).into_iter().collect();
    let mut by = Vec::new();
    for before in &rules[..at] {
        let Some(cut) = Space::of(before, sets).filter(|cut| !cut.is_empty()) else { continue };
        let next: Vec<Space> = rest.iter().flat_map(|piece| piece.minus(&cut)).collect();
        if next != rest {
            by.push(look.compiled.rule(before.ix).name.clone());
        }
        rest = next;
        if rest.is_empty() || rest.len() > PIECES_MAX {
            break;
        }
    }
    (Some(rest), by)
}

/// What a rule matches: addresses and ports of both sides, of one protocol or of all.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Space {
    protocol: Option<vnetsim_types::IpProtocol>,
    addresses: [AddrSet; 2],
    ports: [Ports; 2],
}

impl Space {
    /// `None` for a rule of which nobody knows what it matches.
    fn of(rule: &Rule, sets: &[AddrSet]) -> Option<Self> {
        let side = |addresses: Addresses| match addresses {
            Addresses::Any => Some(AddrSet::all()),
            Addresses::Set(set) => Some(sets[set as usize].clone()),
            Addresses::Ipv4Set(_) | Addresses::Unknown => None,
        };
        let addresses = [side(rule.source)?, side(rule.destination)?];
        let ports = [rule.source_ports.clone(), rule.destination_ports.clone()];
        (!rule.platform).then_some(Self { protocol: rule.protocol, addresses, ports })
    }

    fn is_empty(&self) -> bool {
        self.addresses.iter().any(AddrSet::is_empty)
    }

    /// What is left of it without `cut`, in pieces.
    fn minus(&self, cut: &Self) -> Vec<Self> {
        if cut.protocol.is_some() && cut.protocol != self.protocol {
            return vec![self.clone()];
        }
        let mut pieces = Vec::new();
        let mut core = self.clone();
        for side in 0..2 {
            let outside = core.addresses[side].minus(&cut.addresses[side]);
            let within = core.addresses[side].minus(&outside);
            if within.is_empty() {
                return vec![self.clone()];
            }
            if !outside.is_empty() {
                let mut piece = core.clone();
                piece.addresses[side] = outside;
                pieces.push(piece);
            }
            core.addresses[side] = within;
        }
        for side in 0..2 {
            if cut.ports[side].is_empty() {
                continue;
            }
            // U-14: packets without ports match open rules only, and no rule with ports covers them.
            if core.ports[side].is_empty() && !self.protocol.is_some_and(|p| p.has_ports()) {
                return vec![self.clone()];
            }
            let (within, outside) = split(&core.ports[side], &cut.ports[side]);
            if within.is_empty() {
                return vec![self.clone()];
            }
            if !outside.is_empty() {
                let mut piece = core.clone();
                piece.ports[side] = outside;
                pieces.push(piece);
            }
            core.ports[side] = within;
        }
        pieces
    }
}

/// Ranges of ports.
type Ports = Vec<(u16, u16)>;

/// The ports of `own` inside and outside of `cut`; an empty `own` is every port.
fn split(own: &[(u16, u16)], cut: &[(u16, u16)]) -> (Ports, Ports) {
    const ALL: (u16, u16) = (0, u16::MAX);
    let (mut within, mut outside) = (Vec::new(), if own.is_empty() { vec![ALL] } else { own.to_vec() });
    for (from, to) in cut {
        let mut next = Vec::new();
        for (a, b) in outside {
            let (low, high) = (a.max(*from), b.min(*to));
            if low > high {
                next.push((a, b));
                continue;
            }
            within.push((low, high));
            if a < low {
                next.push((a, low - 1));
            }
            if high < b {
                next.push((high + 1, b));
            }
        }
        outside = next;
    }
    (within, outside)
}

/// FAIL-21: a 0.0.0.0/0 to an appliance makes the tag everything.
fn wide_tags(look: &Look<'_>, dead: &Dead, found: &mut Vec<Finding>) {
    let network = look.network;
    for (ix, rules) in look.compiled.tables.acls.iter().enumerate() {
        let acl = look.compiled.acl(AclIx::new(ix));
        let members = &look.compiled.tags[acl.subnet.ix()].virtual_network;
        // A default route, or the two halves of one.
        let narrow: AddrSet = members.iter().copied().filter(|prefix| prefix.prefix_len() > 1).collect();
        let all: AddrSet = members.iter().copied().collect();
        let wide =
            all.ranges_v4() == AddrSet::all().ranges_v4() || all.ranges_v6() == AddrSet::all().ranges_v6();
        let named = uses_tag(look, acl.nsg);
        let admits = admits_strangers(look, &rules.inbound, &narrow);
        let decides = admits || !named.is_empty();
        if !wide || !decides {
            continue;
        }
        let (nsg, path) = (&network[acl.nsg], network.subnet_path(acl.subnet));
        let table = network[acl.subnet].route_table.as_ref().map(|table| &network[table.value]);
        let route = table.and_then(|t| {
            let default = |r: &&vnetsim_model::UserRoute| r.prefixes.iter().any(|p| p.prefix_len() <= 1);
            t.routes.iter().find(default).map(|route| (t, route))
        });
        let name = &nsg.name.value;
        let what = format!("at {path}, VirtualNetwork in {name} stands for every address");
        let mut finding =
            Finding::new(FindingCode::VnetTagIsAny, format!("{name} at {path}"), nsg.name.span, what);
        if let Some((table, route)) = route {
            let from = format!("{}/{}", table.name.value, route.name.value);
            finding = finding
                .because(format!(
                    "{from} of {path} leads everything to an appliance, and its prefix joins the tag (NSG-15)"
                ))
                .related(route.span, "widens the tag");
        }
        if admits {
            finding =
                finding.because("AllowVnetInBound admits whatever the appliance forwards, from any address");
        }
        for ((group, place), at) in dead {
            let here = at.iter().find(|(acl_ix, _)| acl_ix.ix() == ix);
            if let Some((_, by)) = here.filter(|_| *group == acl.nsg) {
                let rule = &nsg.rules[*place];
                let why = match by.is_empty() {
                    true => "its tag stands for no address here (NSG-16)".to_owned(),
                    false => format!("after {}", by.join(", ")),
                };
                let (name, priority) = (&rule.name.value, rule.priority);
                finding = finding.because(format!("rule {name} ({priority}) can never match here: {why}"));
            }
        }
        let fix = match named.is_empty() {
            true => format!("{name}: deny what must not come in, with address blocks, before 65000"),
            false => format!("{name}: write address blocks instead of the tags in {}", named.join(", ")),
        };
        found.push(finding.fix(fix));
    }
}

/// The default rule for the tag lets in what the tag without its widening would not.
fn admits_strangers(look: &Look<'_>, inbound: &RuleList, narrow: &AddrSet) -> bool {
    let is_default = |rule: &Rule| look.compiled.rule(rule.ix).name == "AllowVnetInBound";
    let Some(at) = inbound.rules().iter().position(is_default) else { return false };
    let (rest, _) = left_to(look, inbound, at);
    rest.is_some_and(|rest| rest.iter().any(|piece| !piece.addresses[0].minus(narrow).is_empty()))
}

/// Custom rules that name the tag, or the one that is its complement.
fn uses_tag(look: &Look<'_>, nsg: NsgId) -> Vec<String> {
    let is = |spec: &AddressSpec| matches!(spec, AddressSpec::Tag(tag) if tag == "VirtualNetwork" || tag == "Internet");
    let rules = look.network[nsg].rules.iter().filter(|r| is(&r.source) || is(&r.destination));
    rules.map(|rule| format!("{} ({})", rule.name.value, rule.priority)).collect()
}

/// Rules that can match nowhere.
fn never(look: &Look<'_>, dead: &Dead, found: &mut Vec<Finding>) {
    for ((nsg, place), at) in dead {
        let places =
            (0..look.compiled.tables.acls.len()).filter(|ix| look.compiled.acl(AclIx::new(*ix)).nsg == *nsg);
        if at.len() < places.count() {
            continue;
        }
        let group = &look.network[*nsg];
        let rule = &group.rules[*place];
        let path = format!("{}/{}", group.name.value, rule.name.value);
        let by = at.first().map(|(_, by)| by.as_slice()).unwrap_or_default();
        if by.is_empty() {
            let what =
                format!("rule {path} ({}) can never match: its tag stands for no address", rule.priority);
            let finding = Finding::new(FindingCode::RuleNeverMatches, &path, rule.span, what);
            found.push(finding.fix(format!("{path}: write address blocks instead of the tag")));
            continue;
        }
        let (verb, names) = (if by.len() == 1 { "matches" } else { "match" }, by.join(", "));
        let direction = if rule.direction == Direction::Inbound { "inbound" } else { "outbound" };
        let what = format!(
            "rule {path} ({}) can never match: {names} {verb} everything {direction} before it",
            rule.priority
        );
        found.push(
            Finding::new(FindingCode::RuleNeverMatches, &path, rule.span, what)
                .fix(format!("remove {path}, or give it a lower priority number than {names}")),
        );
    }
}
