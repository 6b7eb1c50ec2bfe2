//! Random networks and random traffic: the strategies that tests draw from.

use std::{fmt, net::IpAddr};

use proptest::prelude::*;
use vnetsim_model::{
    BgpVsPeering, Endpoint, Era, ForwardedModel, Network, NoneRoutesOnDefaultOverride, NsgLiveFlows,
    Semantics, Traffic, TtlGateway, VnetAccessModel, check, draft::Draft,
};
use vnetsim_types::{IpProtocol, NicId, Place, ProtoPort, SiteId};

use crate::{build::build, plan::plan, yaml};

/// A random network that [`check`] accepts. `Debug` prints it as a scenario.
#[derive(Clone)]
pub struct RandomNetwork {
    /// What was said.
    pub draft: Draft,
    /// Under which rules.
    pub semantics: Semantics,
    /// What it means.
    pub network: Network,
}

impl RandomNetwork {
    /// Checks `draft`; the error lists the problems.
    pub fn new(draft: Draft, semantics: Semantics) -> Result<Self, String> {
        let checked = check(&draft, semantics);
        match checked.network {
            Some(network) => Ok(Self { draft, semantics, network }),
            None => {
                let scenario = yaml::scenario(&draft, &semantics, &[]);
                Err(format!("{:#?}\n{scenario}", checked.problems))
            }
        }
    }

    /// The network as a scenario file.
    pub fn scenario(&self) -> String {
        yaml::scenario(&self.draft, &self.semantics, &[])
    }

    /// The network and `traffic` as a scenario file.
    pub fn scenario_with(&self, traffic: &Traffic) -> String {
        let entry = yaml::traffic(&self.network, traffic);
        yaml::scenario(&self.draft, &self.semantics, &[entry])
    }
}

impl fmt::Debug for RandomNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}", self.scenario())
    }
}

/// Random networks: one to five virtual networks with everything that vnetsim models, under random rules.
/// Nothing is discarded: plans are built so that the check accepts them.
pub fn network() -> impl Strategy<Value = RandomNetwork> {
    plan().prop_map(|plan| {
        let draft = build(&plan);
        RandomNetwork::new(draft, semantics(plan.switches)).expect("plans are built to be accepted")
    })
}

/// As [`network`], but without route tables, gateways, security rules and service endpoints, under the default rules.
pub fn plain_network() -> impl Strategy<Value = RandomNetwork> {
    plan().prop_map(|mut plan| {
        plan.switches = [0; 7];
        (plan.tables, plan.gateways) = (Vec::new(), Vec::new());
        plan.nsgs.iter_mut().for_each(Vec::clear);
        for link in &mut plan.links {
            (link.there.no_access, link.back.no_access) = (false, false);
            (link.there.stale, link.back.stale) = (false, false);
        }
        plan.machines.iter_mut().for_each(|machine| machine.listen = None);
        for subnet in plan.vnets.iter_mut().flat_map(|vnet| &mut vnet.subnets) {
            subnet.endpoint = false;
        }
        let draft = build(&plan);
        RandomNetwork::new(draft, semantics(plan.switches)).expect("plans are built to be accepted")
    })
}

/// Every switch by itself; 0 is its modern default.
fn semantics(switches: [u8; 7]) -> Semantics {
    let [era, access, forwarded, bgp, none, ttl, flows] = switches.map(usize::from);
    Semantics {
        era: [Era::Modern, Era::Y2017][era % 2],
        vnet_access_model: [VnetAccessModel::TagOnly, VnetAccessModel::Strict][access % 2],
        forwarded_model: [ForwardedModel::Documented, ForwardedModel::Field][forwarded % 2],
        bgp_vs_peering: [BgpVsPeering::SystemWins, BgpVsPeering::Lpm][bgp % 2],
        none_routes_on_default_override: [
            NoneRoutesOnDefaultOverride::Remove,
            NoneRoutesOnDefaultOverride::Documented,
            NoneRoutesOnDefaultOverride::Keep,
        ][none % 3],
        ttl_gateway: [TtlGateway::Decrement, TtlGateway::Transparent][ttl % 2],
        nsg_live_flows: [NsgLiveFlows::Keep, NsgLiveFlows::Flush][flows % 2],
    }
}

/// What to send, in numbers that select among what a network has; see [`TrafficPlan::traffic`].
#[derive(Clone, Debug)]
pub struct TrafficPlan {
    from: u8,
    from_ix: u8,
    to: u8,
    to_ix: u8,
    random: u32,
    v6: bool,
    spoofed: bool,
    protocol: u8,
}

/// Random traffic for any network.
pub fn traffic() -> impl Strategy<Value = TrafficPlan> {
    let (from, to) = (0..16_u8, 0..16_u8);
    let spoofed = prop::bool::weighted(0.03);
    let v6 = prop::bool::weighted(0.25);
    let ends = (from, 0..24_u8, to, 0..24_u8);
    (ends, any::<u32>(), v6, spoofed, 0..12_u8).prop_map(
        |((from, from_ix, to, to_ix), random, v6, spoofed, protocol)| TrafficPlan {
            from,
            from_ix,
            to,
            to_ix,
            random,
            v6,
            spoofed,
            protocol,
        },
    )
}

