//! Random traffic for any network.

use std::net::IpAddr;

use proptest::{option, prelude::*};
use vnetsim_model::{Endpoint, Network, TTL_DEFAULT, Traffic};
use vnetsim_types::{IpNet, IpProtocol, NicId, Place, PrivateEndpointId, ProtoPort, SiteId};

use crate::{PLATFORM, plan::Feature};

/// Payload sizes around the limits of paths, fabric and guests.
const SIZES: [u16; 10] = [64, 1_300, 1_372, 1_373, 1_472, 1_473, 3_000, 8_972, 8_973, 60_000];

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
    size: Option<u8>,
    dont_fragment: bool,
    one_way: bool,
    ttl: Option<u8>,
}

/// Random traffic for any network.
pub fn traffic() -> impl Strategy<Value = TrafficPlan> {
    let ends = (0..16_u8, 0..24_u8, 0..24_u8, 0..24_u8);
    let rare = (prop::bool::weighted(0.03), prop::bool::weighted(0.1), prop::bool::weighted(0.3));
    let style = (option::weighted(0.2, 0..10_u8), option::weighted(0.05, 1..5_u8));
    (ends, any::<u32>(), prop::bool::weighted(0.25), rare, 0..16_u8, style).prop_map(
        |(
            (from, from_ix, to, to_ix),
            random,
            v6,
            (spoofed, one_way, dont_fragment),
            protocol,
            (size, ttl),
        )| {
            TrafficPlan {
                from,
                from_ix,
                to,
                to_ix,
                random,
                v6,
                spoofed,
                protocol,
                size,
                dont_fragment,
                one_way,
                ttl,
            }
        },
    )
}

/// As [`traffic`], but with nothing of `features`.
pub fn traffic_without(features: &'static [Feature]) -> impl Strategy<Value = TrafficPlan> {
    traffic().prop_map(|plan| features.iter().fold(plan, |plan, feature| plan.without(*feature)))
}

impl TrafficPlan {
    fn without(mut self, feature: Feature) -> Self {
        match feature {
            Feature::Mtu => self.size = None,
            Feature::Protocols => {
                self.protocol = self.protocol.min(11);
                (self.one_way, self.ttl) = (false, None);
            }
            Feature::Platform if self.to >= 20 => self.to = 0,
            Feature::PrivateEndpoints if matches!(self.to, 17..=18) => self.to = 0,
            Feature::Balancers if matches!(self.to, 14..=16) => self.to = 0,
            _ => {}
        }
        self
    }

    /// One conversation in `network`; `None` when the network lacks what the plan wants.
    pub fn traffic(&self, network: &Network) -> Option<Traffic> {
        let (mut from, to) = match self.from {
            0..=11 => (self.nic(network, self.from_ix)?, self.target(network)?),
            12..=13 => (self.site(network, self.from_ix)?, self.target(network)?),
            _ => (self.internet(), self.public(network)?),
        };
        let inside = from.place != Place::Internet;
        // A guest does not send to itself over the fabric.
        if from.address == to.address || from.address.is_ipv4() != to.address.is_ipv4() {
            return None;
        }
        if self.spoofed && inside && from.address.is_ipv4() {
            from.address = match self.to_ix % 2 {
                0 => self.nic(network, self.to_ix.wrapping_add(1)).filter(|e| e.address.is_ipv4())?.address,
                _ => self.random_address(network).filter(|address| address.is_ipv4())?,
            };
        }
        let mut traffic = Traffic::probe("probe", from, to, self.protocol());
        self.style(&mut traffic);
        Some(traffic)
    }

    fn protocol(&self) -> ProtoPort {
        let (protocol, port) = match self.protocol {
            0..=3 => (IpProtocol::TCP, 443),
            4 => (IpProtocol::TCP, 22),
            5 => (IpProtocol::TCP, 80),
            6..=7 => (IpProtocol::UDP, 53),
            8 => (IpProtocol::UDP, 67),
            9..=12 => (IpProtocol::ICMP, 0),
            13 => (IpProtocol::ESP, 0),
            14 => (IpProtocol::AH, 0),
            // FAB-06: IP-in-IP, GRE, and one that no rule mentions.
            _ => (IpProtocol([4, 47, 132][self.random as usize % 3]), 0),
        };
        ProtoPort { protocol, port }
    }

    fn style(&self, traffic: &mut Traffic) {
        let tcp = traffic.protocol.protocol == IpProtocol::TCP;
        // FAB-07.
        if self.protocol == 8 {
            traffic.source_port = [50_000, 65_330, 67, 68][self.random as usize % 4];
        }
        if let Some(size) = self.size.filter(|_| !tcp) {
            traffic.payload_bytes = SIZES[usize::from(size) % SIZES.len()];
        }
        traffic.dont_fragment = self.dont_fragment && self.size.is_some();
        traffic.one_way = self.one_way && !tcp;
        traffic.ttl = self.ttl.unwrap_or(TTL_DEFAULT);
    }

