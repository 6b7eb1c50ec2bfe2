//! Gateways and connections come and go (GW-01 to GW-05, PEER-09).

use std::{collections::BTreeSet, net::IpAddr};

use vnetsim_types::{GatewayId, VnetId};

use super::{Refusal, not_found, refuse};
use crate::{
    ConnectionEnd, Network, SiteKind,
    check::{GATEWAY_SUBNET, Taken, rival_gateway},
    draft::{self, Ref},
};

impl Network {
    pub(super) fn put_gateway(
        &mut self,
        vnet: VnetId,
        said: &draft::VirtualNetworkGateway,
    ) -> Result<(), Refusal> {
        self.may_have_gateway(vnet, said)?;
        let mut taken = Taken::of(self, vnet);
        let used = self.public_addresses_in_use();
        let id = self.checked(|checker| {
            let id = checker.gateway(said)?;
            let (subnet, place) = (checker.network[id].subnet, said.name.span);
            for ix in 0..checker.network[id].instances.len() {
                let address = checker.network[id].instances[ix].address;
                let address = checker.claim(subnet, place, address, &mut taken);
                checker.network.gateways[id.ix()].instances[ix].address = address;
            }
            Some(id)
        })?;
        let instances = id.map(|id| &self[id].instances).into_iter().flatten();
        if let Some(address) = instances.filter_map(|i| i.public_address).find(|a| used.contains(a)) {
            return refuse("PublicIPAddressInUse", format!("{address} has an owner already (ADDR-06)"));
        }
        self.no_new_faults(&[], &[vnet])
    }

    /// ADDR-06: what NICs, public frontends, gateways and NAT gateways have.
    fn public_addresses_in_use(&self) -> BTreeSet<IpAddr> {
        let nics = self.nics.iter().flat_map(|nic| &nic.ip_configurations).filter_map(|c| c.public_address);
        let frontends = self.load_balancers.iter().flat_map(|lb| &lb.frontends);
        let gateways = self.gateways.iter().filter(|g| !g.deleted).flat_map(|g| &g.instances);
        nics.chain(frontends.filter(|frontend| frontend.vnet.is_none()).map(|frontend| frontend.address))
            .chain(gateways.filter_map(|instance| instance.public_address))
            .chain(self.subnets.iter().flat_map(|subnet| subnet.nat_gateway.iter().copied()))
            .collect()
    }

    /// GW-01, GW-23; PEER-09: whoever borrows a gateway has none of its own.
    fn may_have_gateway(&self, vnet: VnetId, said: &draft::VirtualNetworkGateway) -> Result<(), Refusal> {
        let (name, home) = (&said.name.value, &self[vnet].name.value);
        if self.gateway_named(name).is_some() {
            let message = format!("there is a gateway called `{name}`; delete it first");
            return refuse("ResourceAlreadyExists", message);
        }
        if self.subnet_named(vnet, GATEWAY_SUBNET).is_none() {
            let message = format!("`{home}` has no GatewaySubnet (GW-01)");
            return refuse("GatewaySubnetNotFound", message);
        }
        let kind = said.gateway_type.value;
        if let Some(other) = rival_gateway(self, vnet, kind) {
            let message = format!(
                "`{home}` has gateway `{}` already; there is no room for one of type {} (GW-01, GW-23)",
                self[other].name.value,
                kind.text()
            );
            return refuse("VnetAlreadyHasGateway", message);
        }
        if let Some((_, link)) = self.links_of(vnet).find(|(_, l)| l.use_remote_gateways.value && !l.implied)
        {
            let message = format!("`{home}` borrows a gateway by link `{}` (PEER-09)", link.name.value);
            return refuse("VnetUsesRemoteGateways", message);
        }
        Ok(())
    }

    /// Refused while something uses it: a connection, or a peer that borrows it.
    pub(super) fn delete_gateway(&mut self, name: &Ref) -> Result<(), Refusal> {
        let id = self.existing_gateway(name)?;
        let clients =
            |end: ConnectionEnd| matches!(end, ConnectionEnd::Site(s) if self[s].kind == SiteKind::Clients);
        if let Some((_, used, _)) = self.connections_of(id).find(|(.., end)| !clients(*end)) {
            let message = format!("gateway `{}` has connection `{}`", name.value, used.name.value);
            return refuse("InUseByConnections", message);
        }
        let home = self[id].vnet;
        let borrower = self.existing_vnets().find(|(vnet, _)| {
            self.borrowed_gateway_link(*vnet).is_some_and(|(_, link)| link.remote.value == home)
        });
        if let Some((_, borrower)) = borrower {
            let message = format!("`{}` borrows gateway `{}` (PEER-09)", borrower.name.value, name.value);
            return refuse("InUseByPeerings", message);
        }
        self.gateways[id.ix()].deleted = true;
        for connection in self.connections.iter_mut().filter(|c| c.gateway == id) {
            connection.deleted = true; // only its point-to-site clients are left
        }
        Ok(())
    }

    /// A gateway that does not run teaches nothing, learns nothing and forwards nothing.
    pub(super) fn set_gateway_running(&mut self, name: &Ref, running: bool) -> Result<(), Refusal> {
        let id = self.existing_gateway(name)?;
        self.gateways[id.ix()].running = running;
        Ok(())
    }

    fn existing_gateway(&self, name: &Ref) -> Result<GatewayId, Refusal> {
        match self.gateway_named(&name.value) {
            Some(id) => Ok(id),
            None => not_found(format!("there is no virtual network gateway called `{}`", name.value)),
        }
    }

    pub(super) fn put_connection(&mut self, said: &draft::Connection) -> Result<(), Refusal> {
        let gateway = self.existing_gateway(&said.virtual_network_gateway)?;
        let home = [self[gateway].vnet];
        let faults = self.faults(&home);
        if let draft::ConnectionEnd::VirtualNetworkGateway(other) = &said.end {
            self.existing_gateway(other)?;
        }
        let existing = self.connection_named(&said.name.value);
        let before = existing.map(|id| (self[id].gateway, self[id].end));
        let id = self.checked(|checker| checker.connection(said, existing))?;
        let now = id.map(|id| (self[id].gateway, self[id].end));
        if before.is_some() && before != now {
            let message = format!("connection `{}` cannot change its ends; delete it first", said.name.value);
            return refuse("ConnectionEndsCannotChange", message);
        }
        self.no_new_faults(&faults, &home)
    }

    pub(super) fn delete_connection(&mut self, name: &Ref) -> Result<(), Refusal> {
        let Some(id) = self.connection_named(&name.value) else {
            return not_found(format!("there is no connection called `{}`", name.value));
        };
        self.connections[id.ix()].deleted = true;
        Ok(())
    }
}
