//! Puts the tables together.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use vnetsim_data::Data;
use vnetsim_dataplane::{
    Beyond, EndpointTable, GatewayTable, LinkTable, LiveFlows, Lpm, NextHop, NicTable, Owner, PublicOwner,
    Settings, SiteTable, SubnetTable, Tables, VnetTable,
};
use vnetsim_model::{
    AddressOwner, ConnectionEnd, Era, FabricFragment, ForwardedModel, Network, NsgLiveFlows, PeeringScope,
    TtlGateway, VnetAccessModel,
};
use vnetsim_types::{
    AclIx, GatewayId, IpNet, LbId, NicId, NsgId, PeeringId, RouteIx, SimTime, SiteId, SubnetId, VnetId,
};

use crate::{
    AclInfo, Compiled, RouteState, TagExpansion, acl, balancers, propagation::Propagation, rib, tags::Tags,
};

/// U-13: how long an idle flow record lives when the network does not say.
const FLOW_TIMEOUT_DEFAULT: SimTime = SimTime::from_secs(4 * 60);

/// Builds the tables of `network` and fills `out` with what explains them.
pub(crate) fn build(network: &Network, epoch: u32, out: &mut Compiled) -> Tables {
    let vnets = (0..network.vnets().len()).map(VnetId::new);
    let owners: rib::Owners = vnets.map(|vnet| network.addresses_of(vnet).into_iter().collect()).collect();
    let propagation = Propagation::of(network);
    let sources = rib::Sources { network, owners: &owners, propagation: &propagation };
    let mut sets = acl::Sets::default();
    let (acls, acl_of) = acls(network, &propagation, &mut sets, out);
    let mut several = Vec::new();
    let subnets = subnets(&sources, &mut several, out);
    let endpoints = endpoints(&sources, &acl_of, &mut several, out);
    let mut tables = Tables {
        epoch,
        settings: settings(network),
        vnets: vnet_tables(network, &owners),
        region_latency_ns: region_latency_ns(network),
        subnets,
        nics: nics(network, &acl_of),
        next_hops: out.routes.iter().map(|r| r.next_hop).collect(),
        several: Vec::new(),
        acls,
        sets: sets.sets,
        links: links(network),
        balancers: Vec::new(),
        gateways: gateways(network, &propagation),
        sites: sites(network, &propagation),
        endpoints,
        public: public(network),
    };
    for (first, ways) in several {
        tables.next_hops[first.ix()] = NextHop::Several(tables.several.len() as u32);
        tables.several.push(ways);
    }
    // Probes meet the rules of the tables that they are part of.
    tables.balancers = balancers::balancers(network, &tables);
    tables
}

/// Equal routes, by the first of them.
type Several = Vec<(RouteIx, Vec<(RouteIx, NextHop)>)>;

fn settings(network: &Network) -> Settings {
    let semantics = network.semantics();
    Settings {
        strict_access: semantics.vnet_access_model == VnetAccessModel::Strict,
        forwarded_field: semantics.forwarded_model == ForwardedModel::Field,
        gateway_lowers_ttl: semantics.ttl_gateway == TtlGateway::Decrement,
        live_flows: match semantics.nsg_live_flows {
            NsgLiveFlows::Keep => LiveFlows::Keep,
            NsgLiveFlows::Resimulate => LiveFlows::Resimulate,
            NsgLiveFlows::Flush => LiveFlows::Flush,
        },
        fragment_at_1400: semantics.fabric_fragment == FabricFragment::At1400,
        nat_connections_max: nat_connections_max(semantics.era),
    }
}

/// OUT-05; without a figure there is no limit.
fn nat_connections_max(era: Era) -> u32 {
    let limits = Data::current().limits(era.text());
    let figure = limits.map(|limits| limits.nat_gateway_connections_per_ip_and_destination.value);
    figure.and_then(|figure| u32::try_from(figure).ok()).unwrap_or(u32::MAX)
}

