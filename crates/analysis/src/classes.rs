//! The ends of a network, and which of them it cannot tell apart.
//!
//! Owns what makes two machines alike: the same subnet, filters, flags, guest and pools, and no prefix anywhere in the
//! network that holds one address and not the other. What one of a class meets, all of them meet; only choices by the
//! flow's hash may differ. Called by `matrix` and `diff`. Must never ask what becomes of a packet. Costs a pass over the
//! network, and a look-up for each address and prefix length.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    net::IpAddr,
};

use vnetsim_model::{
    AddressSpec, Endpoint, GuestState, LbProtocol, LbTarget, LinkEnd, Network, Nic, Role, SiteKind,
    UserNextHop, Vm, suggestion,
};
use vnetsim_types::{
    AsgId, IpNet, IpProtocol, LbId, NicId, NsgId, Place, PrivateEndpointId, ProtoPort, SimTime, SiteId,
    SubnetId,
};

/// Who stands for a class.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Who {
    /// A NIC.
    Nic(NicId),
    /// A private endpoint; it only answers.
    PrivateEndpoint(PrivateEndpointId),
    /// An on-premises site, by one of its addresses.
    Site(SiteId, IpAddr),
    /// The internet, by one address.
    Internet(IpAddr),
    /// A frontend of a load balancer; it only answers.
    Frontend {
        /// Its address.
        address: IpAddr,
        /// It has no virtual network.
        public: bool,
        /// The port and protocol of its first rule, with which it is asked.
        asked: ProtoPort,
    },
}

impl Who {
    /// With what it is asked when `protocol` is asked for: frontends answer at the ports of their rules only.
    pub fn asked(self, protocol: ProtoPort) -> ProtoPort {
        match self {
            Self::Frontend { asked, .. } => asked,
            _ => protocol,
        }
    }

    /// True when it never asks itself.
    pub(crate) fn only_answers(self) -> bool {
        matches!(self, Self::PrivateEndpoint(_) | Self::Frontend { .. })
    }
}

/// One of those that a class consists of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Name of the VM for its primary NIC, else of the object.
    pub name: String,
    /// Who it is.
    pub who: Who,
}

/// Ends that the network cannot tell apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct End {
    /// At least one; the first stands for all.
    pub members: Vec<Member>,
    /// `vnet/subnet`, of NICs and private endpoints.
    pub subnet: Option<String>,
}

/// How machines are put together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grouping {
    /// Those that the network cannot tell apart.
    Classes,
    /// Each for itself.
    Vms,
    /// One class for each subnet: its first.
    Subnets,
}

impl End {
    /// `vm1`, or `s1/app (vm1 .. vm40, 40)`.
    pub fn name(&self) -> String {
        match (self.members.as_slice(), &self.subnet) {
            ([first, .., last], Some(subnet)) => {
                format!("{subnet} ({} .. {}, {})", first.name, last.name, self.members.len())
            }
            ([first, .., last], None) => format!("{} .. {}, {}", first.name, last.name, self.members.len()),
            _ => self.members[0].name.clone(),
        }
    }

    /// What it is listed under: its subnet, or itself.
    pub fn group(&self) -> String {
        self.subnet.clone().unwrap_or_else(|| self.members[0].name.clone())
    }

    /// True when `name` is one of its members, its subnet or its virtual network.
    fn keep(&mut self, name: &str) {
        let same = |text: &str| text.eq_ignore_ascii_case(name);
        let around = |subnet: &String| same(subnet) || subnet.split('/').next().is_some_and(same);
        if !self.subnet.as_ref().is_some_and(around) {
            self.members.retain(|member| same(&member.name));
        }
    }
}

/// All ends of `network`: NICs of machines by subnet, private endpoints, sites, and the internet, which is `internet`.
pub fn ends(network: &Network, internet: IpAddr, grouping: Grouping) -> Vec<End> {
    let blocks = Blocks::of(network);
    let pools = pools(network);
    let mut by_kind: BTreeMap<Kind, usize> = BTreeMap::new();
    let mut all: Vec<(SubnetId, End)> = Vec::new();
    for (ix, nic) in network.nics().iter().enumerate() {
        let (id, Some(vm)) = (NicId::new(ix), nic.vm) else { continue };
        if nic.ip_configurations.is_empty() {
            continue;
        }
        let member = Member { name: network.nic_title(id).to_owned(), who: Who::Nic(id) };
        let known = match grouping {
            Grouping::Vms => None,
            _ => {
                let kind = Kind::of(network, id, nic, &network[vm], &blocks, pools.get(&id));
                let next = all.len();
                Some(*by_kind.entry(kind).or_insert(next)).filter(|at| *at < next)
            }
        };
        match known {
            Some(at) => all[at].1.members.push(member),
            None => {
                let subnet = Some(network.subnet_path(nic.subnet));
                all.push((nic.subnet, End { members: vec![member], subnet }));
            }
        }
    }
    all.sort_by_key(|(subnet, _)| *subnet);
    if grouping == Grouping::Subnets {
        all.dedup_by_key(|(subnet, _)| *subnet);
    }
    let mut ends: Vec<End> = all.into_iter().map(|(_, end)| end).collect();
    ends.extend(outer_ends(network, internet));
    ends
}

