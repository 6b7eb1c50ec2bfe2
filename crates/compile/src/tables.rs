//! Puts the tables together.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
};

use vnetsim_dataplane::{
    Balancer, BalancerRule, GatewayTable, HashInput, LinkTable, Lpm, NicTable, Owner, PublicOwner, Settings,
    SiteTable, SubnetTable, Tables, VnetTable,
};
use vnetsim_model::{
    AddressOwner, ForwardedModel, LbProtocol, LbSku, LoadDistribution, Network, NsgLiveFlows, TtlGateway,
    VnetAccessModel,
};
use vnetsim_types::{
    AclIx, GatewayId, IpNet, IpProtocol, NicId, NsgId, PeeringId, RouteIx, SimTime, SiteId, SubnetId, VnetId,
};

use crate::{AclInfo, Compiled, RouteState, TagExpansion, acl, rib, tags::Tags};

/// U-13: how long an idle flow record lives when the network does not say.
const FLOW_TIMEOUT_DEFAULT: SimTime = SimTime::from_secs(4 * 60);

/// Builds the tables of `network` and fills `out` with what explains them.
pub(crate) fn build(network: &Network, epoch: u32, out: &mut Compiled) -> Tables {
    let vnets = (0..network.vnets().len()).map(VnetId::new);
    let owners: rib::Owners = vnets.map(|vnet| network.addresses_of(vnet).into_iter().collect()).collect();
    let subnets = subnets(network, &owners, out);
    let mut sets = acl::Sets::default();
    let (acls, acl_of) = acls(network, &mut sets, out);
    Tables {
        epoch,
        settings: settings(network),
        vnets: vnet_tables(network, &owners),
        subnets,
        nics: nics(network, &acl_of),
        next_hops: out.routes.iter().map(|r| r.next_hop).collect(),
        acls,
        sets: sets.sets,
        links: links(network),
        balancers: balancers(network),
        gateways: gateways(network),
        sites: sites(network),
        public: public(network),
    }
}

fn settings(network: &Network) -> Settings {
    let semantics = network.semantics();
    Settings {
        strict_access: semantics.vnet_access_model == VnetAccessModel::Strict,
        forwarded_field: semantics.forwarded_model == ForwardedModel::Field,
        gateway_lowers_ttl: semantics.ttl_gateway == TtlGateway::Decrement,
        flush_flows: semantics.nsg_live_flows == NsgLiveFlows::Flush,
    }
}

fn subnets(network: &Network, owners: &rib::Owners, out: &mut Compiled) -> Vec<SubnetTable> {
    let mut tables = Vec::new();
    for (ix, subnet) in network.subnets().iter().enumerate() {
        let base = out.routes.len();
        out.routes.extend(rib::routes(network, owners, SubnetId::new(ix), base));
        out.subnet_routes.push(base..out.routes.len());
        let rows = out.routes.iter().enumerate().skip(base);
        let active = rows.filter(|(_, r)| r.state == RouteState::Active);
        tables.push(SubnetTable {
            lpm: Lpm::build(active.map(|(ix, r)| (r.prefix, RouteIx::new(ix)))),
            nat_gateway: subnet.nat_gateway,
            default_outbound: subnet.default_outbound_access.value,
        });
    }
    tables
}

type AclOf = BTreeMap<(NsgId, SubnetId), AclIx>;

/// One ACL per NSG and subnet where it applies: at the subnet itself or at a NIC in it (NSG-01).
fn acls(network: &Network, sets: &mut acl::Sets, out: &mut Compiled) -> (Vec<vnetsim_dataplane::Acl>, AclOf) {
    let by_subnet = network.subnets().iter().enumerate();
    let mut wanted: BTreeSet<(SubnetId, NsgId)> =
        by_subnet.filter_map(|(ix, s)| Some((SubnetId::new(ix), s.nsg.as_ref()?.value))).collect();
    wanted.extend(network.nics().iter().filter_map(|n| Some((n.subnet, n.nsg.as_ref()?.value))));
    let (mut acls, mut acl_of) = (Vec::new(), AclOf::new());
    let all_tags: Vec<Tags> =
        (0..network.subnets().len()).map(|ix| Tags::of(network, SubnetId::new(ix))).collect();
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

fn vnet_tables(network: &Network, owners: &rib::Owners) -> Vec<VnetTable> {
    let mut regions: Vec<&str> = network.vnets().iter().map(|v| v.location.as_str()).collect();
    regions.sort_unstable();
    regions.dedup();
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
    }
}

