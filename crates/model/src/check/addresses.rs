//! Virtual networks and subnets, and which blocks they may have (Part 1.1 of the semantics).

use std::collections::BTreeMap;

use vnetsim_data::Data;
use vnetsim_types::{At, IpNet, Problem, SimTime, Span, SubnetId, VnetId};

use super::Checker;
use crate::{
    DeploymentModel, PrivateEndpointPolicies, Subnet, Vnet, did_you_mean,
    draft::{self, Draft},
    limits,
};

/// ADDR-01: blocks that no virtual network may touch.
const FORBIDDEN: [&str; 5] =
    ["224.0.0.0/4", "255.255.255.255/32", "127.0.0.0/8", "169.254.0.0/16", "168.63.129.16/32"];

/// Where no network says a region. One that says none is where the first one is that does, so that no peering
/// is global by accident.
const LOCATION_DEFAULT: &str = "eastus";

pub(super) fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

impl Checker {
    pub(super) fn vnets(&mut self, draft: &Draft) {
        let first = draft.virtual_networks.iter().find_map(|vnet| vnet.location.as_ref());
        let default = first.map_or(LOCATION_DEFAULT, |location| &location.value);
        for vnet in &draft.virtual_networks {
            let id = VnetId::new(self.network.vnets.len());
            self.address_space(&vnet.name, &vnet.address_prefixes);
            let subnets = vnet.subnets.iter().map(|subnet| self.subnet(id, vnet, subnet)).collect();
            let location = vnet.location.as_ref().map_or(default, |l| &l.value);
            let location = location.to_ascii_lowercase().replace(' ', "");
            self.region(vnet, &location);
            let address_space =
                vnet.address_prefixes.iter().map(|p| At::new(p.value.trunc(), p.span)).collect();
            let flow_timeout = self.flow_timeout(vnet);
            let subscription = self.subscription_of(vnet);
            let model = vnet.deployment_model.as_ref();
            self.network.vnets.push(Vnet {
                name: vnet.name.clone(),
                location,
                address_space,
                subnets,
                flow_timeout,
                subscription,
                deployment_model: model.map_or(DeploymentModel::ResourceManager, |m| m.value),
                deleted: false,
            });
        }
        self.network_limits(draft);
    }

    /// ADDR-10, PEER-31: a region that the data files know, in the cloud of the subscription.
    fn region(&mut self, vnet: &draft::VirtualNetwork, location: &str) {
        let Some(written) = &vnet.location else { return };
        let Some(region) = Data::current().region(location) else {
            let what = format!("no region is called `{}`", written.value);
            let near = did_you_mean(location, Data::current().regions().map(|region| region.name.as_str()));
            let help = near.map_or("its cloud, distances and prices are not known".to_owned(), |near| {
                format!("did you mean `{near}`?")
            });
            return self.problem(Problem::warning("UNKNOWN_REGION", written.span, what).help(help));
        };
        let named =
            vnet.subscription.as_ref().and_then(|name| self.names.subscriptions.get(&name.value).ok());
        if let Some(subscription) = named.map(|ix| &self.network.subscriptions[ix])
            && subscription.cloud != region.cloud
        {
            let what = format!(
                "`{}` is in region {location} of cloud {}; its subscription is in cloud {}",
                vnet.name.value,
                region.cloud.text(),
                subscription.cloud.text()
            );
            self.problem(Problem::error("CONFLICTING_PROPERTIES", written.span, what).help(
                "take a region of the subscription's cloud, or give the subscription that cloud (PEER-31)",
            ));
        }
    }

    /// ADDR-11.
    fn network_limits(&mut self, draft: &Draft) {
        let limits = self.limits();
        let mut homes: BTreeMap<(usize, String), Vec<Span>> = BTreeMap::new();
        for (ix, vnet) in draft.virtual_networks.iter().enumerate() {
            let (name, count) = (&vnet.name, vnet.subnets.len());
            let what = || format!("virtual network `{}` has {count} subnets", name.value);
            self.at_most(&limits.subnets_per_vnet, count, name.span, what);
            let checked = &self.network.vnets[ix];
            let home = (checked.subscription, checked.location.clone());
            homes.entry(home).or_default().push(name.span);
        }
        for ((_, location), spans) in homes {
            let what = || format!("a subscription has {} virtual networks in {location}", spans.len());
            let last = spans.last().copied().unwrap_or_default();
            self.at_most(&limits.vnets_per_region, spans.len(), last, what);
        }
    }

