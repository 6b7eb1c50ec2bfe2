//! What is sent through a network, and from where to where.

use std::net::IpAddr;

use vnetsim_types::{At, IpProtocol, NicId, Place, PrivateEndpointId, ProtoPort, SimTime, SiteId};

use crate::{Network, did_you_mean};

/// One end of a flow: who it is and the address it uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// A NIC, a private endpoint, an on-premises site or the internet.
    pub place: Place,
    /// The address that the other end sends to.
    pub address: IpAddr,
}

/// What one conversation of a traffic entry consists of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Application {
    /// One exchange: a TCP handshake (SYN, SYN-ACK, ACK) without data, or a UDP datagram, an ICMP echo or a raw packet
    /// and its reply.
    #[default]
    Exchange,
    /// A TCP connection between real stacks: `requests` times the client sends `request_bytes` and the server answers
    /// with `response_bytes`; then the client closes. An upload is one request without response.
    Requests {
        /// How often, one after the other.
        requests: u32,
        /// What the client sends each time, in bytes.
        request_bytes: u64,
        /// What the server answers each time, in bytes.
        response_bytes: u64,
    },
    /// A TCP connection whose client sends as much as gets through for that long, then closes.
    Bulk {
        /// How long it sends.
        lasts: SimTime,
    },
    /// UDP datagrams of one connection, one every `interval`; the receiver counts them, and answers each unless
    /// `one_way`.
    Stream {
        /// How long it sends.
        lasts: SimTime,
        /// Between two datagrams; at least 1 ns.
        interval: SimTime,
    },
    /// Packets with a time to live of 1, 2, 3 and so on, until one arrives (FAB-15): UDP to ports from 33434 up, or
    /// ICMP echoes, as the traffic's protocol says.
    Traceroute {
        /// Largest time to live.
        hops_max: u8,
    },
    /// Packets of a capture, sent at their times by whom the capture's addresses are mapped to; nobody answers.
    Replay,
}

/// A stream of conversations between two ends.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// Unique in the scenario.
    pub name: At<String>,
    /// Who opens the conversations. Its address need not be one that the place owns: guests can lie.
    pub from: Endpoint,
    /// Who is addressed. The packet's fate depends on its address only; the place says who is meant.
    pub to: Endpoint,
    /// Protocol and destination port.
    pub protocol: ProtoPort,
    /// Source port of the first conversation; the following ones count up from it.
    pub source_port: u16,
    /// When the first conversation starts.
    pub start: SimTime,
    /// Time between the starts of two conversations.
    pub interval: SimTime,
    /// Number of conversations.
    pub count: u64,
    /// Payload bytes of each UDP datagram, ICMP echo or raw packet; TCP handshakes carry none.
    pub payload_bytes: u16,
    /// Nobody answers; never with TCP. For volumes.
    pub one_way: bool,
    /// Sets DF on IPv4 packets.
    pub dont_fragment: bool,
    /// First time to live of the packets of both directions.
    pub ttl: u8,
    /// What a conversation consists of.
    pub application: Application,
    /// How long a TCP stack waits for an answer before it gives a connection up.
    pub give_up: SimTime,
}

/// How long TCP waits when a scenario says nothing: short of Linux's two minutes, long enough for a failover.
pub const GIVE_UP_DEFAULT: SimTime = SimTime::from_secs(60);

/// First time to live when a scenario names none: the Linux default (FAB-15).
pub const TTL_DEFAULT: u8 = 64;

/// First source port when a scenario names none: the start of the dynamic range.
pub const SOURCE_PORT_DEFAULT: u16 = 50_000;

