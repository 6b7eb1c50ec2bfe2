//! A hub with appliances, laid over a random plan: pure chance seldom builds a chain that works.

use super::{
    BalancerPlan, FlagsPlan, HopPlan, LbRulePlan, LinkPlan, Plan, PrefixPlan, Scope, Shape, SubnetPlan,
    TablePlan,
};

/// The appliances stand behind a balancer.
const BALANCED: u8 = 1;
/// A second appliance stands behind the first.
const CHAINED: u8 = 2;
/// The spokes send to the hub's own block through the appliance, too.
const OWN_BLOCK: u8 = 4;
/// And everything else.
const DEFAULT: u8 = 8;
/// Random NSGs stay.
const FILTERED: u8 = 16;
/// GatewaySubnet sends through the appliance, too.
const GATEWAY: u8 = 32;

impl Plan {
    /// Network 0 becomes the hub, and the others its spokes, if the plan wants it.
    pub(crate) fn with_hub(mut self) -> Self {
        let Some(kind) = self.hub else { return self };
        let is = |bit: u8| kind & bit != 0;
        for vnet in &mut self.vnets {
            vnet.block = 0;
            vnet.extra_block = None;
        }
        self.vnets[0].classic = false;
        self.star();
        self.appliances(is(BALANCED), is(CHAINED));
        let hop = || if is(BALANCED) { HopPlan::Frontend(0) } else { HopPlan::Nic(0, true) };
        let mut routes = Vec::new();
        let mut block = 0;
        for (ix, vnet) in self.vnets.iter().enumerate() {
            if ix > 0 || is(OWN_BLOCK) {
                routes.push((PrefixPlan::Block(block), hop()));
            }
            block += 1 + u8::from(vnet.v6);
        }
        if is(DEFAULT) {
            routes.push((PrefixPlan::Default, hop()));
        }
        let last = block - 1 - u8::from(self.vnets.last().is_some_and(|vnet| vnet.v6));
        let second = vec![(PrefixPlan::Block(last), HopPlan::Nic(1, true))];
        let more = self.tables.drain(..).map(|table| table.routes);
        let rest: Vec<_> = more.take(1).flatten().take(2).collect();
        routes.extend(rest);
        self.tables = vec![
            TablePlan { no_propagation: is(DEFAULT), routes },
            TablePlan { no_propagation: false, routes: second },
        ];
        for (ix, vnet) in self.vnets.iter_mut().enumerate() {
            vnet.gateway_table = vnet.gateway_table.filter(|_| is(GATEWAY)).map(|_| 0);
            for (place, subnet) in vnet.subnets.iter_mut().enumerate() {
                subnet.table = match (ix, place) {
                    (0, 0) if is(CHAINED) => Some(1),
                    (0, 0 | 1) => None,
                    // Some forget a table.
                    _ => (subnet.table != Some(7)).then_some(0),
                };
                subnet.nsg = subnet.nsg.filter(|_| is(FILTERED));
            }
        }
        self
    }

    /// Links between the hub and every spoke, in the place of random ones.
    fn star(&mut self) {
        let flags = FlagsPlan {
            no_access: false,
            forwarded: true,
            transit: true,
            use_remote: true,
            unverified: false,
            stale: false,
        };
        let (there, back) = (flags.clone(), flags);
        let plain = LinkPlan {
            ends: (0, 0),
            shape: Shape::Both,
            scope: Scope::Complete,
            only_v6: false,
            there,
            back,
        };
        let given: Vec<LinkPlan> = self.links.drain(..).collect();
        for ix in 1..self.vnets.len() {
            let link = given.get(ix - 1).unwrap_or(&plain);
            self.links.push(LinkPlan { ends: (0, ix as u8), ..link.clone() });
        }
        self.links.extend(given.into_iter().skip(self.vnets.len() - 1));
    }

    /// Machines 0 and 1 forward, in the first subnets of the hub.
    fn appliances(&mut self, balanced: bool, chained: bool) {
        if chained && self.vnets[0].subnets.len() < 2 {
            self.vnets[0].subnets.push(SubnetPlan::default());
        }
        for (ix, machine) in self.machines.iter_mut().enumerate().take(2) {
            machine.subnet = if chained { ix as u8 } else { 0 };
            machine.role = machine.role.max(1);
            machine.nic_forwards = true;
            machine.second = None;
            machine.pool = Some(0);
            // Most of what keeps an appliance from its work is tried elsewhere.
            (machine.guest_forwards, machine.stopped, machine.mtu) = (None, false, 0);
            machine.policy.truncate(usize::from(ix == 1));
        }
        if balanced {
            if self.balancers.is_empty() {
                self.balancers.push(BalancerPlan {
                    subnet: 0,
                    public: false,
                    basic: false,
                    transit: true,
                    frontends: Vec::new(),
                    probes: Vec::new(),
                    rules: Vec::new(),
                    nat_rules: Vec::new(),
                    outbound: None,
                });
            }
            let first = &mut self.balancers[0];
            (first.subnet, first.public, first.transit) = (0, false, true);
            first.frontends = vec![(0, false)];
            let ha_ports = LbRulePlan { distribution: 0, ..LbRulePlan::default() };
            match first.rules.first_mut() {
                Some(rule) => rule.other_pool = false,
                None => first.rules.push(ha_ports),
            }
        }
    }
}