fn subnets(sources: &rib::Sources<'_>, several: &mut Several, out: &mut Compiled) -> Vec<SubnetTable> {
    let mut tables = Vec::new();
    for (ix, subnet) in sources.network.subnets().iter().enumerate() {
        let base = out.routes.len();
        out.routes.extend(rib::routes(sources, SubnetId::new(ix), base, true));
        out.subnet_routes.push(base..out.routes.len());
        tables.push(SubnetTable {
            vnet: subnet.vnet,
            lpm: lpm(out, base, several),
            nat_gateway: subnet.nat_gateway.clone(),
            default_outbound: subnet.default_outbound_access.value,
        });
    }
    tables
}

/// The table of the rows from `base` on: winners only. Equal winners share the traffic (FE-04).
fn lpm(out: &Compiled, base: usize, several: &mut Several) -> Lpm {
    let mut ways: BTreeMap<IpNet, Vec<(RouteIx, NextHop)>> = BTreeMap::new();
    let rows = out.routes.iter().enumerate().skip(base);
    for (ix, row) in rows.filter(|(_, row)| row.state == RouteState::Active) {
        ways.entry(row.prefix).or_default().push((RouteIx::new(ix), row.next_hop));
    }
    let firsts: Vec<(IpNet, RouteIx)> = ways.iter().map(|(prefix, ways)| (*prefix, ways[0].0)).collect();
    several.extend(ways.into_values().filter(|ways| ways.len() > 1).map(|ways| (ways[0].0, ways)));
    Lpm::build(firsts)
}

fn endpoints(
    sources: &rib::Sources<'_>,
    acl_of: &AclOf,
    several: &mut Several,
    out: &mut Compiled,
) -> Vec<EndpointTable> {
    let network = sources.network;
    let mut tables = Vec::new();
    for endpoint in network.private_endpoints() {
        let base = out.routes.len();
        out.routes.extend(rib::routes(sources, endpoint.subnet, base, false));
        let subnet = &network[endpoint.subnet];
        let nsg = subnet.nsg.as_ref().filter(|_| subnet.private_endpoint_policies.filters());
        tables.push(EndpointTable {
            vnet: endpoint.vnet,
            subnet: endpoint.subnet,
            acl: nsg.and_then(|nsg| acl_of.get(&(nsg.value, endpoint.subnet)).copied()),
            lpm: lpm(out, base, several),
        });
    }
    tables
}

type AclOf = BTreeMap<(NsgId, SubnetId), AclIx>;

/// One ACL per NSG and subnet where it applies: at the subnet itself or at a NIC in it (NSG-01).
fn acls(
    network: &Network,
    propagation: &Propagation<'_>,
    sets: &mut acl::Sets,
    out: &mut Compiled,
) -> (Vec<vnetsim_dataplane::Acl>, AclOf) {
    let by_subnet = network.subnets().iter().enumerate();
    let mut wanted: BTreeSet<(SubnetId, NsgId)> =
        by_subnet.filter_map(|(ix, s)| Some((SubnetId::new(ix), s.nsg.as_ref()?.value))).collect();
    wanted.extend(network.nics().iter().filter_map(|n| Some((n.subnet, n.nsg.as_ref()?.value))));
    let (mut acls, mut acl_of) = (Vec::new(), AclOf::new());
    let all_tags: Vec<Tags> =
        (0..network.subnets().len()).map(|ix| Tags::of(network, propagation, SubnetId::new(ix))).collect();
    for (subnet, nsg) in wanted {
        acls.push(acl::compile(network, nsg, subnet, &all_tags[subnet.ix()], sets, &mut out.rules));
        out.acls.push(AclInfo { nsg, subnet });
        acl_of.insert((nsg, subnet), AclIx::new(acls.len() - 1));
    }
    out.tags = all_tags
        .iter()
        .map(|tags| TagExpansion {
            virtual_network: tags.virtual_network_members.clone(),
            internet: tags.internet.prefixes(),
            azure_load_balancer: tags.azure_load_balancer.prefixes(),
        })
        .collect();
    (acls, acl_of)
}

