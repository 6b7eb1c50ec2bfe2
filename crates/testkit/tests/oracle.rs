//! The real pipeline against the oracle, on random networks.

use std::net::IpAddr;

use proptest::{collection::vec, prelude::*};
use vnetsim_compile::compile;
use vnetsim_model::OperationKind;
use vnetsim_testkit::{
    NOT_COMPARED, RandomNetwork, TrafficPlan, boundary_addresses, compare, compare_choice, compare_nsg,
    compare_routes, known_addresses, network_without, traffic_without,
};
use vnetsim_types::{Direction, FlowKey, IpProtocol, NicId, SubnetId};

fn network() -> impl Strategy<Value = RandomNetwork> {
    network_without(NOT_COMPARED)
}

fn traffic() -> impl Strategy<Value = TrafficPlan> {
    traffic_without(NOT_COMPARED)
}

fn address(random: &RandomNetwork, number: u32) -> IpAddr {
    let known = known_addresses(random);
    match number % 8 {
        0 => IpAddr::from(number.to_be_bytes()),
        _ => known[(number / 8) as usize % known.len()],
    }
}

proptest! {
    /// RT-01 to RT-14, FE-01 to FE-08.
    #[test]
    fn effective_routes_agree(random in network()) {
        let compiled = compile(&random.network, 0);
        for ix in 0..random.network.subnets().len() {
            compare_routes(&random.network, &compiled, SubnetId::new(ix))
                .map_err(TestCaseError::fail)?;
        }
    }

    /// RT-11, RT-12: random addresses, and every edge of every prefix.
    #[test]
    fn route_choices_agree(random in network(), addresses in vec(any::<u32>(), 16)) {
        let compiled = compile(&random.network, 0);
        for ix in 0..random.network.subnets().len() {
            let subnet = SubnetId::new(ix);
            let mut all = boundary_addresses(&compiled, subnet);
            all.extend(addresses.iter().map(|number| address(&random, *number)));
            for dst in all {
                compare_choice(&random.network, &compiled, subnet, dst).map_err(TestCaseError::fail)?;
            }
        }
    }

    /// Part 4: random five-tuples at every NIC, both directions.
    #[test]
    fn nsg_verdicts_agree(
        random in network(),
        keys in vec((any::<u32>(), any::<u32>(), 0..3_u8, 0..4_usize), 8),
    ) {
        let compiled = compile(&random.network, 0);
        for (src, dst, protocol, port) in keys {
            let (src, dst) = (address(&random, src), address(&random, dst));
            if src.is_ipv4() != dst.is_ipv4() {
                continue;
            }
            let icmp = if src.is_ipv4() { IpProtocol::ICMP } else { IpProtocol::ICMPV6 };
            let protocol = [IpProtocol::TCP, IpProtocol::UDP, icmp][usize::from(protocol)];
            let dst_port = if protocol.is_icmp() { 50_000 } else { [443, 53, 22, 8_080][port] };
            let key = FlowKey { protocol, src, dst, src_port: 50_000, dst_port };
            for ix in 0..random.network.nics().len() {
                for direction in [Direction::Inbound, Direction::Outbound] {
                    compare_nsg(&random.network, &compiled, NicId::new(ix), direction, &key)
                        .map_err(TestCaseError::fail)?;
                }
            }
        }
    }

    /// Part 11 from end to end.
    #[test]
    fn conversations_agree(random in network(), plans in vec(traffic(), 12)) {
        for plan in plans {
            if let Some(traffic) = plan.traffic(&random.network) {
                compare(&random.network, &traffic).map_err(|what| {
                    let scenario = random.scenario_with(&traffic);
                    TestCaseError::fail(format!("{what}\n{scenario}"))
                })?;
            }
        }
    }

    /// The same while some gateways are down.
    #[test]
    fn networks_without_some_gateways_agree(
        random in network(),
        down in any::<u8>(),
        plans in vec(traffic(), 6),
    ) {
        let mut network = random.network.clone();
        let gateways: Vec<_> = network.gateways().iter().map(|gateway| gateway.name.clone()).collect();
        for (_, name) in gateways.into_iter().enumerate().filter(|(ix, _)| down >> (ix % 8) & 1 == 1) {
            // A deleted one has no name any more.
            let _ = network.apply(&OperationKind::SetGatewayRunning(name, false).into());
        }
        let compiled = compile(&network, 0);
        for ix in 0..network.subnets().len() {
            compare_routes(&network, &compiled, SubnetId::new(ix)).map_err(TestCaseError::fail)?;
        }
        for traffic in plans.iter().filter_map(|plan| plan.traffic(&network)) {
            compare(&network, &traffic).map_err(|what| {
                let scenario = random.scenario_with(&traffic);
                TestCaseError::fail(format!("gateways down {down:08b}: {what}\n{scenario}"))
            })?;
        }
    }
}