impl TrafficPlan {
    /// One conversation in `network`; `None` when the network lacks what the plan wants.
    ///
    /// Not made, by agreement: stopped senders, and packets from inside to a public address of the same
    /// network (the engine reflects them at the edge, the oracle ends them there).
    pub fn traffic(&self, network: &Network) -> Option<Traffic> {
        let (mut from, to) = match self.from {
            0..=11 => (self.nic(network, self.from_ix)?, self.target(network)?),
            12..=13 => (self.site(network, self.from_ix)?, self.target(network)?),
            _ => (self.internet(), self.public(network)?),
        };
        // A guest does not send to itself over the fabric.
        if from.address == to.address {
            return None;
        }
        let inside = from.place != Place::Internet;
        if from.address.is_ipv4() != to.address.is_ipv4() {
            return None;
        }
        if inside && public_addresses(network).contains(&to.address) {
            return None;
        }
        if self.spoofed && inside && from.address.is_ipv4() {
            from.address = match self.to_ix % 2 {
                0 => self.nic(network, self.to_ix.wrapping_add(1)).filter(|e| e.address.is_ipv4())?.address,
                _ => self.random_address(network)?,
            };
        }
        let protocol = match self.protocol {
            0..=5 => ProtoPort {
                protocol: IpProtocol::TCP,
                port: [443, 443, 443, 443, 22, 80][usize::from(self.protocol)],
            },
            6..=8 => {
                ProtoPort { protocol: IpProtocol::UDP, port: [53, 53, 67][usize::from(self.protocol - 6)] }
            }
            _ => ProtoPort { protocol: IpProtocol::ICMP, port: 0 },
        };
        let mut traffic = Traffic::probe("probe", from, to, protocol);
        if self.protocol == 8 && self.random.is_multiple_of(2) {
            traffic.source_port = 65_330; // FAB-07
        }
        Some(traffic)
    }

    fn target(&self, network: &Network) -> Option<Endpoint> {
        match self.to {
            0..=9 => self.nic(network, self.to_ix),
            10..=11 => self.site(network, self.to_ix),
            _ => {
                let address = self.random_address(network)?;
                Some(Endpoint { place: Place::Internet, address })
            }
        }
    }

    fn nic(&self, network: &Network, number: u8) -> Option<Endpoint> {
        let ix = usize::from(number) % network.nics().len().max(1);
        let configs = &network.nics().get(ix)?.ip_configurations;
        let config = configs.iter().find(|c| c.address.is_ipv6() == self.v6).or(configs.first())?;
        Some(Endpoint { place: Place::Nic(NicId::new(ix)), address: config.address })
    }

    fn site(&self, network: &Network, number: u8) -> Option<Endpoint> {
        let ix = usize::from(number) % network.sites().len().max(1);
        let prefixes = &network.sites().get(ix)?.prefixes;
        let prefix = prefixes.get(self.random as usize % prefixes.len().max(1))?;
        let address = within(&prefix.value, self.random);
        Some(Endpoint { place: Place::Site(SiteId::new(ix)), address })
    }

    fn internet(&self) -> Endpoint {
        let address = match self.random % 4 {
            0 => IpAddr::from(self.random.to_be_bytes()),
            n => IpAddr::from([8, 8, n as u8, 8]),
        };
        Endpoint { place: Place::Internet, address }
    }

    /// A public address of the network, sometimes one that nobody has.
    fn public(&self, network: &Network) -> Option<Endpoint> {
        let all = public_addresses(network);
        let address = match all.get(usize::from(self.to_ix) % all.len().max(1)) {
            Some(address) if !self.random.is_multiple_of(16) => *address,
            _ => IpAddr::from([203, 0, 113, 250]),
        };
        Some(Endpoint { place: Place::Internet, address })
    }

    /// Anywhere: in a network's space, just beside it, on the internet.
    fn random_address(&self, network: &Network) -> Option<IpAddr> {
        let all: Vec<_> = network.vnets().iter().flat_map(|vnet| &vnet.address_space).collect();
        let block = all.get(self.random as usize % all.len().max(1))?.value;
        Some(match self.to_ix % 4 {
            0 => within(&block, self.random),
            1 => IpAddr::from(self.random.to_be_bytes()),
            2 if self.v6 => "2606:4700::1111".parse().ok()?,
            2 => IpAddr::from([8, 8, 8, 8]),
            _ => IpAddr::from([20, 60, 1, (self.random % 256) as u8]),
        })
    }
}

/// An address inside `prefix`.
pub(crate) fn within(prefix: &vnetsim_types::IpNet, random: u32) -> IpAddr {
    match prefix {
        vnetsim_types::IpNet::V4(net) => {
            let host = u64::from(random) % (1_u64 << (32 - net.prefix_len()));
            IpAddr::V4((u32::from(net.network()) + host as u32).into())
        }
        vnetsim_types::IpNet::V6(net) => {
            let host = if net.prefix_len() <= 122 { u128::from(random % 64) } else { 0 };
            IpAddr::V6((u128::from(net.network()) + host).into())
        }
    }
}

/// Every address at which the edge of the internet would turn a packet back into the network.
pub fn public_addresses(network: &Network) -> Vec<IpAddr> {
    let configs = network.nics().iter().flat_map(|nic| &nic.ip_configurations);
    let mut all: Vec<IpAddr> = configs.filter_map(|config| config.public_address).collect();
    let frontends = network.load_balancers().iter().flat_map(|lb| &lb.frontends);
    all.extend(frontends.filter(|frontend| frontend.vnet.is_none()).map(|frontend| frontend.address));
    all.extend(network.gateways().iter().filter_map(|gateway| gateway.public_address));
    all
}