fn outer_ends(network: &Network, internet: IpAddr) -> Vec<End> {
    let one = |name: &str, who, subnet| End { members: vec![Member { name: name.to_owned(), who }], subnet };
    let mut ends = Vec::new();
    for (ix, endpoint) in network.private_endpoints().iter().enumerate() {
        let who = Who::PrivateEndpoint(PrivateEndpointId::new(ix));
        ends.push(one(&endpoint.name.value, who, Some(network.subnet_path(endpoint.subnet))));
    }
    for (ix, site) in network.sites().iter().enumerate() {
        let id = SiteId::new(ix);
        if let Some(address) = address_of(network, id) {
            // Clients bear the name of their gateway.
            let of = if site.kind == SiteKind::Clients { " clients" } else { "" };
            ends.push(one(&format!("{}{of}", site.name.value), Who::Site(id, address), None));
        }
    }
    ends.push(one("internet", Who::Internet(internet), None));
    ends
}

/// Frontends of balancers by `balancer:frontend`. Those with rules for all ports only are ways to appliances and no ends.
pub(crate) fn frontends(network: &Network) -> Vec<End> {
    let mut ends = Vec::new();
    for lb in network.load_balancers() {
        for (ix, frontend) in lb.frontends.iter().enumerate() {
            let rule = lb.rules.iter().find(|rule| rule.frontend == ix && rule.frontend_port > 0);
            let Some(rule) = rule else { continue };
            let protocol = match rule.protocol {
                LbProtocol::Udp => IpProtocol::UDP,
                LbProtocol::Tcp | LbProtocol::All => IpProtocol::TCP,
            };
            let asked = ProtoPort { protocol, port: rule.frontend_port };
            let who = Who::Frontend { address: frontend.address, public: frontend.vnet.is_none(), asked };
            let name = format!("{}:{}", lb.name.value, frontend.name.value);
            ends.push(End { members: vec![Member { name, who }], subnet: None });
        }
    }
    ends
}

/// An address that lies in this site and no other.
fn address_of(network: &Network, id: SiteId) -> Option<IpAddr> {
    let site = &network[id];
    let prefixes = site.prefixes.iter().chain(&site.advertised).filter(|p| p.prefix_len() > 0);
    let mut addresses = prefixes.filter_map(|prefix| prefix.hosts().next());
    addresses.find(|address| network.site_of(*address) == Some(id))
}

/// The ends that `names` mean, with only those of their members; all when there is none. The error is a sentence.
pub fn chosen(ends: &[End], names: &[String]) -> Result<Vec<End>, String> {
    if names.is_empty() {
        return Ok(ends.to_vec());
    }
    let mut kept: Vec<End> = Vec::new();
    for name in names {
        let mut found = ends.to_vec();
        found.iter_mut().for_each(|end| end.keep(name));
        found.retain(|end| !end.members.is_empty());
        if found.is_empty() {
            let members = ends.iter().flat_map(|end| &end.members).map(|member| member.name.as_str());
            let subnets = ends.iter().filter_map(|end| end.subnet.as_deref());
            let vnets = subnets.clone().filter_map(|path| path.split('/').next());
            let near = suggestion(name, members.chain(subnets).chain(vnets));
            return Err(format!(
                "no VM, NIC, subnet (vnet/subnet), virtual network, site or private endpoint `{name}`{near}"
            ));
        }
        for end in found {
            match kept.iter_mut().find(|known| known.subnet == end.subnet && shares(ends, known, &end)) {
                Some(known) => known.members.extend(
                    end.members.into_iter().filter(|m| !known.members.contains(m)).collect::<Vec<_>>(),
                ),
                None => kept.push(end),
            }
        }
    }
    Ok(kept)
}

/// True when both are parts of one class.
fn shares(ends: &[End], a: &End, b: &End) -> bool {
    ends.iter().any(|end| [a, b].iter().all(|part| end.members.contains(&part.members[0])))
}