    fn flow_timeout(&mut self, vnet: &draft::VirtualNetwork) -> Option<SimTime> {
        let minutes = vnet.flow_timeout_in_minutes.as_ref()?;
        let limits = self.limits();
        let range =
            limits::range(&limits.flow_timeout_minutes_shortest, &limits.flow_timeout_minutes_longest);
        if !range.contains(&minutes.value) {
            let what = format!("flowTimeoutInMinutes of `{}` is {}", vnet.name.value, minutes.value);
            let help = format!("it goes from {} to {} (NSG-32)", range.start(), range.end());
            self.problem(Problem::error("BAD_VALUE", minutes.span, what).help(help));
            return None;
        }
        Some(SimTime::from_secs(minutes.value * 60))
    }

    /// ADDR-01, ADDR-03.
    pub(crate) fn address_space(&mut self, vnet: &At<String>, blocks: &[At<IpNet>]) {
        if blocks.is_empty() {
            let what = format!("virtual network `{}` has no address space", vnet.value);
            self.problem(
                Problem::error("MISSING_PROPERTY", vnet.span, what)
                    .help("add addressSpace: { addressPrefixes: [10.0.0.0/16] }"),
            );
        }
        for (ix, block) in blocks.iter().enumerate() {
            self.no_host_bits(block);
            for text in FORBIDDEN {
                let forbidden: IpNet = text.parse().expect("the list above holds blocks");
                if overlap(block, &forbidden) {
                    let what = format!("address space {} of `{}` touches {text}", block.value, vnet.value);
                    self.problem(
                        Problem::error("FORBIDDEN_ADDRESS_SPACE", block.span, what)
                            .help("Azure reserves that block (ADDR-01)"),
                    );
                }
            }
            if let Some(first) = blocks[..ix].iter().find(|other| overlap(block, other)) {
                let what = format!("blocks {} and {} of `{}` overlap", first.value, block.value, vnet.value);
                self.problem(
                    Problem::error("OVERLAPPING_ADDRESS_SPACE", block.span, what)
                        .related(first.span, "the other one")
                        .help("blocks of one virtual network are disjoint (ADDR-03)"),
                );
            }
        }
    }

    fn no_host_bits(&mut self, block: &At<IpNet>) {
        if block.trunc() != block.value {
            let what = format!("`{}` has host bits set", block.value);
            self.problem(
                Problem::error("HOST_BITS", block.span, what)
                    .help(format!("did you mean `{}`?", block.trunc())),
            );
        }
    }

    fn subnet(&mut self, vnet: VnetId, parent: &draft::VirtualNetwork, subnet: &draft::Subnet) -> SubnetId {
        self.subnet_prefixes(parent, subnet);
        let nsg = subnet.network_security_group.as_ref();
        let nsg =
            nsg.and_then(|r| Some(At::new(self.look_up("network security group", r, |x| &x.nsgs)?, r.span)));
        let table = subnet.route_table.as_ref();
        let table =
            table.and_then(|r| Some(At::new(self.look_up("route table", r, |x| &x.route_tables)?, r.span)));
        let nat_gateway = subnet.nat_gateway.as_ref().map(|r| self.nat_gateway_named(r));
        let outbound = subnet.default_outbound_access.clone();
        if let Some(private) = outbound.as_ref().filter(|access| !access.value) {
            let what = format!("subnet `{}` has no default outbound access", subnet.name.value);
            self.only_modern(private.span, what, "ERA-16");
        }
        let policies = subnet.private_endpoint_network_policies.as_ref();
        let service_endpoints = self.service_endpoints(subnet);
        self.network.subnets.push(Subnet {
            name: subnet.name.clone(),
            vnet,
            prefixes: subnet.address_prefixes.iter().map(|p| At::new(p.value.trunc(), p.span)).collect(),
            nsg,
            route_table: table,
            nat_gateway: nat_gateway.unwrap_or_default(),
            service_endpoints,
            default_outbound_access: outbound.unwrap_or(At::new(true, subnet.name.span)),
            private_endpoint_policies: policies.map_or(PrivateEndpointPolicies::Disabled, |p| p.value),
        });
        SubnetId::new(self.network.subnets.len() - 1)
    }

