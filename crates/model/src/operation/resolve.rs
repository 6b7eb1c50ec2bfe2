//! Timeline entries to operations: every name that lasts becomes an id, or a problem with its place.

use vnetsim_types::{At, NicId, NsgId, Problem, RouteTableId, Severity, SiteId, SubnetId, VmId, VnetId};

use super::{NsgTarget, Operation, OperationKind};
use crate::{
    LinkCondition, LinkEnd, LinkFault, Network,
    check::{Checker, new_link, resolve::unknown},
    did_you_mean,
    draft::{self, Change, NsgPlace, Ref, TimelineEntry},
};

impl Operation {
    /// Resolves the names of `entry` in `network`, the network at the start of the run. Links, routes, rules,
    /// gateways and connections come and go; those are looked up when the operation runs.
    pub fn resolve(network: &Network, entry: &TimelineEntry) -> Result<Self, Vec<Problem>> {
        let kind = Finder { network }.kind(&entry.change)?;
        let principal = entry.principal.as_ref().map(|p| p.value.clone());
        Ok(Self { principal, kind })
    }

    /// What the checks of a file would warn of in what `entry` puts into `network`.
    pub fn warnings(network: &Network, entry: &TimelineEntry) -> Vec<Problem> {
        let warned = |look: &dyn Fn(&mut Checker)| {
            let mut checker = Checker::around(network.clone());
            look(&mut checker);
            checker.problems.retain(|problem| problem.severity == Severity::Warning);
            checker.problems
        };
        match &entry.change {
            Change::PutSecurityRule { rule, .. } => warned(&|checker| drop(checker.rule(rule))),
            Change::PutRoute { route, .. } => warned(&|checker| drop(checker.user_route(route))),
            Change::SetAddressSpace { address_prefixes, .. } => {
                warned(&|checker| drop(checker.blocks(address_prefixes)))
            }
            _ => Vec::new(),
        }
    }
}

/// Looks names up in a network that is already checked.
struct Finder<'a> {
    network: &'a Network,
}

