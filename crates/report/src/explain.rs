//! `vnetsim explain`: what a reason code or a rule id means, offline.
//!
//! Reason codes come from the table in `types`; rules from `docs/semantics.md`, which is compiled in. A rule there
//! is a bullet `- **ID** text` or a table row `| ID | ... |`.

use vnetsim_model::did_you_mean;
use vnetsim_types::DropReason;

use crate::wrap::wrap;

const SEMANTICS: &str = include_str!("../../../docs/semantics.md");

/// Codes of problems with an input: code, what it means, what to do.
const PROBLEMS: &[(&str, &str, &str)] = &[
    (
        "ADDRESS_OUTSIDE_SUBNET",
        "A private address lies outside its subnet.",
        "Correct the address or the subnet.",
    ),
    (
        "ASG_ACROSS_VNETS",
        "Members of one application security group are in two virtual networks.",
        "Use one group per network (NSG-21).",
    ),
    ("BAD_NAME", "An object has an empty name.", "Name it."),
    ("BAD_NEXT_HOP_TYPE", "A user-defined route has a next hop type that cannot be set.", "See RT-10."),
    ("BAD_SUBNET_SIZE", "A subnet has a size that Azure does not allow.", "See ADDR-04."),
    (
        "BAD_VALUE",
        "A property has a value of the right kind that cannot be.",
        "The message says what can be.",
    ),
    ("CANNOT_READ", "The file cannot be opened or read.", "Check its name and its permissions."),
    ("CONFLICTING_PROPERTIES", "Two properties exclude each other.", "Keep one of them."),
    ("DUPLICATE_ADDRESS", "One address has two owners.", "Give one of them another address (ADDR-06)."),
    (
        "DUPLICATE_KEY",
        "A mapping names the same property twice.",
        "Remove one; YAML would silently keep one of them.",
    ),
    ("DUPLICATE_NAME", "Two objects of one kind have the same name.", "Rename one; case does not count."),
    ("DUPLICATE_PREFIX", "Two routes of one table have the same prefix.", "Remove one (RT-09)."),
    ("DUPLICATE_PRIORITY", "Two rules have the same priority and direction.", "Change one (NSG-03)."),
    ("EMPTY_FILE", "The file says nothing.", "A scenario has at least `network`."),
    ("FORBIDDEN_ADDRESS_SPACE", "An address space touches a block that Azure reserves.", "See ADDR-01."),
    ("HOST_BITS", "A prefix has bits set behind its length.", "Write the network address."),
    ("MISSING_PROPERTY", "A property that must be there is not.", "Add it."),
    ("NIC_ATTACHED_TWICE", "Two machines have the same network interface.", "Give each its own."),
    (
        "NOT_MODELLED",
        "vnetsim does not model this; going on would give wrong answers.",
        "See docs/limitations.md.",
    ),
    ("NOT_UTF8", "The file is not UTF-8 text.", "Save it as UTF-8."),
    ("NO_GATEWAY_SUBNET", "A gateway's network has no subnet called GatewaySubnet.", "Add it (GW-01)."),
    (
        "OVERLAPPING_ADDRESS_SPACE",
        "Two blocks of one virtual network overlap.",
        "Blocks are disjoint (ADDR-03).",
    ),
    ("OVERLAPPING_SUBNETS", "Two subnets overlap.", "Change one (ADDR-04)."),
    ("OVER_LIMIT", "There is more of something than Azure allows.", "The message names the limit."),
    (
        "RESERVED_ADDRESS",
        "An address is one of the five that Azure keeps in each subnet.",
        "Take another (ADDR-05).",
    ),
    ("SUBNET_FULL", "A subnet has no address left.", "Give it a larger prefix."),
    ("SUBNET_OUTSIDE_VNET", "A subnet lies outside its network's address space.", "Correct one of the two."),
    ("TOO_DEEP", "The file is nested too deeply.", "No scenario needs so many levels."),
    ("TOO_LARGE", "The file is too large, or says too much.", "Split it."),
    ("TWO_GATEWAYS", "A virtual network has two gateways of one type.", "At most one of each (GW-01)."),
    (
        "TWO_SUBNETS",
        "A network interface sits in two subnets.",
        "All its ipConfigurations share one (ADDR-13).",
    ),
    (
        "UNKNOWN_PROPERTY",
        "A property is not one that vnetsim reads.",
        "Inside network it is ignored with a warning; check the spelling.",
    ),
    ("UNKNOWN_REFERENCE", "A name leads nowhere.", "Correct it, or add the object."),
    (
        "UNKNOWN_SERVICE_TAG",
        "The prefixes of a service tag are not known.",
        "List them under network.serviceTags.",
    ),
    ("WRONG_TYPE", "A property has the wrong kind of value.", "The message says which kind is expected."),
    ("YAML_SYNTAX", "The file is not well-formed YAML.", "See the marked place."),
];

