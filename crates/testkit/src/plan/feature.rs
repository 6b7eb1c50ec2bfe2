//! What a comparison can leave out: features that one side does not know.

use super::{Plan, Scope, SidePlan};

/// A part of what networks and traffic are made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Feature {
    /// Virtual networks of the classic model (PEER-28, RT-32).
    Classic,
    /// Subnet peering and IPv6-only peering (PEER-24).
    SubnetPeering,
    /// Private endpoints (RT-08).
    PrivateEndpoints,
    /// Instances, autonomous systems, point-to-site clients and kinds of gateways.
    GatewayKinds,
    /// BGP and connections that are down.
    Bgp,
    /// ExpressRoute circuits.
    Circuits,
    /// Connections between gateways.
    Tunnels,
    /// Route servers.
    RouteServers,
    /// Balancers beyond one HA-ports or port rule as next hop: probes, NAT, outbound rules, floating IP, IPv6,
    /// and their frontends as destinations.
    Balancers,
    /// Outbound connections by the frontends of balancers.
    Outbound,
    /// Rules of firewalls.
    Policies,
    /// Sizes of packets.
    Mtu,
    /// Other protocols than TCP, UDP and ICMP, one-way traffic, other first times to live.
    Protocols,
    /// Traffic to gateways, route servers and the host's own services, and rules about the latter.
    Platform,
}

impl Plan {
    /// The plan with nothing of `features` in it.
    pub(crate) fn without(mut self, features: &[Feature]) -> Self {
        for feature in features {
            self.strip(*feature);
        }
        self
    }

    fn strip(&mut self, feature: Feature) {
        match feature {
            Feature::Classic => self.vnets.iter_mut().for_each(|vnet| vnet.classic = false),
            Feature::SubnetPeering => {
                for link in &mut self.links {
                    (link.scope, link.only_v6) = (Scope::Complete, false);
                }
            }
            Feature::PrivateEndpoints => self.endpoints.clear(),
            Feature::GatewayKinds => {
                for gateway in &mut self.gateways {
                    (gateway.active_active, gateway.own_asn) = (false, false);
                    (gateway.policy_based, gateway.basic) = (false, false);
                    gateway.clients = None;
                }
            }
            Feature::Bgp => {
                for connection in self.sites.iter_mut().flat_map(|site| &mut site.connections) {
                    (connection.bgp, connection.down) = (false, false);
                }
            }
            Feature::Circuits => self.circuits.clear(),
            Feature::Tunnels => self.tunnels.clear(),
            Feature::RouteServers => {
                self.servers.clear();
                self.vnets.iter_mut().for_each(|vnet| vnet.server_subnet = false);
            }
            Feature::Balancers => self.simple_balancers(),
            Feature::Outbound => {
                for balancer in &mut self.balancers {
                    balancer.outbound = None;
                    balancer.rules.iter_mut().for_each(|rule| rule.no_snat = true);
                }
            }
            Feature::Policies => self.machines.iter_mut().for_each(|machine| machine.policy.clear()),
            Feature::Mtu => {
                self.switches[7] = 0;
                self.machines.iter_mut().for_each(|machine| machine.mtu = 0);
            }
            Feature::Platform => {
                let sides = self.nsgs.iter_mut().flatten();
                for side in sides.flat_map(|rule| [&mut rule.source, &mut rule.destination]) {
                    if matches!(side, SidePlan::Tag(10..=11)) {
                        *side = SidePlan::Any;
                    }
                }
            }
            Feature::Protocols => {}
        }
    }

    fn simple_balancers(&mut self) {
        for balancer in &mut self.balancers {
            balancer.frontends.truncate(1);
            balancer.frontends.iter_mut().for_each(|(_, v6)| *v6 = false);
            balancer.probes.clear();
            balancer.nat_rules.clear();
            balancer.outbound = None;
            for rule in &mut balancer.rules {
                (rule.floating, rule.other_pool, rule.no_snat) = (false, false, true);
                rule.kind = rule.kind.min(3);
            }
        }
        self.machines.iter_mut().for_each(|machine| machine.second_pool = None);
    }
}