impl Network {
    /// The end that `text` names: a VM (its primary NIC), a NIC, a private endpoint, or an address. Of a
    /// dual-stack NIC the IPv4 address is taken unless `family_like` is an IPv6 address.
    ///
    /// The error is a sentence with a suggestion where there is one.
    pub fn endpoint(&self, text: &str, family_like: Option<IpAddr>) -> Result<Endpoint, String> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return self.endpoint_at(address);
        }
        let Some(nic) = self.nic_named(text) else {
            let found = self.private_endpoints.iter().position(|e| e.name.value.eq_ignore_ascii_case(text));
            let ix = found.ok_or_else(|| self.no_such_endpoint(text))?;
            let place = Place::PrivateEndpoint(PrivateEndpointId::new(ix));
            return Ok(Endpoint { place, address: self.private_endpoints[ix].address });
        };
        let configs = &self[nic].ip_configurations;
        let want_v6 = family_like.is_some_and(|ip| ip.is_ipv6());
        let config = configs.iter().find(|c| c.address.is_ipv6() == want_v6).or(configs.first());
        let config = config.ok_or_else(|| format!("`{text}` has no address"))?;
        Ok(Endpoint { place: Place::Nic(nic), address: config.address })
    }

    /// The same for who sends: an address inside a subnet that nobody has is a mistake of the question.
    pub fn sender(&self, text: &str, family_like: Option<IpAddr>) -> Result<Endpoint, String> {
        let found = self.endpoint(text, family_like)?;
        let holds = |subnet: &&crate::Subnet| subnet.prefixes.iter().any(|p| p.contains(&found.address));
        let home = self.subnets.iter().position(|subnet| holds(&subnet)).map(vnetsim_types::SubnetId::new);
        let Some(home) = home.filter(|_| found.place == Place::Internet) else { return Ok(found) };
        let near: Vec<String> = self
            .nics
            .iter()
            .filter(|nic| nic.subnet == home)
            .filter_map(|nic| Some((nic, nic.ip_configurations.first()?)))
            .map(|(nic, config)| {
                let name = nic.vm.map_or(&nic.name.value, |vm| &self[vm].name.value);
                format!("{name} {}", config.address)
            })
            .take(4)
            .collect();
        let near = if near.is_empty() { "nobody".to_owned() } else { near.join(", ") };
        Err(format!("{text} is in {}, and no NIC has it; there: {near}", self.subnet_path(home)))
    }

    /// The NIC that `name` means: a NIC, or a VM's primary NIC.
    pub fn nic_named(&self, name: &str) -> Option<NicId> {
        let same = |other: &str| other.eq_ignore_ascii_case(name);
        let vm = self.vms.iter().find(|vm| same(&vm.name.value));
        let by_vm = vm.and_then(|vm| vm.nics.first().copied());
        by_vm.or_else(|| self.nics.iter().position(|nic| same(&nic.name.value)).map(NicId::new))
    }

    /// Who has `address`: the one NIC or private endpoint that owns it, else a site, else the internet.
    fn endpoint_at(&self, address: IpAddr) -> Result<Endpoint, String> {
        let nics = self.nics.iter().enumerate().filter(|(_, nic)| nic.owns(address));
        let nics = nics.map(|(ix, nic)| (Place::Nic(NicId::new(ix)), &nic.name.value));
        let endpoints = self.private_endpoints.iter().enumerate().filter(|(_, e)| e.address == address);
        let endpoints =
            endpoints.map(|(ix, e)| (Place::PrivateEndpoint(PrivateEndpointId::new(ix)), &e.name.value));
        let owners: Vec<_> = nics.chain(endpoints).collect();
        let place = match owners.as_slice() {
            [(one, _)] => *one,
            [] => self.site_of(address).map_or(Place::Internet, Place::Site),
            [(_, a), (_, b), ..] => {
                return Err(format!("{address} belongs to {a} and to {b}; name the NIC instead"));
            }
        };
        Ok(Endpoint { place, address })
    }

    /// The site whose longest prefix, configured or advertised, holds `address`; the first of equals. A site that
    /// announces a default knows a way, it does not own every address (GW-14).
    pub fn site_of(&self, address: IpAddr) -> Option<SiteId> {
        let mut best: Option<(u8, SiteId)> = None;
        for (ix, site) in self.sites.iter().enumerate() {
            let prefixes = site.prefixes.iter().chain(&site.advertised);
            for prefix in prefixes.filter(|p| p.prefix_len() > 0 && p.contains(&address)) {
                if best.is_none_or(|(len, _)| prefix.prefix_len() > len) {
                    best = Some((prefix.prefix_len(), SiteId::new(ix)));
                }
            }
        }
        best.map(|(_, site)| site)
    }

    fn no_such_endpoint(&self, text: &str) -> String {
        if text.parse::<vnetsim_types::IpNet>().is_ok() {
            return format!(
                "`{text}` is a block, and no end of a flow: name a machine, an address or vnet/subnet"
            );
        }
        if text.contains('.') && text.chars().all(|c| c.is_ascii_digit() || c == '.') {
            return format!("`{text}` is no IP address");
        }
        let vms = self.vms.iter().map(|vm| vm.name.value.as_str());
        let nics = self.nics.iter().map(|nic| nic.name.value.as_str());
        let endpoints = self.private_endpoints.iter().map(|e| e.name.value.as_str());
        match did_you_mean(text, vms.chain(nics).chain(endpoints)) {
            Some(near) => format!("no VM, NIC, private endpoint or address `{text}`; did you mean `{near}`?"),
            None => format!("no VM, NIC, private endpoint or address `{text}`"),
        }
    }
}

impl Traffic {
    /// One conversation at the start of the run: what `vnetsim trace` sends.
    pub fn probe(name: &str, from: Endpoint, to: Endpoint, protocol: ProtoPort) -> Self {
        let v6 = to.address.is_ipv6() && protocol.protocol == IpProtocol::ICMP;
        let protocol = if v6 { ProtoPort { protocol: IpProtocol::ICMPV6, ..protocol } } else { protocol };
        Self {
            name: name.to_owned().into(),
            from,
            to,
            protocol,
            source_port: SOURCE_PORT_DEFAULT,
            start: SimTime::ZERO,
            interval: SimTime::from_millis(10),
            count: 1,
            payload_bytes: 0,
            one_way: false,
            dont_fragment: false,
            ttl: TTL_DEFAULT,
            application: Application::Exchange,
            give_up: GIVE_UP_DEFAULT,
        }
    }
}