impl Finder<'_> {
    fn kind(&self, change: &Change) -> Result<OperationKind, Vec<Problem>> {
        Ok(match change {
            Change::PutPeering { virtual_network, peering } => self.put_peering(virtual_network, peering)?,
            Change::DeletePeering(path) => {
                let (vnet, name) = self.child(path, "a link", "vnet/link", |vnet| self.vnet(vnet))?;
                OperationKind::DeletePeering(vnet, name)
            }
            Change::SyncPeering(path) => {
                let (vnet, name) = self.child(path, "a link", "vnet/link", |vnet| self.vnet(vnet))?;
                OperationKind::SyncPeering(vnet, name)
            }
            Change::DeleteVirtualNetwork(name) => OperationKind::DeleteVnet(self.vnet(name)?),
            Change::SetAddressSpace { virtual_network, address_prefixes } => {
                OperationKind::SetAddressSpace(self.vnet(virtual_network)?, address_prefixes.clone())
            }
            Change::PutRoute { route_table, route } => {
                OperationKind::PutRoute(self.route_table(route_table)?.value, route.clone())
            }
            Change::DeleteRoute(path) => {
                let (table, name) = self.child(path, "a route", "table/route", |t| self.route_table(t))?;
                OperationKind::DeleteRoute(table.value, name)
            }
            Change::PutSecurityRule { network_security_group, rule } => {
                let unknown = self.unknown_in(|checker| checker.rule(rule));
                let (nsg, ()) = both(self.nsg(network_security_group), unknown)?;
                OperationKind::PutSecurityRule(nsg.value, rule.clone())
            }
            Change::DeleteSecurityRule(path) => {
                let (nsg, name) = self.child(path, "a security rule", "nsg/rule", |nsg| self.nsg(nsg))?;
                OperationKind::DeleteSecurityRule(nsg.value, name)
            }
            Change::PutGateway(gateway) => self.put_gateway(gateway)?,
            Change::DeleteGateway(name) => OperationKind::DeleteGateway(name.clone()),
            Change::StartGateway(name) => OperationKind::SetGatewayRunning(name.clone(), true),
            Change::StopGateway(name) => OperationKind::SetGatewayRunning(name.clone(), false),
            Change::PutConnection(connection) => self.put_connection(connection)?,
            Change::DeleteConnection(name) => OperationKind::DeleteConnection(name.clone()),
            Change::SetIpForwarding { network_interface, enabled } => {
                let enabled = At::new(*enabled, network_interface.span);
                OperationKind::SetIpForwarding(self.nic(network_interface)?, enabled)
            }
            Change::StartVm(name) => OperationKind::SetRunning(self.vm(name)?, true),
            Change::StopVm(name) => OperationKind::SetRunning(self.vm(name)?, false),
            Change::SetGuest { virtual_machine, state } => {
                OperationKind::SetGuest(self.vm(virtual_machine)?, *state)
            }
            Change::SetLink { from, to, both_ways, condition } => {
                self.set_link(from, to.as_ref(), *both_ways, *condition)?
            }
            Change::SetRouteTable { subnet, route_table } => self.set_route_table(subnet, route_table)?,
            Change::SetNetworkSecurityGroup { at, network_security_group } => {
                self.set_nsg(at, network_security_group)?
            }
        })
    }

    /// Between two ends, either may be said first.
    fn set_link(
        &self,
        from: &Ref,
        to: Option<&Ref>,
        both_ways: bool,
        condition: LinkCondition,
    ) -> Result<OperationKind, Vec<Problem>> {
        let to = to.map(|name| self.link_end(name)).transpose();
        let (mut from, mut to) = both(self.link_end(from), to)?;
        if let Some(to) = to.as_mut().filter(|to| both_ways && **to < from) {
            std::mem::swap(&mut from, to);
        }
        Ok(OperationKind::SetLink(LinkFault { from, to, both_ways, condition }))
    }

    /// A virtual network, a VM, a site or the internet.
    fn link_end(&self, name: &Ref) -> Result<LinkEnd, Vec<Problem>> {
        if name.value.eq_ignore_ascii_case("internet") {
            return Ok(LinkEnd::Internet);
        }
        let network = self.network;
        let vnets = network.vnets.iter().enumerate();
        let vnets = vnets.map(|(ix, vnet)| (&vnet.name.value, LinkEnd::Vnet(VnetId::new(ix))));
        let vms = network.vms.iter().enumerate();
        let vms = vms.map(|(ix, vm)| (&vm.name.value, LinkEnd::Vm(VmId::new(ix))));
        let sites = network.sites.iter().enumerate();
        let sites = sites.map(|(ix, site)| (&site.name.value, LinkEnd::Site(SiteId::new(ix))));
        let all: Vec<(&String, LinkEnd)> = vnets.chain(vms).chain(sites).collect();
        let mut found = all.iter().filter(|(known, _)| known.eq_ignore_ascii_case(&name.value));
        match (found.next(), found.next()) {
            (Some((_, end)), None) => Ok(*end),
            (Some(_), Some(_)) => {
                let what = format!("several objects are called `{}`", name.value);
                let help = "an end is a virtual network, a VM or a site; rename one of them";
                Err(vec![Problem::error("BAD_VALUE", name.span, what).help(help)])
            }
            (None, _) => {
                let names = all.iter().map(|(name, _)| name.as_str()).chain(["internet"]);
                let near = did_you_mean(&name.value, names).map(str::to_owned);
                let mut problem = unknown("virtual network, VM or site", name, &near);
                if near.is_none() {
                    problem = problem.help("an end is a virtual network, a VM, a site or `internet`");
                }
                Err(vec![problem])
            }
        }
    }

    fn set_route_table(&self, subnet: &Ref, table: &Option<Ref>) -> Result<OperationKind, Vec<Problem>> {
        let table = table.as_ref().map(|name| self.route_table(name)).transpose();
        let (subnet, table) = both(self.subnet(subnet), table)?;
        Ok(OperationKind::SetRouteTable(subnet, table))
    }

    fn set_nsg(&self, at: &NsgPlace, nsg: &Option<Ref>) -> Result<OperationKind, Vec<Problem>> {
        let nsg = nsg.as_ref().map(|name| self.nsg(name)).transpose();
        let target = match at {
            NsgPlace::Subnet(name) => self.subnet(name).map(NsgTarget::Subnet),
            NsgPlace::NetworkInterface(name) => self.nic(name).map(NsgTarget::Nic),
        };
        let (target, nsg) = both(target, nsg)?;
        Ok(OperationKind::SetNsg(target, nsg))
    }

    fn put_peering(&self, vnet: &Ref, peering: &draft::Peering) -> Result<OperationKind, Vec<Problem>> {
        let (vnet, remote) = both(self.vnet(vnet), self.vnet(&peering.remote_virtual_network))?;
        if let Err(mut problems) = new_link(self.network, vnet, remote, peering) {
            problems.retain(|problem| problem.code == "UNKNOWN_REFERENCE");
            if !problems.is_empty() {
                return Err(problems);
            }
        }
        read_only(peering)?;
        Ok(OperationKind::PutPeering { vnet, remote, peering: Box::new(peering.clone()) })
    }

    fn put_gateway(&self, gateway: &draft::VirtualNetworkGateway) -> Result<OperationKind, Vec<Problem>> {
        self.unknown_in(|checker| checker.gateway(gateway))?;
        let vnet = self.vnet(&gateway.virtual_network)?;
        Ok(OperationKind::PutGateway { vnet, gateway: Box::new(gateway.clone()) })
    }

    /// Sites stay; the gateways of a connection may be made by an earlier entry.
    fn put_connection(&self, connection: &draft::Connection) -> Result<OperationKind, Vec<Problem>> {
        self.unknown_in(|checker| checker.site_end(connection))?;
        Ok(OperationKind::PutConnection(Box::new(connection.clone())))
    }

    /// The names that nothing has, of what `look` checks. Anything else that is wrong is for Azure to refuse.
    fn unknown_in<T>(&self, look: impl FnOnce(&mut Checker) -> Option<T>) -> Result<(), Vec<Problem>> {
        let mut checker = Checker::around(self.network.clone());
        look(&mut checker);
        let mut problems = checker.problems;
        problems.retain(|problem| problem.code == "UNKNOWN_REFERENCE");
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn position<'n>(
        &self,
        kind: &str,
        name: &Ref,
        names: impl Iterator<Item = &'n str> + Clone,
    ) -> Result<usize, Vec<Problem>> {
        names.clone().position(|n| n.eq_ignore_ascii_case(&name.value)).ok_or_else(|| {
            let near = did_you_mean(&name.value, names).map(str::to_owned);
            vec![unknown(kind, name, &near)]
        })
    }

    fn vnet(&self, name: &Ref) -> Result<VnetId, Vec<Problem>> {
        let names = self.network.vnets.iter().map(|v| v.name.value.as_str());
        self.position("virtual network", name, names).map(VnetId::new)
    }

    fn vm(&self, name: &Ref) -> Result<VmId, Vec<Problem>> {
        let names = self.network.vms.iter().map(|v| v.name.value.as_str());
        self.position("virtual machine", name, names).map(VmId::new)
    }

    /// A NIC, or the primary NIC of a VM.
    fn nic(&self, name: &Ref) -> Result<NicId, Vec<Problem>> {
        let found = self.network.nic_named(&name.value);
        found.ok_or_else(|| {
            let vms = self.network.vms.iter().map(|v| v.name.value.as_str());
            let nics = self.network.nics.iter().map(|n| n.name.value.as_str());
            let near = did_you_mean(&name.value, vms.chain(nics)).map(str::to_owned);
            vec![unknown("virtual machine or network interface", name, &near)]
        })
    }

    fn subnet(&self, name: &Ref) -> Result<SubnetId, Vec<Problem>> {
        let paths: Vec<_> =
            (0..self.network.subnets.len()).map(|ix| self.network.subnet_path(SubnetId::new(ix))).collect();
        self.position("subnet", name, paths.iter().map(String::as_str)).map(SubnetId::new)
    }

    fn route_table(&self, name: &Ref) -> Result<At<RouteTableId>, Vec<Problem>> {
        let names = self.network.route_tables.iter().map(|t| t.name.value.as_str());
        let ix = self.position("route table", name, names)?;
        Ok(At::new(RouteTableId::new(ix), name.span))
    }

    fn nsg(&self, name: &Ref) -> Result<At<NsgId>, Vec<Problem>> {
        let names = self.network.nsgs.iter().map(|n| n.name.value.as_str());
        let ix = self.position("network security group", name, names)?;
        Ok(At::new(NsgId::new(ix), name.span))
    }

    /// `parent/child`: the parent is looked up, the child comes and goes.
    fn child<Id>(
        &self,
        path: &Ref,
        what: &str,
        form: &str,
        parent: impl FnOnce(&Ref) -> Result<Id, Vec<Problem>>,
    ) -> Result<(Id, At<String>), Vec<Problem>> {
        let Some((first, last)) = path.value.split_once('/') else {
            let said = format!("`{}` does not name {what}", path.value);
            let problem = Problem::error("BAD_VALUE", path.span, said);
            return Err(vec![problem.help(format!("write it as {form}"))]);
        };
        let id = parent(&At::new(first.to_owned(), path.span))?;
        Ok((id, At::new(last.to_owned(), path.span)))
    }
}

/// JSON-03: what Azure computes, a request cannot set.
fn read_only(peering: &draft::Peering) -> Result<(), Vec<Problem>> {
    let state = peering.peering_state.as_ref().map(|state| ("peeringState", state.span));
    let copy = peering
        .remote_address_space
        .as_ref()
        .map(|blocks| ("remoteAddressSpace", blocks.first().map_or(peering.name.span, |block| block.span)));
    let problem = |(property, span)| {
        let what = format!("a request cannot set {property} of link `{}`", peering.name.value);
        Problem::error("READ_ONLY_PROPERTY", span, what)
            .help("remove it; states follow from requests (PEER-03), copies from syncPeering (PEER-17)")
    };
    let problems: Vec<_> = state.into_iter().chain(copy).map(problem).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn both<A, B>(a: Result<A, Vec<Problem>>, b: Result<B, Vec<Problem>>) -> Result<(A, B), Vec<Problem>> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(mut a), Err(mut b)) => {
            a.append(&mut b);
            Err(a)
        }
        (Err(e), _) | (_, Err(e)) => Err(e),
    }
}
