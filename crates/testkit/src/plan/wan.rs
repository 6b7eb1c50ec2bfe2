//! Networks that gateways join, laid over a random plan: pure chance seldom builds two gateways that meet.

use super::{
    AdvertPlan, ConnectionPlan, GatewayPlan, HopPlan, PeerPlan, Plan, PrefixPlan, ServerPlan, TablePlan,
    TunnelPlan,
};

/// A tunnel between the first two networks.
const TUNNEL: u8 = 1;
/// Every network has IPv6.
const DUAL_STACK: u8 = 2;
/// The first site has a connection to either gateway.
const TWO_ENDS: u8 = 4;
/// Appliances of the first network advertise prefixes to a route server.
const SERVER: u8 = 8;

impl Plan {
    /// The plan with what the bits of `kind` want.
    pub(crate) fn with_wan(mut self, kind: u8) -> Self {
        let is = |bit: u8| kind & bit != 0;
        if is(DUAL_STACK) {
            self.vnets.iter_mut().for_each(|vnet| vnet.v6 = true);
        }
        if is(TUNNEL | TWO_ENDS) && self.vnets.len() > 1 {
            self.two_gateways();
            if is(TUNNEL) {
                let bgp = kind >= 8;
                self.tunnels.insert(0, TunnelPlan { ends: (0, 1), bgp, down: false, both: false });
            }
            if let Some(site) = self.sites.first_mut().filter(|_| is(TWO_ENDS)) {
                let end = |gateway| ConnectionPlan { gateway, bgp: gateway == 1, down: false };
                site.connections = vec![end(0), end(1)];
            }
        }
        if is(SERVER) {
            self.advertising();
        }
        self
    }

    /// VPN gateways in the first two networks, before all others.
    fn two_gateways(&mut self) {
        for vnet in self.vnets.iter_mut().take(2) {
            vnet.gateway_subnet = true;
        }
        let plain = |vnet| GatewayPlan {
            vnet,
            express: false,
            public: false,
            active_active: false,
            policy_based: false,
            basic: false,
            own_asn: true,
            clients: None,
        };
        let random = std::mem::take(&mut self.gateways);
        self.gateways = [plain(0), plain(1)].into_iter().chain(random).collect();
    }

    fn advertising(&mut self) {
        self.vnets[0].server_subnet = true;
        if let Some(machine) = self.machines.first_mut() {
            (machine.subnet, machine.nic_forwards) = (0, true);
            (machine.role, machine.snat) = (machine.role.max(1), 1);
        }
        // FE-18: a default that appliances inject would apply to themselves, too.
        let own = TablePlan { no_propagation: false, routes: vec![(PrefixPlan::Default, HopPlan::Internet)] };
        self.vnets[0].subnets[0].table = Some(self.tables.len() as u8);
        self.tables.push(own);
        let routes = vec![AdvertPlan { prefixes: vec![PrefixPlan::Default], hop: None, path: None }];
        let peers = [0, 1].map(|nic| PeerPlan { nic, asn: 0, routes: routes.clone() }).to_vec();
        self.servers.insert(0, ServerPlan { vnet: 0, branches: false, preference: 0, peers });
    }
}
