//! Public addresses and the NAT gateways that have some of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
};

use vnetsim_types::{Problem, Span};

use super::Checker;
use crate::draft::{self, Draft, Ref};

/// The documentation ranges (RFC 5737) supply public addresses that a file does not give.
const DOCUMENTATION_RANGES: [[u8; 3]; 2] = [[203, 0, 113], [198, 51, 100]];

impl Checker {
    /// Gives every public IP address object an address (ADDR-18).
    pub(super) fn public_addresses(&mut self, draft: &Draft) {
        let given = draft.public_ip_addresses.iter().filter_map(|p| p.ip_address.as_ref().map(|a| a.value));
        let mut taken: BTreeSet<IpAddr> = BTreeSet::new();
        let mut twice: Vec<IpAddr> = given.filter(|a| !taken.insert(*a)).collect();
        let all = DOCUMENTATION_RANGES.iter();
        let all = all.flat_map(|[a, b, c]| (1..255).map(|d| IpAddr::from([*a, *b, *c, d])));
        let mut pool = all.filter(|a| !taken.contains(a)).collect::<Vec<_>>().into_iter();
        for public in &draft.public_ip_addresses {
            let given = public.ip_address.as_ref().map(|a| a.value);
            let Some(address) = given.or_else(|| pool.next()) else {
                let what = format!("no documentation address is left for `{}`", public.name.value);
                self.problem(
                    Problem::error("MISSING_PROPERTY", public.name.span, what).help("give it an ipAddress"),
                );
                // The error above keeps the network from being made; positions must still agree.
                self.network.public_ips.push((public.name.value.clone(), Ipv4Addr::UNSPECIFIED.into()));
                continue;
            };
            if let Some(place) = twice.iter().position(|a| *a == address) {
                twice.remove(place);
                let what = format!("public address {address} is given twice");
                self.problem(Problem::error("DUPLICATE_ADDRESS", public.name.span, what));
            }
            self.network.public_ips.push((public.name.value.clone(), address));
        }
    }

    /// ADDR-06: a public address has one owner.
    pub(super) fn public_address_owners(&mut self, draft: &Draft) {
        let configs = draft.network_interfaces.iter().flat_map(|nic| &nic.ip_configurations);
        let frontends = draft.load_balancers.iter().flat_map(|lb| &lb.frontends);
        let instances = draft.virtual_network_gateways.iter().flat_map(|gateway| &gateway.ip_configurations);
        let owned = configs.filter_map(|config| config.public_ip_address.as_ref());
        let owned = owned.chain(frontends.filter_map(|frontend| frontend.public_ip_address.as_ref()));
        let owned = owned.chain(instances.filter_map(|instance| instance.public_ip_address.as_ref()));
        let owned = owned.chain(draft.nat_gateways.iter().flat_map(|nat| &nat.public_ip_addresses));
        let mut owners: BTreeMap<String, Span> = BTreeMap::new();
        for name in owned {
            if let Some(first) = owners.insert(name.value.to_ascii_lowercase(), name.span) {
                let what = format!("public IP address `{}` has two owners", name.value);
                self.problem(
                    Problem::error("DUPLICATE_ADDRESS", name.span, what)
                        .related(first, "the other owner")
                        .help("an address has at most one owner (ADDR-06); add another public IP address"),
                );
            }
        }
    }

    pub(super) fn public_address_named(&mut self, name: &Ref) -> Option<IpAddr> {
        let ix = self.look_up("public IP address", name, |x| &x.public_ips)?;
        self.network.public_ips.get(ix).map(|(_, address)| *address)
    }

    /// OUT-05: up to 16 public addresses each.
    pub(super) fn nat_gateways(&mut self, draft: &Draft) {
        for nat in &draft.nat_gateways {
            let addresses = nat.public_ip_addresses.iter();
            let addresses = addresses.filter_map(|r| self.public_address_named(r)).collect();
            self.nat_gateway_limits(nat);
            self.names.nat_gateway_addresses.push(addresses);
        }
    }

    fn nat_gateway_limits(&mut self, nat: &draft::NatGateway) {
        let (limit, count) = (&self.limits().nat_gateway_public_ips, nat.public_ip_addresses.len());
        let what = || format!("NAT gateway `{}` has {count} public IP addresses", nat.name.value);
        self.at_most(limit, count, nat.name.span, what);
    }

    /// OUT-05: a NAT gateway serves subnets of one virtual network.
    pub(super) fn nat_gateway_homes(&mut self, draft: &Draft) {
        let mut homes: BTreeMap<String, &str> = BTreeMap::new();
        for vnet in &draft.virtual_networks {
            for name in vnet.subnets.iter().filter_map(|subnet| subnet.nat_gateway.as_ref()) {
                let home = *homes.entry(name.value.to_ascii_lowercase()).or_insert(&vnet.name.value);
                if home != vnet.name.value {
                    let what =
                        format!("NAT gateway `{}` serves `{home}` and `{}`", name.value, vnet.name.value);
                    self.problem(
                        Problem::error("NAT_GATEWAY_ACROSS_VNETS", name.span, what)
                            .help("it serves subnets of one virtual network (OUT-05); add another one"),
                    );
                }
            }
        }
    }

    /// Public addresses of the NAT gateway with that name; none after a problem.
    pub(super) fn nat_gateway_named(&mut self, name: &Ref) -> Vec<IpAddr> {
        let Some(ix) = self.look_up("NAT gateway", name, |x| &x.nat_gateways) else { return Vec::new() };
        let addresses = self.names.nat_gateway_addresses.get(ix).cloned().unwrap_or_default();
        if addresses.is_empty() {
            let what = format!("NAT gateway `{}` has no public IP address", name.value);
            self.problem(Problem::error("MISSING_PROPERTY", name.span, what).help("list publicIpAddresses"));
        }
        addresses
    }
}
