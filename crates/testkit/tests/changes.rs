//! What must hold when a network changes: refusals, deleted links, timelines.

use proptest::{collection::vec, prelude::*};
use vnetsim_compile::{Compiled, RouteOrigin, compile};
use vnetsim_dataplane::NextHop;
use vnetsim_model::{Network, Operation, OperationKind, Traffic};
use vnetsim_sim::{Change, Report, run};
use vnetsim_testkit::{OperationPlan, RandomNetwork, TrafficPlan, network, operation, traffic};
use vnetsim_trace::TraceObserver;
use vnetsim_types::{NoObserver, PeeringId, SimTime, Span, SubnetId, VnetId};

/// Rows of `subnet` that lead over `link`, or to what only a peering with `lender` reaches.
fn rows_by(
    compiled: &Compiled,
    network: &Network,
    subnet: SubnetId,
    link: PeeringId,
    lender: VnetId,
) -> usize {
    let rows = compiled.effective_routes(subnet).filter(|(_, row)| match row.origin {
        RouteOrigin::Peering(id) => id == link,
        RouteOrigin::Gateway(gateway) => network[gateway].vnet == lender,
        RouteOrigin::RouteServer(server, _) => network[server].vnet == lender,
        RouteOrigin::PrivateEndpoint(endpoint) => network[endpoint].vnet == lender,
        _ => matches!(row.next_hop, NextHop::Peering { remote, .. } if remote == lender),
    });
    rows.count()
}

/// Everything about `network`, as text.
fn all_of(network: &Network) -> String {
    format!("{network:?}")
}

/// Some conversations, spread over the time in which the timeline happens.
fn spread(random: &RandomNetwork, plans: &[TrafficPlan]) -> Vec<Traffic> {
    let made = plans.iter().filter_map(|plan| plan.traffic(&random.network)).enumerate();
    made.map(|(ix, traffic)| Traffic {
        name: format!("t{ix}").into(),
        start: SimTime::from_millis(ix as u64),
        interval: SimTime::from_millis(7),
        count: 4,
        ..traffic
    })
    .collect()
}

/// What the plans mean one after the other, each where the ones before led.
fn timeline(network: &Network, plans: &[OperationPlan]) -> Vec<Change> {
    let mut network = network.clone();
    let mut all = Vec::new();
    for (ix, plan) in plans.iter().enumerate() {
        if let Some(operation) = plan.operation(&network) {
            let _ = network.apply(&operation);
            let at = SimTime::from_millis(5 * ix as u64);
            all.push(Change { name: None, at, operation, span: Span::default() });
        }
    }
    all
}

fn figures(report: &Report) -> impl PartialEq + std::fmt::Debug + use<> {
    let results: Vec<_> = report.changes.iter().map(|change| (change.at, change.result.clone())).collect();
    let counts = (report.sent, report.delivered, report.dropped.clone(), report.events, report.end);
    (report.traffic.clone(), results, counts, report.meter.clone(), report.epochs.len())
}

proptest! {
    /// Azure either does what is asked, or nothing.
    #[test]
    fn refused_operations_change_nothing(random in network(), plans in vec(operation(), 1..12)) {
        let mut network = random.network.clone();
        for plan in &plans {
            let Some(operation) = plan.operation(&network) else { continue };
            let before = all_of(&network);
            match network.apply(&operation) {
                Ok(()) => drop(compile(&network, 1)),
                Err(refusal) => prop_assert_eq!(all_of(&network), before, "{:?}: {:?}", operation, refusal),
            }
        }
    }

    /// PEER-30: nobody has rights that nobody gave. Gateways fail without being asked.
    #[test]
    fn strangers_are_refused(random in network(), plan in operation()) {
        let mut network = random.network.clone();
        let asked = |operation: &Operation| !matches!(operation.kind, OperationKind::SetGatewayRunning(..));
        if let Some(operation) = plan.operation(&network).filter(asked) {
            let operation = Operation { principal: Some("stranger".to_owned()), ..operation };
            prop_assert!(network.apply(&operation).is_err());
        }
    }

    /// (c): a deleted link takes its routes, and those of what was reached by it, out of every subnet.
    #[test]
    fn deleted_links_leave_no_routes(random in network(), number in any::<prop::sample::Index>()) {
        let mut network = random.network.clone();
        let links: Vec<PeeringId> = network.existing_links().filter(|(_, l)| !l.implied).map(|(id, _)| id).collect();
        if links.is_empty() {
            return Ok(());
        }
        let id = links[number.index(links.len())];
        let (vnet, remote, name) = (network[id].vnet, network[id].remote.value, network[id].name.clone());
        let opposite = network.link_between(remote, vnet).map(|(id, _)| id);
        prop_assert!(network.apply(&OperationKind::DeletePeering(vnet, name).into()).is_ok());
        let compiled = compile(&network, 1);
        for ix in 0..network.subnets().len() {
            let subnet = SubnetId::new(ix);
            if network[subnet].vnet == vnet {
                prop_assert_eq!(rows_by(&compiled, &network, subnet, id, remote), 0);
            }
            if let Some(opposite) = opposite.filter(|_| network[subnet].vnet == remote) {
                prop_assert_eq!(rows_by(&compiled, &network, subnet, opposite, vnet), 0);
            }
        }
    }

    /// Packets under way while the network changes: the books balance, the same input gives the same report, and
    /// watching changes nothing.
    #[test]
    fn timelines_repeat(random in network(), plans in vec(traffic(), 8), changes in vec(operation(), 1..8)) {
        let (traffic, changes) = (spread(&random, &plans), timeline(&random.network, &changes));
        let mut observer = TraceObserver::default();
        let watched = run(random.network.clone(), &traffic, &changes, &mut observer);
        let again = run(random.network.clone(), &traffic, &changes, &mut NoObserver);
        prop_assert_eq!(figures(&watched), figures(&again));
        let dropped: u64 = watched.dropped.values().sum();
        prop_assert_eq!(watched.sent, watched.delivered + dropped);
        prop_assert_eq!(watched.changes.len(), changes.len());
        let accepted = watched.changes.iter().filter(|change| change.result.is_ok()).count();
        prop_assert_eq!(watched.epochs.len(), 1 + accepted);
    }
}