/// Codes of Azure's control plane, as PEER-42 lists them: code and meaning.
const REFUSALS: &[(&str, &str)] = &[
    (
        "AllowGatewayTransitRequired",
        "useRemoteGateways needs allowGatewayTransit on the opposite link first (PEER-09, FE-14).",
    ),
    ("AnotherLinkUsesRemoteGateways", "A network borrows at most one gateway (PEER-09)."),
    ("AnotherPeeringAlreadyReferencesRemoteVnet", "A network has at most one link to another (PEER-01)."),
    (
        "RemotePeeringIsDisconnected",
        "The opposite link is Disconnected; delete or update it first (PEER-03).",
    ),
    ("RemoteVnetHasNoGateways", "There is no gateway to borrow (PEER-09)."),
    ("ResourceNotFound", "The object of the operation does not exist."),
    ("VnetAddressSpaceOverlapsWithAlreadyPeeredVnet", "All peers of one network must be disjoint (PEER-13)."),
    ("VnetAddressSpacesOverlap", "Peered networks must be disjoint (PEER-12)."),
    ("VnetHasOwnGateway", "A network that has a gateway cannot borrow one (PEER-09)."),
];

/// The meaning of `topic`: a reason code, the code of a problem or a refusal, a rule id (`PEER-08`), a statement (`S15`), a disputed point (`U-02`),
/// a vector (`V-05`). `None` when there is no such thing.
pub fn explain(topic: &str) -> Option<String> {
    if let Ok(reason) = topic.parse::<DropReason>() {
        return Some(reason_text(reason));
    }
    if let Some((code, what, remedy)) = PROBLEMS.iter().find(|(code, ..)| code.eq_ignore_ascii_case(topic)) {
        return Some(format!("{code}\n\n{}{}", wrap("  ", what, 2), wrap("  Fix: ", remedy, 7)));
    }
    if let Some((code, what)) = REFUSALS.iter().find(|(code, _)| code.eq_ignore_ascii_case(topic)) {
        return Some(format!("{code}\n\n{}", wrap("  ", what, 2)));
    }
    rule_text(topic)
}

/// The nearest topic to a mistyped one.
pub fn topics_like(topic: &str) -> Option<String> {
    let codes = DropReason::ALL.iter().map(|r| r.code());
    let rules = SEMANTICS.lines().filter_map(rule_id);
    let problems = PROBLEMS.iter().map(|(code, ..)| *code).chain(REFUSALS.iter().map(|(code, _)| *code));
    did_you_mean(topic, codes.chain(problems).chain(rules)).map(str::to_owned)
}

fn reason_text(reason: DropReason) -> String {
    let mut out = format!("{}  ({})\n\n", reason.code(), reason.name());
    out.push_str(&wrap("  ", reason.sentence(), 2));
    out.push_str(&wrap("  Fix: ", reason.hint(), 7));
    if let Some(rule) = rule_text(reason.rule()) {
        out.push('\n');
        out.push_str(&rule);
    }
    out
}

fn rule_text(id: &str) -> Option<String> {
    let lines: Vec<&str> = SEMANTICS.lines().collect();
    let at =
        lines.iter().position(|line| rule_id(line).is_some_and(|other| other.eq_ignore_ascii_case(id)))?;
    let id = rule_id(lines[at])?;
    if lines[at].starts_with('|') {
        let header =
            lines[..at].iter().rev().skip_while(|l| !l.starts_with("|--") && !l.starts_with("|---")).nth(1);
        return Some(row_text(id, lines[at], header.copied()));
    }
    let mut out = format!("{id}\n\n");
    let text = lines[at].trim_start_matches("- ").trim_start_matches(&format!("**{id}**")).trim();
    out.push_str(&wrap("  ", text, 2));
    // What belongs to the bullet: indented lines, and a table or listing right below.
    let rest = &lines[at + 1..];
    let until = rest.iter().position(|l| l.starts_with("- **") || l.starts_with('#')).unwrap_or(rest.len());
    for line in &rest[..until] {
        if line.starts_with('|') || line.starts_with('{') || line.trim().is_empty() {
            out.push_str(line.trim_end());
            out.push('\n');
        } else {
            out.push_str(&wrap("  ", line.trim(), 2));
        }
    }
    Some(format!("{}\n", out.trim_end()))
}

