//! What a failing case prints is a scenario file that loads and means the same network.

use proptest::{collection::vec, prelude::*};
use vnetsim_oracle::{conversation, effective_routes};
use vnetsim_scenario::load;
use vnetsim_testkit::{network, traffic};
use vnetsim_types::{FileId, SubnetId};

proptest! {
    #[test]
    fn printed_networks_load_again(random in network(), plans in vec(traffic(), 3)) {
        let traffic = plans.iter().find_map(|plan| plan.traffic(&random.network));
        let text = match &traffic {
            Some(traffic) => random.scenario_with(traffic),
            None => random.scenario(),
        };
        let loaded = load(text.as_bytes(), FileId(0));
        let Some(scenario) = loaded.scenario else {
            return Err(TestCaseError::fail(format!("{:#?}\n{text}", loaded.problems)));
        };
        prop_assert_eq!(scenario.network.semantics(), random.network.semantics());
        for ix in 0..random.network.subnets().len() {
            let subnet = SubnetId::new(ix);
            prop_assert_eq!(
                effective_routes(&scenario.network, subnet),
                effective_routes(&random.network, subnet)
            );
        }
        // A file cannot say who sends with an address that is not its own, nor choose among owners of one.
        let ends = |traffic: &vnetsim_model::Traffic| (traffic.from, traffic.to);
        if let (Some(ours), Some(theirs)) = (&traffic, scenario.traffic.first())
            && ends(ours) == ends(theirs)
        {
            prop_assert_eq!(conversation(&scenario.network, theirs), conversation(&random.network, ours));
        }
    }
}
