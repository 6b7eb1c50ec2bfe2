//! IP flow verify: what the NSGs of one NIC say about a five-tuple, and nothing else (DIAG-05); with the rules tried, what
//! NSG diagnostics say (DIAG-06).

use vnetsim_compile::{Compiled, NsgAnswer, RuleField};
use vnetsim_types::{Direction, FlowKey, NicId, RuleIx};

/// What `az network watcher test-ip-flow` answers, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IpFlow {
    /// `access`: Allow or Deny.
    pub allowed: bool,
    /// False when the rule that decides names a tag that nobody described (NSG-18).
    pub known: bool,
    /// `ruleName` (NSG-31): the rule that denies, or that of the last NSG asked; empty without any NSG (U-21).
    pub rule: String,
    /// The NSGs that were asked, in order; the last one decided.
    pub asked: Vec<AskedNsg>,
}

/// An NSG that was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AskedNsg {
    /// Its answer.
    pub answer: NsgAnswer,
    /// The rules before the one that matched.
    pub missed: Vec<MissedRule>,
}

/// A rule that does not match.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MissedRule {
    /// Which.
    pub rule: RuleIx,
    /// The fields that differ.
    pub fields: Vec<RuleField>,
}

/// Asks the NSGs of `nic` about the first packet of a connection. Routes, peerings and guests are not asked.
pub fn ip_flow(compiled: &Compiled, nic: NicId, direction: Direction, key: &FlowKey) -> IpFlow {
    let answers = compiled.ask_nsgs(nic, direction, key);
    let last = answers.last().copied();
    let missed = |answer: &NsgAnswer| {
        let before = compiled.rules_before(answer.acl, direction, key, answer.rule);
        before.into_iter().map(|(rule, fields)| MissedRule { rule, fields }).collect()
    };
    let asked = answers.iter().map(|answer| AskedNsg { answer: *answer, missed: missed(answer) }).collect();
    IpFlow {
        allowed: last.is_none_or(|answer| answer.allowed),
        known: last.is_none_or(|answer| answer.known),
        rule: last.map_or_else(String::new, |answer| rule_path(compiled, answer.rule)),
        asked,
    }
}

/// NSG-31: `securityRules/...` or `defaultSecurityRules/...`.
pub fn rule_path(compiled: &Compiled, rule: RuleIx) -> String {
    let about = compiled.rule(rule);
    let group = if about.custom.is_some() { "securityRules" } else { "defaultSecurityRules" };
    format!("{group}/{}", about.name)
}

/// NSG-31: `UserRule_...` or `DefaultRule_...`, as connection troubleshoot and NSG diagnostics call rules.
pub fn rule_of_diagnostics(compiled: &Compiled, rule: RuleIx) -> String {
    let about = compiled.rule(rule);
    let group = if about.custom.is_some() { "UserRule" } else { "DefaultRule" };
    format!("{group}_{}", about.name)
}