    /// RT-07: `Microsoft.Storage` is tag `Storage`.
    fn service_endpoints(&mut self, subnet: &draft::Subnet) -> Vec<At<String>> {
        let tag_of = |service: &At<String>| {
            let tag = service.value.strip_prefix("Microsoft.").unwrap_or(&service.value);
            At::new(tag.to_owned(), service.span)
        };
        let tags: Vec<_> = subnet.service_endpoints.iter().map(tag_of).collect();
        for tag in &tags {
            if self.network.service_tag(&tag.value).is_none() {
                let what = format!("the prefixes behind service endpoint `{}` are not known", tag.value);
                self.problem(
                    Problem::error("UNKNOWN_SERVICE_TAG", tag.span, what)
                        .help("list them under network.serviceTags"),
                );
            }
        }
        tags
    }

    /// ADDR-04.
    fn subnet_prefixes(&mut self, vnet: &draft::VirtualNetwork, subnet: &draft::Subnet) {
        let path = format!("{}/{}", vnet.name.value, subnet.name.value);
        if subnet.address_prefixes.is_empty() {
            let what = format!("subnet `{path}` has no addressPrefix");
            self.problem(Problem::error("MISSING_PROPERTY", subnet.name.span, what));
        }
        for (ix, prefix) in subnet.address_prefixes.iter().enumerate() {
            self.no_host_bits(prefix);
            if !vnet.address_prefixes.iter().any(|block| block.contains(&prefix.value)) {
                let what = format!("subnet `{path}` {} lies outside the address space", prefix.value);
                let problem = Problem::error("SUBNET_OUTSIDE_VNET", prefix.span, what);
                self.problem(match vnet.address_prefixes.first() {
                    Some(block) => problem.related(block.span, "the address space"),
                    None => problem,
                });
            }
            self.subnet_size(&path, prefix);
            let siblings = vnet.subnets.iter().take_while(|s| !std::ptr::eq(*s, subnet));
            let own = subnet.address_prefixes[..ix].iter().map(|p| (subnet, p));
            let mut before = siblings.flat_map(|s| s.address_prefixes.iter().map(move |p| (s, p))).chain(own);
            if let Some((other, place)) = before.find(|(_, p)| overlap(p, prefix)) {
                let what = format!("subnet `{path}` {} overlaps subnet `{}`", prefix.value, other.name.value);
                self.problem(
                    Problem::error("OVERLAPPING_SUBNETS", prefix.span, what)
                        .related(place.span, "the other one")
                        .help("subnets of one virtual network are disjoint (ADDR-04)"),
                );
            }
        }
    }

    fn subnet_size(&mut self, path: &str, prefix: &At<IpNet>) {
        let limits = self.limits();
        let lens = limits::range(&limits.subnet_prefix_length_shortest, &limits.subnet_prefix_length_longest);
        let ok = match prefix.value {
            IpNet::V4(net) => lens.contains(&net.prefix_len().into()),
            IpNet::V6(net) => net.prefix_len() == limits::SUBNET_PREFIX_LEN_V6,
        };
        if !ok {
            let what = format!("subnet `{path}` has size /{}", prefix.prefix_len());
            let (largest, smallest) = (lens.start(), lens.end());
            let help =
                format!("IPv4 subnets go from /{largest} to /{smallest}, IPv6 subnets are /64 (ADDR-04)");
            self.problem(Problem::error("BAD_SUBNET_SIZE", prefix.span, what).help(help));
        }
    }
}