/// The regions of the network, sorted.
fn regions(network: &Network) -> Vec<&str> {
    let mut regions: Vec<&str> = network.vnets().iter().map(|v| v.location.as_str()).collect();
    regions.sort_unstable();
    regions.dedup();
    regions
}

/// One way between regions that the data files do not know (FAB-23).
const UNKNOWN_DISTANCE_NS: u64 = 20_000_000;

fn region_latency_ns(network: &Network) -> Vec<Vec<u64>> {
    let regions = regions(network);
    let between = |a: &str, b: &str| match a == b {
        true => 0,
        false => Data::current().one_way_latency_ns(a, b).unwrap_or(UNKNOWN_DISTANCE_NS),
    };
    regions.iter().map(|a| regions.iter().map(|b| between(a, b)).collect()).collect()
}

fn vnet_tables(network: &Network, owners: &rib::Owners) -> Vec<VnetTable> {
    let regions = regions(network);
    let table = |(ix, vnet): (usize, &vnetsim_model::Vnet)| {
        let id = VnetId::new(ix);
        let mut links_from: Vec<(VnetId, PeeringId)> =
            network.connected_links_of(id).map(|(link, l)| (l.remote.value, link)).collect();
        links_from.sort_unstable();
        let prefixes = vnet.subnets.iter().flat_map(|subnet| &network[*subnet].prefixes);
        let mut broadcasts: Vec<IpAddr> = prefixes.filter_map(|p| broadcast(&p.value)).collect();
        broadcasts.sort_unstable();
        VnetTable {
            broadcasts,
            owners: owners[ix].iter().map(|(ip, owner)| (*ip, owner_of(*owner))).collect(),
            links_from,
            region: regions.binary_search(&vnet.location.as_str()).unwrap_or_default() as u16,
            flow_timeout: vnet.flow_timeout.unwrap_or(FLOW_TIMEOUT_DEFAULT),
        }
    };
    network.vnets().iter().enumerate().map(table).collect()
}

fn broadcast(prefix: &IpNet) -> Option<IpAddr> {
    match prefix {
        IpNet::V4(net) => Some(net.broadcast().into()),
        IpNet::V6(_) => None,
    }
}

fn owner_of(owner: AddressOwner) -> Owner {
    match owner {
        AddressOwner::Nic(nic) => Owner::Nic(nic),
        AddressOwner::Frontend(lb, frontend) => Owner::Frontend(lb, frontend),
        AddressOwner::Gateway(gateway) => Owner::Gateway(gateway),
        AddressOwner::PrivateEndpoint(id) => Owner::PrivateEndpoint(id),
        AddressOwner::RouteServer(_) => Owner::Silent,
    }
}

fn nics(network: &Network, acl_of: &AclOf) -> Vec<NicTable> {
    let table = |(ix, nic): (usize, &vnetsim_model::Nic)| {
        let acl = |nsg: Option<NsgId>| nsg.and_then(|nsg| acl_of.get(&(nsg, nic.subnet)).copied());
        let [b2, b3, b4] = [ix >> 16, ix >> 8, ix].map(|x| (x & 0xff) as u8);
        NicTable {
            vnet: nic.vnet,
            subnet: nic.subnet,
            addresses: nic.ip_configurations.iter().map(|c| (c.address, c.public_address)).collect(),
            ip_forwarding: nic.enable_ip_forwarding.value,
            subnet_acl: acl(network[nic.subnet].nsg.as_ref().map(|n| n.value)),
            nic_acl: acl(nic.nsg.as_ref().map(|n| n.value)),
            up: network.is_up(NicId::new(ix)),
            vm: nic.vm,
            egress_bits_per_s: nic.vm.and_then(|vm| egress_bits_per_s(network[vm].size.as_deref()?)),
            behind_standard_lb: balancers::behind_standard(network, NicId::new(ix)),
            shared_out: balancers::shared_out(network, NicId::new(ix)),
            floating: balancers::floating(network, NicId::new(ix)),
            mac: [0x00, 0x0d, 0x3a, b2, b3, b4], // ADDR-15
        }
    };
    network.nics().iter().enumerate().map(table).collect()
}

