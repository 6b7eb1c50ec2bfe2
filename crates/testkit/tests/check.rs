//! Checks and remedies on random networks: a rule that is called dead decides nothing, a flow that is said to die dies, and what
//! mends a flow mends it in the oracle's eyes too.

use std::net::IpAddr;

use proptest::{collection::vec, prelude::*};
use vnetsim_analysis::{check, edited, quick_fix};
use vnetsim_compile::compile;
use vnetsim_scenario::{Scenario, load};
use vnetsim_testkit::{
    End, NOT_COMPARED, RandomNetwork, compare, known_addresses, network, network_without, traffic_without,
};
use vnetsim_types::{AclIx, FileId, FindingCode, FlowKey, IpProtocol, Severity};

/// The network as its file says it.
fn scenario(random: &RandomNetwork) -> Scenario {
    let text = random.scenario();
    let loaded = load(text.as_bytes(), FileId(0));
    loaded.scenario.unwrap_or_else(|| panic!("{:#?}\n{text}", loaded.problems))
}

proptest! {
    /// The same network has the same findings, each with a remedy and the worst first.
    #[test]
    fn checks_end_and_agree_with_themselves(random in network()) {
        let scenario = scenario(&random);
        let checkup = check(&scenario);
        prop_assert_eq!(&checkup, &check(&scenario));
        let severities: Vec<Severity> = checkup.findings.iter().map(|finding| finding.severity).collect();
        prop_assert!(severities.is_sorted(), "{:?}", severities);
        for finding in &checkup.findings {
            prop_assert!(!finding.fix.is_empty() && !finding.what.is_empty(), "{:?}", finding);
        }
    }

    /// NSG-09: no packet's first match is a rule that can never match.
    #[test]
    fn dead_rules_decide_nothing(
        random in network(),
        numbers in vec(any::<u32>(), 6),
        ports in vec(any::<u16>(), 4),
    ) {
        let scenario = scenario(&random);
        let dead: Vec<String> = check(&scenario)
            .findings
            .into_iter()
            .filter(|finding| finding.code == FindingCode::RuleNeverMatches)
            .map(|finding| finding.object)
            .collect();
        if dead.is_empty() {
            return Ok(());
        }
        let compiled = compile(&scenario.network, 0);
        let others = numbers.iter().map(|n| IpAddr::from(n.to_be_bytes()));
        let all: Vec<IpAddr> = known_addresses(&random).into_iter().chain(others).collect();
        let protocols = [IpProtocol::TCP, IpProtocol::UDP, IpProtocol::ICMP, IpProtocol::ESP];
        let ports: Vec<u16> = ports.into_iter().chain([22, 53, 80, 443, 3389, 50_000]).collect();
        for (ix, acl) in compiled.tables.acls.iter().enumerate() {
            let nsg = &scenario.network[compiled.acl(AclIx::new(ix)).nsg].name.value;
            for list in [&acl.inbound, &acl.outbound] {
                for (src, dst) in all.iter().flat_map(|a| all.iter().map(move |b| (*a, *b))) {
                    for (protocol, dst_port) in protocols.iter().flat_map(|p| ports.iter().map(move |q| (*p, *q))) {
                        let key = FlowKey { protocol, src, dst, src_port: 50_000, dst_port };
                        let Some(first) = list.scan(&compiled.tables.sets, &key) else { continue };
                        let name = format!("{nsg}/{}", compiled.rule(first.ix).name);
                        prop_assert!(!dead.contains(&name), "{name} decided {key}");
                    }
                }
            }
        }
    }

    /// A remedy was played; the oracle, which shares no code with what played it, delivers as well.
    #[test]
    fn remedies_hold_for_the_oracle(
        random in network_without(NOT_COMPARED),
        plan in traffic_without(NOT_COMPARED),
    ) {
        let scenario = scenario(&random);
        let Some(traffic) = plan.traffic(&scenario.network) else { return Ok(()) };
        for repair in quick_fix(&scenario, &traffic).repairs {
            let mended = edited(&scenario, &repair.edits).expect("it was played");
            let story = compare(&mended.network, &traffic).map_err(TestCaseError::fail)?;
            let arrived = story.packets.iter().all(|packet| matches!(packet.end, Some(End::Delivered(..))));
            prop_assert!(arrived, "{:?}\n{story:#?}", repair.edits);
        }
    }
}