/// The addresses by which `from` sends to `to`: IPv4 where both have it. `None` when they share no family, when `from`
/// only answers, when neither lies in Azure's networks, and when the internet has no address for `to`.
pub fn addresses(network: &Network, from: Who, to: Who) -> Option<(Endpoint, Endpoint)> {
    match (from, to) {
        (Who::PrivateEndpoint(_) | Who::Frontend { .. }, _)
        | (Who::Internet(_), Who::PrivateEndpoint(_) | Who::Site(..) | Who::Internet(_))
        | (Who::Site(..), Who::Internet(_) | Who::Frontend { public: true, .. }) => return None,
        _ if from == to => return None,
        _ => {}
    }
    let outside = matches!(from, Who::Internet(_));
    let (ours, theirs) = (addresses_of(network, from, false), addresses_of(network, to, outside));
    let first = |v4: bool| {
        let of = |all: &[IpAddr]| all.iter().copied().find(|ip| ip.is_ipv4() == v4);
        Some((of(&ours)?, of(&theirs)?))
    };
    let (ours, theirs) = first(true).or_else(|| first(false))?;
    let end = |who, address| Some(Endpoint { place: place(network, who)?, address });
    Some((end(from, ours)?, end(to, theirs)?))
}

fn place(network: &Network, who: Who) -> Option<Place> {
    Some(match who {
        Who::Nic(nic) => Place::Nic(nic),
        Who::PrivateEndpoint(id) => Place::PrivateEndpoint(id),
        Who::Site(site, _) => Place::Site(site),
        Who::Internet(_) => Place::Internet,
        Who::Frontend { address, .. } => network.endpoint(&address.to_string(), None).ok()?.place,
    })
}

fn addresses_of(network: &Network, who: Who, public: bool) -> Vec<IpAddr> {
    match who {
        Who::Nic(nic) => {
            let configs = network[nic].ip_configurations.iter();
            configs.filter_map(|c| if public { c.public_address } else { Some(c.address) }).collect()
        }
        Who::PrivateEndpoint(id) => vec![network[id].address],
        Who::Site(_, address) | Who::Internet(address) => vec![address],
        Who::Frontend { public: false, .. } if public => Vec::new(),
        Who::Frontend { address, .. } => vec![address],
    }
}

/// Everything that makes a NIC different from others. Equal kinds are one class.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Kind {
    subnet: SubnetId,
    nsg: Option<NsgId>,
    forwards: bool,
    configurations: Vec<Configuration>,
    pools: Vec<(LbId, usize, usize)>,
    size: Option<String>,
    running: bool,
    guest_works: (bool, bool),
    listen: Option<Vec<ProtoPort>>,
    mtu: u16,
    tcp_window: Option<u32>,
    delays: (SimTime, SimTime),
    /// Appliances, machines with several NICs, and what a fault or a rule names: each is like nobody else.
    alone: Option<NicId>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Configuration {
    blocks: Vec<IpNet>,
    public_blocks: Option<Vec<IpNet>>,
    asgs: Vec<AsgId>,
}

impl Kind {
    fn of(
        network: &Network,
        id: NicId,
        nic: &Nic,
        vm: &Vm,
        blocks: &Blocks,
        pools: Option<&Vec<(LbId, usize, usize)>>,
    ) -> Self {
        let guest = &vm.guest;
        let configurations = nic.ip_configurations.iter().map(|c| {
            let mut asgs = c.asgs.clone();
            asgs.sort_unstable();
            let (blocks, public_blocks) =
                (blocks.around(c.address), c.public_address.map(|ip| blocks.around(ip)));
            Configuration { blocks, public_blocks, asgs }
        });
        let mut listen = guest.listen.clone();
        listen.iter_mut().for_each(|ports| ports.sort_unstable());
        let appliance = guest.role != Role::Host
            || guest.ip_forwarding.value
            || nic.enable_ip_forwarding.value
            || guest.policy.is_some()
            || !guest.dnat.is_empty()
            || guest.packets_per_s.is_some()
            || guest.bits_per_s.is_some();
        Self {
            subnet: nic.subnet,
            nsg: nic.nsg.as_ref().map(|nsg| nsg.value),
            forwards: nic.enable_ip_forwarding.value,
            configurations: configurations.collect(),
            pools: pools.cloned().unwrap_or_default(),
            size: vm.size.clone(),
            running: vm.running,
            guest_works: (guest.state == GuestState::Working, guest.state == GuestState::Dead),
            listen,
            mtu: guest.mtu,
            tcp_window: guest.tcp_window_bytes,
            delays: (guest.processing_delay, guest.queue),
            alone: (appliance || vm.nics.len() > 1 || is_named(network, id, nic)).then_some(id),
        }
    }
}