fn nics(network: &Network, acl_of: &AclOf) -> Vec<NicTable> {
    let mut behind = vec![false; network.nics().len()];
    for lb in network.load_balancers().iter().filter(|lb| lb.sku == LbSku::Standard) {
        lb.pools.iter().flatten().for_each(|nic| behind[nic.ix()] = true);
    }
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
            up: nic.vm.is_some_and(|vm| network[vm].running),
            behind_standard_lb: behind[ix],
            mac: [0x00, 0x0d, 0x3a, b2, b3, b4], // ADDR-15
        }
    };
    network.nics().iter().enumerate().map(table).collect()
}

fn links(network: &Network) -> Vec<LinkTable> {
    let table = |link: &vnetsim_model::PeeringLink| {
        let back = network.link_between(link.remote.value, link.vnet);
        let back_allows = back.is_some_and(|(_, back)| back.allow_virtual_network_access.value);
        LinkTable {
            remote_space: link.remote_address_space.iter().copied().collect(),
            allow_forwarded: link.allow_forwarded_traffic.value,
            both_allow_access: link.allow_virtual_network_access.value && back_allows,
        }
    };
    network.peerings().iter().map(table).collect()
}

fn balancers(network: &Network) -> Vec<Balancer> {
    let rule = |lb: &vnetsim_model::LoadBalancer, rule: &vnetsim_model::LbRule| BalancerRule {
        frontend: rule.frontend as u32,
        protocol: match rule.protocol {
            LbProtocol::Tcp => Some(IpProtocol::TCP),
            LbProtocol::Udp => Some(IpProtocol::UDP),
            LbProtocol::All => None,
        },
        port: rule.frontend_port,
        hash: match rule.distribution {
            LoadDistribution::Default => HashInput::FiveTuple,
            LoadDistribution::SourceIp => HashInput::Addresses,
            LoadDistribution::SourceIpProtocol => HashInput::AddressesAndProtocol,
        },
        members: lb.pools[rule.pool].clone(),
    };
    let all = network.load_balancers().iter();
    all.map(|lb| Balancer {
        basic: lb.sku == LbSku::Basic,
        rules: lb.rules.iter().map(|r| rule(lb, r)).collect(),
    })
    .collect()
}

fn gateways(network: &Network) -> Vec<GatewayTable> {
    let table = |gateway: &vnetsim_model::Gateway| {
        let of_site =
            |site: &SiteId| network[*site].prefixes.iter().map(|p| (p.value, *site)).collect::<Vec<_>>();
        let mut prefixes: Vec<(IpNet, SiteId)> = gateway.sites.iter().flat_map(of_site).collect();
        prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.prefix_len()));
        GatewayTable { vnet: gateway.vnet, subnet: gateway.subnet, prefixes }
    };
    network.gateways().iter().map(table).collect()
}

fn sites(network: &Network) -> Vec<SiteTable> {
    let table = |(ix, site): (usize, &vnetsim_model::Site)| {
        let gateway = network.gateways().iter().position(|g| g.sites.contains(&SiteId::new(ix)));
        SiteTable {
            known: site.known_prefixes.as_ref().map(|list| list.iter().copied().collect()),
            gateway: gateway.map(GatewayId::new),
        }
    };
    network.sites().iter().enumerate().map(table).collect()
}

fn public(network: &Network) -> HashMap<IpAddr, PublicOwner> {
    let frontends = network.load_balancers().iter().flat_map(|lb| &lb.frontends).filter(|f| f.vnet.is_none());
    let gateways = network.gateways().iter().filter_map(|g| g.public_address);
    let others = frontends.map(|f| f.address).chain(gateways);
    let mut map: HashMap<IpAddr, PublicOwner> = others.map(|ip| (ip, PublicOwner::NotModelled)).collect();
    for (ix, nic) in network.nics().iter().enumerate() {
        for config in &nic.ip_configurations {
            if let Some(public) = config.public_address {
                map.insert(public, PublicOwner::Nic(NicId::new(ix), config.address));
            }
        }
    }
    map
}
