//! Who has an address: for hops of a traceroute, of which a guest sees no more than that.
//!
//! Called by `judge` and by `report`. Costs a look at every NIC for each address.

use std::net::IpAddr;

use vnetsim_model::Network;

/// The names under which `address` is known, the best one first: of the VM and the NIC, of the gateway or of the private
/// endpoint that has it, else of the site that it lies in. More than one where address spaces overlap.
pub fn owner_names(network: &Network, address: IpAddr) -> Vec<String> {
    let mut names = Vec::new();
    for nic in network.nics() {
        let public = |c: &vnetsim_model::IpConfiguration| c.public_address == Some(address);
        if nic.owns(address) || nic.ip_configurations.iter().any(public) {
            names.extend(nic.vm.map(|vm| network[vm].name.value.clone()));
            names.push(nic.name.value.clone());
        }
    }
    for gateway in network.gateways().iter().filter(|gateway| !gateway.deleted) {
        let mut own = gateway.instances.iter();
        if own.any(|i| i.address == address || i.public_address == Some(address)) {
            names.push(gateway.name.value.clone());
        }
    }
    let endpoints = network.private_endpoints().iter().filter(|endpoint| endpoint.address == address);
    names.extend(endpoints.map(|endpoint| endpoint.name.value.clone()));
    if names.is_empty() {
        names.extend(network.site_of(address).map(|site| network[site].name.value.clone()));
    }
    names
}