/// VM-04.
fn egress_bits_per_s(size: &str) -> Option<u64> {
    Some(Data::current().vm_size(size)?.mbps? * 1_000_000)
}

fn links(network: &Network) -> Vec<LinkTable> {
    let table = |link: &vnetsim_model::PeeringLink| {
        let back = network.link_between(link.remote.value, link.vnet);
        let back_allows = back.is_some_and(|(_, back)| back.allow_virtual_network_access.value);
        LinkTable {
            remote_space: link.remote_address_space.iter().copied().collect(),
            allow_forwarded: link.allow_forwarded_traffic.value,
            both_allow_access: link.allow_virtual_network_access.value && back_allows,
            subnets: match &link.scope {
                PeeringScope::Complete => None,
                PeeringScope::Subnets { local, remote } => Some((local.clone(), remote.clone())),
            },
        }
    };
    network.peerings().iter().map(table).collect()
}

fn gateways(network: &Network, propagation: &Propagation<'_>) -> Vec<GatewayTable> {
    let table = |(ix, gateway): (usize, &vnetsim_model::Gateway)| {
        let id = GatewayId::new(ix);
        let beyond = propagation.beyond(id).into_iter().map(|(prefix, end)| {
            let end = match end {
                ConnectionEnd::Site(site) => Beyond::Site(site),
                ConnectionEnd::Gateway(other) => Beyond::Gateway(other),
            };
            (prefix, end)
        });
        GatewayTable {
            vnet: gateway.vnet,
            subnet: gateway.subnet,
            addresses: gateway.instances.iter().map(|i| i.address).collect(),
            running: gateway.running,
            beyond: beyond.collect(),
            transit: propagation.transit(id),
        }
    };
    network.gateways().iter().enumerate().map(table).collect()
}

/// GW-06, GW-09: what each site knows, and by which gateway it sends what.
fn sites(network: &Network, propagation: &Propagation<'_>) -> Vec<SiteTable> {
    let table = |(ix, site): (usize, &vnetsim_model::Site)| {
        let id = SiteId::new(ix);
        let told = propagation.told(id);
        let known = match (&site.known_prefixes, &told) {
            (Some(list), _) => Some(list.iter().copied().collect()),
            // A connection without BGP is configured by hand, for everything.
            (None, Some(told)) if propagation.all_teach(id) => {
                Some(told.iter().map(|(prefix, ..)| *prefix).collect())
            }
            (None, _) => None,
        };
        let untaught: Vec<GatewayId> = propagation.untaught(id).collect();
        let mut routes = told.unwrap_or_default();
        routes.extend(untaught.iter().flat_map(|g| propagation.served(*g).into_iter().map(|p| (p, *g, 0))));
        // The longest prefix, then the shortest path, as BGP would have it.
        routes.sort_by_key(|(prefix, _, length)| (std::cmp::Reverse(prefix.prefix_len()), *length));
        let routes = routes.into_iter().map(|(prefix, gateway, _)| (prefix, gateway)).collect();
        SiteTable { known, routes, untaught }
    };
    network.sites().iter().enumerate().map(table).collect()
}

fn public(network: &Network) -> vnetsim_dataplane::PublicOwners {
    let mut map = vnetsim_dataplane::PublicOwners::default();
    for (ix, lb) in network.load_balancers().iter().enumerate() {
        for (place, frontend) in lb.frontends.iter().enumerate().filter(|(_, f)| f.vnet.is_none()) {
            map.insert(frontend.address, PublicOwner::Frontend(LbId::new(ix), place as u32));
        }
    }
    for (ix, gateway) in network.gateways().iter().enumerate().filter(|(_, g)| !g.deleted) {
        let public = gateway.instances.iter().filter_map(|i| i.public_address);
        map.extend(public.map(|address| (address, PublicOwner::Gateway(GatewayId::new(ix)))));
    }
    for (ix, nic) in network.nics().iter().enumerate() {
        for config in &nic.ip_configurations {
            if let Some(public) = config.public_address {
                map.insert(public, PublicOwner::Nic(NicId::new(ix), config.address));
            }
        }
    }
    map
}
