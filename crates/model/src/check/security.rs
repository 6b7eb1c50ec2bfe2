//! Network security groups.

use vnetsim_types::{At, Direction, IpNet, Problem};

use super::Checker;
use crate::{
    AddressSpec, Nsg, PortRange, RuleProtocol, SecurityRule,
    draft::{self, Draft},
    limits::RULE_PRIORITIES,
};

/// Tags whose meaning the compiler computes, in the usual and the classic spelling (NSG-18).
const COMPUTED_TAGS: &[(&str, &str)] = &[
    ("virtualnetwork", "VirtualNetwork"),
    ("virtual_network", "VirtualNetwork"),
    ("internet", "Internet"),
    ("azureloadbalancer", "AzureLoadBalancer"),
    ("azure_loadbalancer", "AzureLoadBalancer"),
];

/// NSG-02: characters in the name of a rule.
const RULE_NAME_MAX: usize = 80;

/// Tags of the platform's own services (NSG-22). Their addresses are fixed, and nobody needs to say them.
const PLATFORM_TAGS: &[&str] = &["AzurePlatformDNS", "AzurePlatformIMDS", "AzurePlatformLKM"];

impl Checker {
    pub(super) fn nsgs(&mut self, draft: &Draft) {
        for nsg in &draft.network_security_groups {
            self.unique_rules(nsg);
            let mut rules: Vec<_> = nsg.security_rules.iter().filter_map(|rule| self.rule(rule)).collect();
            self.rule_limits(&nsg.name, &rules);
            rules.sort_by_key(|rule| (rule.direction, rule.priority));
            self.network.nsgs.push(Nsg { name: nsg.name.clone(), rules });
        }
    }

    pub(crate) fn rule(&mut self, rule: &draft::SecurityRule) -> Option<SecurityRule> {
        let priority = u16::try_from(rule.priority.value).ok().filter(|p| RULE_PRIORITIES.contains(p));
        if priority.is_none() {
            let what = format!("rule `{}` has priority {}", rule.name.value, rule.priority.value);
            self.problem(
                Problem::error("BAD_VALUE", rule.priority.span, what)
                    .help("priorities go from 100 to 4096 (NSG-02)"),
            );
        }
        self.rule_name(&rule.name);
        if !matches!(rule.protocol.value, RuleProtocol::Any | RuleProtocol::Tcp | RuleProtocol::Udp) {
            let what = format!("rule `{}` has protocol {}", rule.name.value, rule.protocol.value.text());
            self.only_modern(rule.protocol.span, what, "ERA-12");
        }
        let (source, source_ports) = self.side(rule, &rule.source);
        let (destination, destination_ports) = self.side(rule, &rule.destination);
        Some(SecurityRule {
            name: rule.name.clone(),
            priority: priority?,
            direction: rule.direction.value,
            access: rule.access.value,
            protocol: rule.protocol.value,
            source: source?,
            source_ports,
            destination: destination?,
            destination_ports,
            span: rule.span,
        })
    }

    /// NSG-02.
    fn rule_name(&mut self, name: &At<String>) {
        let word = |c: char| c.is_ascii_alphanumeric();
        let text = &name.value;
        let good = text.starts_with(word)
            && text.ends_with(|c| word(c) || c == '_')
            && text.chars().all(|c| word(c) || matches!(c, '.' | '_' | '-'));
        if !good || text.len() > RULE_NAME_MAX {
            let what = format!("a security rule cannot be called `{text}`");
            self.problem(Problem::error("BAD_NAME", name.span, what).help(
                "up to 80 letters, digits, `.`, `_` and `-`, a letter or digit first, no `.` or `-` last (NSG-02)",
            ));
        }
    }

    fn side(
        &mut self,
        rule: &draft::SecurityRule,
        side: &draft::RuleSide,
    ) -> (Option<AddressSpec>, Vec<PortRange>) {
        let mut ports: Vec<_> = side.port_ranges.iter().filter_map(|text| self.port_range(text)).collect();
        if side.port_ranges.is_empty() {
            ports.push(PortRange::ANY);
        }
        (self.addresses(rule, side), ports)
    }