fn row_text(id: &str, row: &str, header: Option<&str>) -> String {
    let cells =
        |line: &str| line.trim_matches('|').split('|').map(|c| c.trim().to_owned()).collect::<Vec<_>>();
    let names = header.map(cells).unwrap_or_default();
    let mut out = format!("{id}\n\n");
    for (column, cell) in cells(row).into_iter().enumerate().skip(1) {
        let name = names.get(column).map_or_else(String::new, |n| format!("{n}: "));
        out.push_str(&wrap(&format!("  {name}"), &cell, 4));
    }
    out
}

/// Every rule, statement, vector and point of the document, in its order.
pub(crate) fn rule_ids() -> Vec<&'static str> {
    let mut ids: Vec<&str> = Vec::new();
    for id in SEMANTICS.lines().filter_map(rule_id) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

/// The id that a line defines.
fn rule_id(line: &str) -> Option<&str> {
    let id = match line.strip_prefix("- **") {
        Some(rest) => rest.split_once("**")?.0,
        None => line.strip_prefix("| ")?.split_once(" |")?.0,
    };
    let known = id.split_once('-').is_some_and(|(family, number)| {
        family.chars().all(|c| c.is_ascii_uppercase()) && number.starts_with(|c: char| c.is_ascii_digit())
    });
    let statement =
        id.strip_prefix('S').is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()));
    (known || statement).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_names_a_rule_that_is_there() {
        for reason in DropReason::ALL {
            assert!(rule_text(reason.rule()).is_some(), "{reason} cites {}", reason.rule());
        }
    }

    /// Every code that the sources give to a problem or a refusal is explained, and nothing else is.
    #[test]
    fn codes_in_the_sources_are_the_codes_explained() {
        let mut used = std::collections::BTreeSet::new();
        for room in ["model", "scenario", "cli"] {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(room).join("src");
            collect(&folder, &mut used);
        }
        let known = PROBLEMS.iter().map(|(code, ..)| *code).chain(REFUSALS.iter().map(|(code, _)| *code));
        let known: std::collections::BTreeSet<String> = known.map(str::to_owned).collect();
        let missing: Vec<_> = used.difference(&known).collect();
        assert!(missing.is_empty(), "not explained: {missing:?}");
        let stale: Vec<_> = known.iter().filter(|code| !used.contains(*code)).collect();
        assert!(stale.is_empty(), "explained, but nowhere used: {stale:?}");
    }

    /// Codes are the string literals in capitals, and the literals that a refusal carries.
    fn collect(folder: &std::path::Path, used: &mut std::collections::BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                collect(&path, used);
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a source");
            for literal in text.split('"').skip(1).step_by(2) {
                let capitals = literal.len() > 4
                    && literal.contains('_')
                    && literal.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit());
                let refusal = REFUSALS.iter().any(|(code, _)| *code == literal);
                let computed =
                    ["VIRTUAL_NETWORK", "AZURE_LOADBALANCER", "CARGO_MANIFEST_DIR"].contains(&literal);
                if (capitals || refusal) && !computed {
                    used.insert(literal.to_owned());
                }
            }
        }
    }

    #[test]
    fn bullets_rows_and_near_misses() {
        assert!(explain("peer-08").is_some_and(|t| t.contains("forwarded :=")));
        assert!(explain("S15").is_some_and(|t| t.contains("never transitive")));
        assert!(explain("U-02").is_some());
        assert!(explain("NSG_DENY").is_some());
        assert_eq!(explain("PEER-999"), None);
        assert_eq!(topics_like("ROUTE_NON").as_deref(), Some("ROUTE_NONE"));
    }
}
