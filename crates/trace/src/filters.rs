//! A packet that an NSG dropped or could not judge: the rule, those that nearly matched, tags that nobody described.

use vnetsim_types::{Direction, DropReason, NsgLevel, Place, Span, Step, SubnetId};

use vnetsim_compile::RuleField;

use crate::{
    diagnose::{Case, Finding},
    explain::list,
    tags::{tag_without, tag_words},
};

/// Rules that nearly allowed a packet, shown of many.
const NEAR_MISSES_MAX: usize = 3;

impl Case<'_> {
    pub(crate) fn nsg(&self) -> Finding {
        let rule = self.packet.steps.iter().rev().find_map(|(_, step)| match *step {
            Step::Nsg { at, direction, level, acl, rule, .. } => Some((at, direction, level, acl, rule)),
            _ => None,
        });
        let closed = matches!(self.packet.steps.iter().rev().nth(1), Some((_, Step::NoNsg { .. })));
        if closed && self.packet.drop().is_some_and(|(_, reason)| reason == DropReason::NsgDeny) {
            return self.closed_balancer();
        }
        let Some((at, direction, level, acl_ix, rule)) = rule else { return self.unmodelled() };
        let compiled = self.explainer.at(self.now);
        let (info, acl) = (compiled.rule(rule), compiled.acl(acl_ix));
        let nsg = &self.network[acl.nsg];
        let way = if direction == Direction::Inbound { "inbound" } else { "outbound" };
        let mut finding = Finding {
            object: format!(
                "NSG {} on {}: {way} rule {} ({})",
                nsg.name.value,
                match level {
                    NsgLevel::Nic => format!("NIC {}", self.explainer.filter_point(at)),
                    NsgLevel::Subnet => format!("the subnet of {}", self.explainer.filter_point(at)),
                },
                info.name,
                info.priority
            ),
            span: if info.custom.is_some() { info.span } else { self.association(at, level) },
            ..Finding::default()
        };
        let tags: Vec<&str> = compiled.unknown_tags(acl_ix, direction, rule, &self.key).collect();
        if !tags.is_empty() {
            self.unknown_tags(&mut finding, &tags);
            return finding;
        }
        for (near, field) in
            compiled.near_misses(acl_ix, direction, &self.key).into_iter().take(NEAR_MISSES_MAX)
        {
            let near = compiled.rule(near);
            let why = self.missed_by(field);
            let side = match field {
                RuleField::Source => Some(("sourceAddressPrefix", &near.source, self.key.src)),
                RuleField::Destination => Some(("destinationAddressPrefix", &near.destination, self.key.dst)),
                _ => None,
            };
            let tag = side.and_then(|(property, tag, ip)| {
                Some((property, ip, tag_without(self.network, acl.subnet, tag, ip)?))
            });
            if let Some((property, ip, emptied)) = tag {
                finding.because.push(format!(
                    "rule {} ({}) would allow it, but for its tag. {emptied}; {property} \"*\" or a prefix with {ip} \
                     would match",
                    near.name, near.priority
                ));
                finding.fix.push(format!(
                    "{}/{}: {property} \"*\", or a prefix with {ip}, in place of Internet",
                    nsg.name.value, near.name
                ));
                continue;
            }
            finding
                .because
                .push(format!("rule {} ({}) would allow it, but not {why}", near.name, near.priority));
        }
        if info.custom.is_none() && info.name.starts_with("DenyAll") {
            finding.because.extend(self.why_default_deny(acl.subnet));
        }
        let sides = [(&info.source, self.key.src), (&info.destination, self.key.dst)];
        let wide = sides.iter().find(|(tag, _)| *tag == "VirtualNetwork" && info.custom.is_some());
        if let Some((tag, ip)) = wide
            && let Some(words) =
                tag_words(self.network, compiled, acl.subnet, tag).filter(|w| w.contains("every address"))
        {
            finding.because.push(format!("{ip} is VirtualNetwork here: {words}"));
        }
        let ports = if self.key.protocol.has_ports() {
            format!(" port {}", self.key.dst_port)
        } else {
            String::new()
        };
        let or = if finding.fix.is_empty() { "" } else { "or " };
        finding.fix.push(format!(
            "{or}{}: add an {way} Allow rule, priority below {}: {} from {} to {}{ports}",
            nsg.name.value, info.priority, self.key.protocol, self.key.src, self.key.dst
        ));
        finding
    }

    /// NSG-18: whether the rule matches hangs on tags that nobody described.
    fn unknown_tags(&self, finding: &mut Finding, tags: &[&str]) {
        let family = if self.key.dst.is_ipv6() { "IPv6 " } else { "" };
        for tag in tags {
            let known = self.network.service_tag(tag).is_some();
            let what = if known { format!("{family}prefixes") } else { "prefixes".to_owned() };
            finding
                .because
                .push(format!("the rule names service tag {tag}, of which no {what} are known here"));
            finding.fix.push(format!("list the prefixes of {tag} under network.serviceTags"));
        }
    }

    /// What a rule that nearly matched does not cover.
    fn missed_by(&self, field: RuleField) -> String {
        match field {
            RuleField::Protocol => format!("{}", self.key.protocol),
            RuleField::Source => format!("from {}", self.key.src),
            RuleField::Destination => format!("to {}", self.key.dst),
            RuleField::SourcePorts | RuleField::DestinationPorts if !self.key.protocol.has_ports() => {
                format!(
                    "{}: it has no ports, and only a rule for all ports matches it (U-14)",
                    self.key.protocol
                )
            }
            RuleField::SourcePorts => format!("from port {}", self.key.src_port),
            RuleField::DestinationPorts => format!("to port {}", self.key.dst_port),
        }
    }

    fn association(&self, at: Place, level: NsgLevel) -> Span {
        let nsg = match (at, level) {
            (Place::Nic(nic), NsgLevel::Nic) => &self.network[nic].nsg,
            (Place::Nic(nic), NsgLevel::Subnet) => &self.network[self.network[nic].subnet].nsg,
            (Place::PrivateEndpoint(id), _) => &self.network[self.network[id].subnet].nsg,
            _ => return Span::default(),
        };
        nsg.as_ref().map_or(Span::default(), |at| at.span)
    }

    /// Which address is outside `VirtualNetwork`, and what the tag is here (NSG-08, NSG-15).
    fn why_default_deny(&self, subnet: SubnetId) -> Option<String> {
        let tag = &self.explainer.at(self.now).tags[subnet.ix()].virtual_network;
        let outside = |ip: &std::net::IpAddr| !tag.iter().any(|p| p.contains(ip));
        let who: Vec<String> =
            [self.key.src, self.key.dst].iter().filter(|ip| outside(ip)).map(ToString::to_string).collect();
        let path = self.network.subnet_path(subnet);
        let outside =
            format!("{} not in VirtualNetwork, which is {} at {path}", who.join(" and "), list(tag));
        (!who.is_empty()).then(|| format!("no Allow rule matched; {outside}"))
    }
}