    fn addresses(&mut self, rule: &draft::SecurityRule, side: &draft::RuleSide) -> Option<AddressSpec> {
        if !side.application_security_groups.is_empty() {
            if let Some(first) = side.prefixes.first() {
                let what =
                    format!("rule `{}` names addresses and application security groups", rule.name.value);
                self.problem(
                    Problem::error("CONFLICTING_PROPERTIES", first.span, what)
                        .help("one side of a rule takes either prefixes or groups (NSG-02)"),
                );
            }
            let groups = &side.application_security_groups;
            let ids =
                groups.iter().filter_map(|n| self.look_up("application security group", n, |x| &x.asgs));
            let ids: Vec<_> = ids.collect();
            return (ids.len() == groups.len()).then_some(AddressSpec::Asgs(ids));
        }
        match side.prefixes.as_slice() {
            [] => Some(AddressSpec::Any),
            [one] if matches!(one.value.trim(), "*" | "any" | "Any") => Some(AddressSpec::Any),
            [one] if self.prefix_of(one).is_none() => self.tag(one),
            many => {
                let (limit, count) = (&self.limits().prefixes_per_rule_side, many.len());
                let what = || format!("rule `{}` has {count} prefixes on one side", rule.name.value);
                self.at_most(limit, count, rule.name.span, what);
                self.prefix_list(many)
            }
        }
    }

    fn prefix_list(&mut self, many: &[At<String>]) -> Option<AddressSpec> {
        let mut nets = Vec::with_capacity(many.len());
        for text in many {
            match self.prefix_of(text) {
                Some(_) => nets.push(self.block(text).or_else(|| self.prefix_of(text))?),
                None => {
                    let what = format!("`{}` is not an address or block", text.value);
                    self.problem(
                        Problem::error("BAD_VALUE", text.span, what).help(
                            "a list holds addresses and blocks only; a service tag stands alone (NSG-04)",
                        ),
                    );
                }
            }
        }
        (nets.len() == many.len()).then_some(AddressSpec::Prefixes(nets))
    }

    /// `text` as a block; a bare address is a block of one.
    fn prefix_of(&self, text: &At<String>) -> Option<IpNet> {
        let text = text.value.trim();
        text.parse::<IpNet>().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from))
    }

    fn tag(&mut self, written: &At<String>) -> Option<AddressSpec> {
        let text = written.value.trim();
        let lower = text.to_ascii_lowercase();
        if let Some((_, name)) = COMPUTED_TAGS.iter().find(|(spelling, _)| *spelling == lower) {
            return Some(AddressSpec::Tag((*name).to_owned()));
        }
        if let Some(name) = PLATFORM_TAGS.iter().find(|name| name.eq_ignore_ascii_case(text)) {
            return Some(AddressSpec::Tag((*name).to_owned()));
        }
        if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let what = format!("`{text}` is neither an address, a block nor a service tag");
            self.problem(
                Problem::error("BAD_VALUE", written.span, what)
                    .help("write it like 10.20.0.0/16, or a tag, or *"),
            );
            return None;
        }
        if self.network.service_tag(text).is_none() {
            let what = format!("the prefixes of service tag `{text}` are not known");
            self.problem(
                Problem::warning("UNKNOWN_SERVICE_TAG", written.span, what).help(
                    "list them under network.serviceTags; a packet that this rule decides ends as INSUFFICIENT_INPUT",
                ),
            );
        }
        Some(AddressSpec::Tag(text.to_owned()))
    }

    fn port_range(&mut self, written: &At<String>) -> Option<PortRange> {
        let text = written.value.trim();
        if text == "*" {
            return Some(PortRange::ANY);
        }
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        match (from.trim().parse(), to.trim().parse()) {
            (Ok(from), Ok(to)) if from <= to => Some(PortRange { from, to }),
            _ => {
                let what = format!("`{text}` is not a port range");
                self.problem(
                    Problem::error("BAD_VALUE", written.span, what)
                        .help("write *, a port such as 443, or 8000-8080"),
                );
                None
            }
        }
    }

    /// NSG-02, NSG-03: names are unique, and priorities are per direction.
    fn unique_rules(&mut self, nsg: &draft::NetworkSecurityGroup) {
        self.unique_names("rule", &nsg.name.value, nsg.security_rules.iter().map(|rule| &rule.name));
        let mut seen_priorities = std::collections::BTreeMap::new();
        for rule in &nsg.security_rules {
            let inbound = rule.direction.value == Direction::Inbound;
            if let Some(first) = seen_priorities.insert((inbound, rule.priority.value), rule.priority.span) {
                let what = format!(
                    "two rules of `{}` have priority {} and the same direction",
                    nsg.name.value, rule.priority.value
                );
                self.problem(
                    Problem::error("DUPLICATE_PRIORITY", rule.priority.span, what)
                        .related(first, "first one here")
                        .help("priorities are unique per direction (NSG-03)"),
                );
            }
        }
    }
}
