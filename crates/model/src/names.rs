//! What a name means that somebody typed, and near misses.
//!
//! Owns the look-ups by name, in which case does not count, and "did you mean". Called by whoever reads names: operations,
//! expectations, arguments of commands. Costs a look at every object of the kind.

use std::net::IpAddr;

use vnetsim_types::{
    ConnectionId, GatewayId, NicId, PeeringId, Place, PrivateEndpointId, SiteId, SubnetId, VnetId,
};

use crate::{Connection, ConnectionEnd, Endpoint, Gateway, Network, PeeringLink, SiteKind};

/// The candidate most like `word`, if one is near enough to be a typing error.
///
/// Case does not count. Ties go to the first candidate, so the answer does not depend on chance.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let allowed = 1 + word.len() / 4;
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let distance = strsim::damerau_levenshtein(&word, &candidate.to_ascii_lowercase());
        if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// "; did you mean `near`?" for the end of a message; empty when no candidate is near.
pub fn suggestion<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    did_you_mean(word, candidates).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

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

    /// Both ends of a flow, each as [`endpoint`](Self::endpoint) finds it, with addresses of one family.
    pub fn endpoints(&self, from: &str, to: &str) -> Result<(Endpoint, Endpoint), String> {
        let sender = self.sender(from, to.parse().ok())?;
        let receiver = self.endpoint(to, Some(sender.address))?;
        if sender.address.is_ipv4() == receiver.address.is_ipv4() {
            return Ok((sender, receiver));
        }
        Err(format!("{} and {} are of different address families", sender.address, receiver.address))
    }

    /// Who sends: as [`endpoint`](Self::endpoint), but an address inside a subnet that nobody has is a mistake of the question.
    pub fn sender(&self, text: &str, family_like: Option<IpAddr>) -> Result<Endpoint, String> {
        let found = self.endpoint(text, family_like)?;
        let holds = |subnet: &&crate::Subnet| subnet.prefixes.iter().any(|p| p.contains(&found.address));
        let home = self.subnets.iter().position(|subnet| holds(&subnet)).map(SubnetId::new);
        let Some(home) = home.filter(|_| found.place == Place::Internet) else { return Ok(found) };
        let nics = self.nics.iter().filter(|nic| nic.subnet == home);
        let named = nics.filter_map(|nic| {
            let name = nic.vm.map_or(&nic.name.value, |vm| &self[vm].name.value);
            Some(format!("{name} {}", nic.ip_configurations.first()?.address))
        });
        let near: Vec<String> = named.take(4).collect();
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

    /// What people call a NIC: by its VM if it is the primary one, else by its own name. [`nic_named`](Self::nic_named)
    /// takes it back.
    pub fn nic_title(&self, id: NicId) -> &str {
        let nic = &self[id];
        let vm = nic.vm.map(|vm| &self[vm]).filter(|vm| vm.nics.first() == Some(&id));
        vm.map_or(&nic.name.value, |vm| &vm.name.value)
    }

    /// The virtual network called `name` that exists.
    pub fn vnet_named(&self, name: &str) -> Option<VnetId> {
        self.existing_vnets().find(|(_, vnet)| vnet.name.value.eq_ignore_ascii_case(name)).map(|(id, _)| id)
    }

    /// The subnet that `path` names, as `vnet/subnet`.
    pub fn subnet_at(&self, path: &str) -> Option<SubnetId> {
        let (vnet, name) = path.split_once('/')?;
        self.subnet_named(self.vnet_named(vnet)?, name)
    }

    /// The subnet of `vnet` with that name.
    pub fn subnet_named(&self, vnet: VnetId, name: &str) -> Option<SubnetId> {
        let mut all = self[vnet].subnets.iter().copied();
        all.find(|id| self[*id].name.value.eq_ignore_ascii_case(name))
    }

    /// The link of `vnet` called `name`; implied ones have no name in Azure.
    pub fn link_named(&self, vnet: VnetId, name: &str) -> Option<PeeringId> {
        let same = |link: &PeeringLink| !link.implied && link.name.value.eq_ignore_ascii_case(name);
        self.links_of(vnet).find(|(_, link)| same(link)).map(|(id, _)| id)
    }

    /// The gateway called `name` that exists.
    pub fn gateway_named(&self, name: &str) -> Option<GatewayId> {
        let same = |gateway: &Gateway| !gateway.deleted && gateway.name.value.eq_ignore_ascii_case(name);
        self.gateways.iter().position(same).map(GatewayId::new)
    }

    /// The connection called `name` that exists, point-to-site ones aside: those are part of their gateway.
    pub fn connection_named(&self, name: &str) -> Option<ConnectionId> {
        let clients = |connection: &Connection| match connection.end {
            ConnectionEnd::Site(site) => self[site].kind == SiteKind::Clients,
            ConnectionEnd::Gateway(_) => false,
        };
        let same = |c: &Connection| !c.deleted && !clients(c) && c.name.value.eq_ignore_ascii_case(name);
        self.connections.iter().position(same).map(ConnectionId::new)
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
        let near = suggestion(text, vms.chain(nics).chain(endpoints));
        format!("no VM, NIC, private endpoint or address `{text}`{near}")
    }
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn finds_typing_errors_only() {
        let names = ["addressPrefix", "addressPrefixes", "routeTable"];
        assert_eq!(did_you_mean("adressPrefix", names), Some("addressPrefix"));
        assert_eq!(did_you_mean("routetable", names), Some("routeTable"));
        assert_eq!(did_you_mean("networkSecurityGroup", names), None);
    }
}