/// True when a fault or an inbound NAT rule is about this very machine.
fn is_named(network: &Network, id: NicId, nic: &Nic) -> bool {
    let own = |end: LinkEnd| matches!((end, nic.vm), (LinkEnd::Vm(a), Some(b)) if a == b);
    let targets = network.load_balancers().iter().flat_map(|lb| &lb.rules);
    network.link_faults().iter().any(|fault| own(fault.from) || fault.to.is_some_and(own))
        || targets.into_iter().any(|rule| matches!(rule.target, LbTarget::Nic(target, _) if target == id))
}

/// Which pools each NIC is in, and by which configuration.
fn pools(network: &Network) -> BTreeMap<NicId, Vec<(LbId, usize, usize)>> {
    let mut all: BTreeMap<NicId, Vec<(LbId, usize, usize)>> = BTreeMap::new();
    for (ix, lb) in network.load_balancers().iter().enumerate() {
        for (pool, members) in lb.pools.iter().enumerate() {
            for (nic, configuration) in members {
                all.entry(*nic).or_default().push((LbId::new(ix), pool, *configuration));
            }
        }
    }
    all
}

/// Every prefix that anything in a network names.
struct Blocks {
    all: HashSet<IpNet>,
    lengths: BTreeSet<(bool, u8)>,
}

/// Address ranges that the platform and guests treat in their own ways.
const SPECIAL: [&str; 9] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "127.0.0.0/8",
    "224.0.0.0/4",
    "fc00::/7",
    "fe80::/10",
];

impl Blocks {
    fn of(network: &Network) -> Self {
        let mut all: HashSet<IpNet> = SPECIAL.iter().filter_map(|text| text.parse().ok()).collect();
        for vnet in network.vnets() {
            all.extend(vnet.address_space.iter().map(|p| p.value));
        }
        for subnet in network.subnets() {
            all.extend(subnet.prefixes.iter().map(|p| p.value));
            let tags = subnet.service_endpoints.iter();
            all.extend(tags.filter_map(|tag| network.service_tag(&tag.value)).flatten().copied());
        }
        all.extend(network.peerings().iter().flat_map(|link| link.remote_address_space.iter().copied()));
        for route in network.route_tables().iter().flat_map(|table| &table.routes) {
            all.extend(route.prefixes.iter().copied());
            if let UserNextHop::VirtualAppliance(ip) = route.next_hop {
                all.insert(ip.into());
            }
        }
        for rule in network.nsgs().iter().flat_map(|nsg| &nsg.rules) {
            for side in [&rule.source, &rule.destination] {
                match side {
                    AddressSpec::Prefixes(prefixes) => all.extend(prefixes.iter().copied()),
                    AddressSpec::Tag(tag) => {
                        all.extend(network.service_tag(tag).into_iter().flatten().copied())
                    }
                    AddressSpec::Any | AddressSpec::Asgs(_) => {}
                }
            }
        }
        all.extend(outer_blocks(network));
        let lengths = all.iter().map(|net| (net.addr().is_ipv4(), net.prefix_len())).collect();
        Self { all: all.into_iter().map(|net| net.trunc()).collect(), lengths }
    }

    /// Those that hold `ip`.
    fn around(&self, ip: IpAddr) -> Vec<IpNet> {
        let own = self.lengths.iter().filter(|(v4, _)| *v4 == ip.is_ipv4());
        let nets = own.filter_map(|(_, length)| IpNet::new(ip, *length).ok().map(|net| net.trunc()));
        nets.filter(|net| self.all.contains(net)).collect()
    }
}

/// Prefixes of sites, appliances and route servers.
fn outer_blocks(network: &Network) -> Vec<IpNet> {
    let mut all: Vec<IpNet> = Vec::new();
    for site in network.sites() {
        all.extend(site.prefixes.iter().chain(&site.advertised).map(|p| p.value));
        all.extend(site.known_prefixes.iter().flatten().copied());
        all.extend(site.bgp_peering_address.map(IpNet::from));
    }
    for guest in network.vms().iter().map(|vm| &vm.guest) {
        let rules = guest.policy.iter().flatten();
        all.extend(rules.flat_map(|rule| rule.source.iter().chain(&rule.destination)).copied());
        let translations = guest.dnat.iter().flat_map(|rule| rule.address.into_iter().chain([rule.to]));
        all.extend(translations.map(IpNet::from));
    }
    for peer in network.route_servers().iter().flat_map(|server| &server.peers) {
        all.push(peer.address.into());
        all.extend(peer.routes.iter().flat_map(|r| [r.prefix.value, r.next_hop.into()]));
    }
    all
}