    fn target(&self, network: &Network) -> Option<Endpoint> {
        match self.to {
            0..=10 => self.nic(network, self.to_ix),
            11..=13 => self.site(network, self.to_ix),
            14..=15 => self.named(network, &frontends(network)),
            16 => self.named(network, &public_addresses(network)),
            17..=18 => self.endpoint(network),
            19 => {
                let address = self.random_address(network)?;
                Some(meant(network, address))
            }
            20 => self.named(network, &gateways(network)),
            21 => self.named(network, &PLATFORM.map(IpAddr::from)),
            _ => {
                let host = if self.v6 { "2606:4700::1111" } else { "8.8.8.8" };
                Some(meant(network, host.parse().ok()?))
            }
        }
    }

    fn named(&self, network: &Network, all: &[IpAddr]) -> Option<Endpoint> {
        let alike: Vec<_> = all.iter().filter(|address| address.is_ipv6() == self.v6).collect();
        let address = alike.get(usize::from(self.to_ix) % alike.len().max(1))?;
        Some(meant(network, **address))
    }

    fn endpoint(&self, network: &Network) -> Option<Endpoint> {
        let ix = usize::from(self.to_ix) % network.private_endpoints().len().max(1);
        let address = network.private_endpoints().get(ix)?.address;
        Some(Endpoint { place: Place::PrivateEndpoint(PrivateEndpointId::new(ix)), address })
    }

    fn nic(&self, network: &Network, number: u8) -> Option<Endpoint> {
        let ix = usize::from(number) % network.nics().len().max(1);
        let configs = &network.nics().get(ix)?.ip_configurations;
        let config = configs.iter().find(|c| c.address.is_ipv6() == self.v6).or(configs.first())?;
        Some(Endpoint { place: Place::Nic(NicId::new(ix)), address: config.address })
    }

    fn site(&self, network: &Network, number: u8) -> Option<Endpoint> {
        let ix = usize::from(number) % network.sites().len().max(1);
        let site = network.sites().get(ix)?;
        // A default says that the site knows a way, not that it has the address (GW-14).
        let all = site.prefixes.iter().chain(&site.advertised);
        let prefixes: Vec<_> = all.filter(|prefix| prefix.value.prefix_len() > 0).collect();
        let prefix = prefixes.get(self.random as usize % prefixes.len().max(1))?;
        let address = within(&prefix.value, self.random);
        Some(Endpoint { place: Place::Site(SiteId::new(ix)), address })
    }

    fn internet(&self) -> Endpoint {
        let address = match self.random % 4 {
            _ if self.v6 => IpAddr::from([0x2606, 0x4700, 0, 0, 0, 0, 0, 0x1111]),
            0 => IpAddr::from(self.random.to_be_bytes()),
            n => IpAddr::from([8, 8, n as u8, 8]),
        };
        Endpoint { place: Place::Internet, address }
    }

    /// A public address of the network, sometimes one that nobody has.
    fn public(&self, network: &Network) -> Option<Endpoint> {
        let mut all = public_addresses(network);
        all.retain(|address| address.is_ipv6() == self.v6);
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

/// The end that a scenario file means by `address`.
fn meant(network: &Network, address: IpAddr) -> Endpoint {
    let unclear = Endpoint { place: Place::Internet, address };
    network.endpoint(&address.to_string(), None).unwrap_or(unclear)
}

/// Internal frontends.
fn frontends(network: &Network) -> Vec<IpAddr> {
    let all = network.load_balancers().iter().flat_map(|lb| &lb.frontends);
    all.filter(|frontend| frontend.vnet.is_some()).map(|frontend| frontend.address).collect()
}

/// Addresses of gateways and route servers.
fn gateways(network: &Network) -> Vec<IpAddr> {
    let instances = network.gateways().iter().flat_map(|gateway| &gateway.instances);
    let servers = network.route_servers().iter().flat_map(|server| &server.addresses);
    instances.map(|instance| instance.address).chain(servers.copied()).collect()
}

/// An address inside `prefix`.
fn within(prefix: &IpNet, random: u32) -> IpAddr {
    match prefix {
        IpNet::V4(net) => {
            let host = u64::from(random) % (1_u64 << (32 - net.prefix_len()));
            IpAddr::V4((u32::from(net.network()) + host as u32).into())
        }
        IpNet::V6(net) => {
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
    let instances = network.gateways().iter().flat_map(|gateway| &gateway.instances);
    all.extend(instances.filter_map(|instance| instance.public_address));
    all
}
