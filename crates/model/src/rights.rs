//! Who may do what: subscriptions, tenants, clouds, roles (PEER-28 to PEER-33).
//!
//! Asked by `operation` before it changes anything. Rights are about requests; they never decide the fate
//! of a packet.

pub use vnetsim_data::Cloud;
use vnetsim_types::{At, NicId, NsgId, RouteTableId, SubnetId, VmId, VnetId};

use crate::{DeploymentModel, Network, NsgTarget, Operation, OperationKind, Refusal, Subnet};

/// A subscription (simulator extension).
#[derive(Clone, Debug)]
pub struct Subscription {
    /// `name`.
    pub name: At<String>,
    /// Its tenant; equal names are equal tenants.
    pub tenant: String,
    /// Its cloud.
    pub cloud: Cloud,
    /// Lower-case names of preview features that it is registered for (PEER-33).
    pub features: Vec<String>,
    /// A limit of peerings per virtual network that support raised (PEER-34).
    pub peerings_per_vnet: Option<u64>,
}

/// A role beside the built-in ones.
#[derive(Clone, Debug)]
pub struct RoleDefinition {
    /// `name`.
    pub name: At<String>,
    /// Actions, with `*` as a wildcard.
    pub actions: Vec<String>,
}

/// A role given to somebody.
#[derive(Clone, Debug)]
pub struct RoleAssignment {
    /// Who.
    pub principal: String,
    /// Which role, by name.
    pub role: String,
    /// Name of a subscription, virtual network or other resource; everything when `None`.
    pub scope: Option<String>,
}

/// The built-in roles that matter here, with their actions (PEER-30).
pub(crate) const BUILT_IN_ROLES: &[(&str, &str)] = &[
    ("Owner", "*"),
    ("Contributor", "*"),
    ("Reader", "*/read"),
    ("Network Contributor", "Microsoft.Network/*"),
    ("Classic Network Contributor", "Microsoft.ClassicNetwork/*"),
    ("Virtual Machine Contributor", "Microsoft.Compute/virtualMachines/*"),
];

/// One right that an operation needs.
struct Need {
    /// Spellings of the action; one of them is enough.
    actions: Vec<String>,
    /// Names of what is acted on and of everything around it.
    scopes: Vec<String>,
    /// It concerns another object than the one that the request is for.
    linked: bool,
}

impl Need {
    fn new(action: impl Into<String>, scopes: Vec<String>) -> Self {
        Self { actions: vec![action.into()], scopes, linked: false }
    }

    fn linked(action: impl Into<String>, scopes: Vec<String>) -> Self {
        Self { linked: true, ..Self::new(action, scopes) }
    }
}

/// PEER-30: refuses `operation` unless its principal has every right that it needs. Nobody in particular has all.
pub(crate) fn authorize(network: &Network, operation: &Operation) -> Result<(), Refusal> {
    let Some(principal) = &operation.principal else { return Ok(()) };
    for need in needs(network, &operation.kind) {
        if !has(network, principal, &need) {
            let code = if need.linked { "LinkedAuthorizationFailed" } else { "AuthorizationFailed" };
            let message = format!(
                "`{principal}` has no right to {} on `{}` (PEER-30)",
                need.actions[0],
                need.scopes.first().map_or("", String::as_str)
            );
            return Err(Refusal { code, message });
        }
    }
    Ok(())
}

fn has(network: &Network, principal: &str, need: &Need) -> bool {
    let covers = |scope: &str| need.scopes.iter().any(|name| name.eq_ignore_ascii_case(scope));
    network
        .role_assignments
        .iter()
        .filter(|given| given.principal.eq_ignore_ascii_case(principal))
        .filter(|given| given.scope.as_deref().is_none_or(covers))
        .any(|given| role_allows(network, &given.role, &need.actions))
}

fn role_allows(network: &Network, role: &str, actions: &[String]) -> bool {
    let allows = |pattern: &str| actions.iter().any(|action| matches(pattern, action));
    let built_in = BUILT_IN_ROLES.iter().filter(|(name, _)| name.eq_ignore_ascii_case(role));
    let custom = network.role_definitions.iter().filter(|d| d.name.eq_ignore_ascii_case(role));
    built_in.map(|(_, pattern)| *pattern).any(allows)
        || custom.flat_map(|definition| &definition.actions).any(|pattern| allows(pattern))
}

/// Whether `action` fits `pattern`, where `*` stands for anything. Case does not count.
fn matches(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == action };
    let Some(mut left) = action.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(last)
}

/// The rights that a request needs: first on the object itself, then on those that it refers to.
fn needs(network: &Network, kind: &OperationKind) -> Vec<Need> {
    let scopes = Scopes { network };
    match kind {
        OperationKind::PutPeering { vnet, remote, peering } => {
            let own = scopes.child(*vnet, &peering.name.value);
            let write = "Microsoft.Network/virtualNetworks/virtualNetworkPeerings/write";
            vec![Need::new(write, own), scopes.peer_action(*remote)]
        }
        OperationKind::SyncPeering(vnet, name) => {
            let write = "Microsoft.Network/virtualNetworks/virtualNetworkPeerings/write";
            let link = network.link_named(*vnet, &name.value);
            let remote = link.map(|id| scopes.peer_action(network[id].remote.value));
            let own = Need::new(write, scopes.child(*vnet, &name.value));
            [own].into_iter().chain(remote).collect()
        }
        OperationKind::DeletePeering(vnet, name) => {
            let delete = "Microsoft.Network/virtualNetworks/virtualNetworkPeerings/delete";
            vec![Need::new(delete, scopes.child(*vnet, &name.value))]
        }
        OperationKind::DeleteVnet(vnet) => vec![scopes.vnet_action(*vnet, "delete")],
        OperationKind::SetAddressSpace(vnet, _) => vec![scopes.vnet_action(*vnet, "write")],
        OperationKind::SetRunning(vm, running) => vec![scopes.power(*vm, *running)],
        OperationKind::SetIpForwarding(nic, _) => {
            vec![Need::new("Microsoft.Network/networkInterfaces/write", scopes.nic(*nic))]
        }
        _ => table_needs(&scopes, kind).or_else(|| gateway_needs(&scopes, kind)).unwrap_or_default(),
    }
}

/// Route tables, security groups and what they are associated with.
fn table_needs(scopes: &Scopes, kind: &OperationKind) -> Option<Vec<Need>> {
    let table = |id: &RouteTableId| scopes.table(*id);
    let group = |id: &NsgId| scopes.group(*id);
    let action = |rest: &str| format!("Microsoft.Network/{rest}");
    Some(match kind {
        OperationKind::PutRoute(id, _) => vec![Need::new(action("routeTables/routes/write"), table(id))],
        OperationKind::DeleteRoute(id, _) => vec![Need::new(action("routeTables/routes/delete"), table(id))],
        OperationKind::PutSecurityRule(id, _) => {
            vec![Need::new(action("networkSecurityGroups/securityRules/write"), group(id))]
        }
        OperationKind::DeleteSecurityRule(id, _) => {
            vec![Need::new(action("networkSecurityGroups/securityRules/delete"), group(id))]
        }
        OperationKind::SetRouteTable(subnet, to) => {
            let own = Need::new(action("virtualNetworks/subnets/write"), scopes.subnet(*subnet));
            let join =
                |at: &At<RouteTableId>| Need::linked(action("routeTables/join/action"), table(&at.value));
            [own].into_iter().chain(to.as_ref().map(join)).collect()
        }
        OperationKind::SetNsg(target, to) => {
            let own = match target {
                NsgTarget::Subnet(id) => {
                    Need::new(action("virtualNetworks/subnets/write"), scopes.subnet(*id))
                }
                NsgTarget::Nic(id) => Need::new(action("networkInterfaces/write"), scopes.nic(*id)),
            };
            let join =
                |at: &At<NsgId>| Need::linked(action("networkSecurityGroups/join/action"), group(&at.value));
            [own].into_iter().chain(to.as_ref().map(join)).collect()
        }
        _ => return None,
    })
}

/// Gateways and their connections; they belong to the subscription of their virtual network.
fn gateway_needs(scopes: &Scopes, kind: &OperationKind) -> Option<Vec<Need>> {
    let action = |rest: &str| format!("Microsoft.Network/{rest}");
    Some(match kind {
        OperationKind::PutGateway { vnet, gateway } => {
            let own = vec![gateway.name.value.clone(), scopes.subscription(*vnet)];
            let join = action("virtualNetworks/subnets/join/action");
            let subnet = scopes.child(*vnet, "GatewaySubnet");
            vec![Need::new(action("virtualNetworkGateways/write"), own), Need::linked(join, subnet)]
        }
        OperationKind::DeleteGateway(name) => {
            vec![Need::new(action("virtualNetworkGateways/delete"), scopes.gateway(&name.value))]
        }
        OperationKind::PutConnection(said) => {
            let gateway = scopes.gateway(&said.virtual_network_gateway.value);
            let mut own = gateway.clone();
            own[0] = said.name.value.clone();
            let join = action("virtualNetworkGateways/join/action");
            vec![Need::new(action("connections/write"), own), Need::linked(join, gateway)]
        }
        OperationKind::DeleteConnection(name) => {
            vec![Need::new(action("connections/delete"), scopes.connection(&name.value))]
        }
        _ => return None,
    })
}

/// The names that cover an object: its own, that of its virtual network, that of its subscription.
struct Scopes<'a> {
    network: &'a Network,
}

impl Scopes<'_> {
    fn subscription(&self, vnet: VnetId) -> String {
        self.network.subscriptions[self.network[vnet].subscription].name.value.clone()
    }

    fn vnet(&self, vnet: VnetId) -> Vec<String> {
        vec![self.network[vnet].name.value.clone(), self.subscription(vnet)]
    }

    /// A link or subnet of `vnet`.
    fn child(&self, vnet: VnetId, name: &str) -> Vec<String> {
        let mut scopes = self.vnet(vnet);
        scopes.insert(0, format!("{}/{name}", scopes[0]));
        scopes
    }

    fn subnet(&self, id: SubnetId) -> Vec<String> {
        let subnet = &self.network[id];
        self.child(subnet.vnet, &subnet.name.value)
    }

    /// RT-09: a table is in the subscription of its subnets.
    fn table(&self, id: RouteTableId) -> Vec<String> {
        let uses = |subnet: &&Subnet| subnet.route_table.as_ref().is_some_and(|table| table.value == id);
        let users = self.network.subnets.iter().filter(uses).map(|subnet| subnet.vnet);
        self.shared(&self.network[id].name.value, users)
    }

    /// The same for a group, with the NICs that have it.
    fn group(&self, id: NsgId) -> Vec<String> {
        let is = |nsg: &Option<At<NsgId>>| nsg.as_ref().is_some_and(|nsg| nsg.value == id);
        let subnets = self.network.subnets.iter().filter(|subnet| is(&subnet.nsg)).map(|subnet| subnet.vnet);
        let nics = self.network.nics.iter().filter(|nic| is(&nic.nsg)).map(|nic| nic.vnet);
        self.shared(&self.network[id].name.value, subnets.chain(nics))
    }

    /// The name of something, and the subscriptions of those who use it; nobody uses it: the only one there is.
    fn shared(&self, name: &str, users: impl Iterator<Item = VnetId>) -> Vec<String> {
        let mut homes: Vec<String> = users.map(|vnet| self.subscription(vnet)).collect();
        if let ([only], []) = (self.network.subscriptions.as_slice(), homes.as_slice()) {
            homes.push(only.name.value.clone());
        }
        homes.insert(0, name.to_owned());
        homes.dedup();
        homes
    }

    fn nic(&self, id: NicId) -> Vec<String> {
        let nic = &self.network[id];
        vec![nic.name.value.clone(), self.subscription(nic.vnet)]
    }

    /// ADDR-12: a VM is in the subscription of its NICs.
    fn power(&self, id: VmId, start: bool) -> Need {
        let vm = &self.network[id];
        let home = vm.nics.first().map(|nic| self.subscription(self.network[*nic].vnet));
        let scopes = [vm.name.value.clone()].into_iter().chain(home).collect();
        let all: &[&str] = if start { &["start"] } else { &["deallocate", "powerOff"] };
        let actions = all.iter().map(|verb| format!("Microsoft.Compute/virtualMachines/{verb}/action"));
        Need { actions: actions.collect(), scopes, linked: false }
    }

    fn gateway(&self, name: &str) -> Vec<String> {
        let found = self.network.gateway_named(name).map(|id| self.subscription(self.network[id].vnet));
        [name.to_owned()].into_iter().chain(found).collect()
    }

    fn connection(&self, name: &str) -> Vec<String> {
        let found = self.network.connection_named(name).map(|id| &self.network[id]);
        let home = found.map(|c| self.subscription(self.network[c.gateway].vnet));
        [name.to_owned()].into_iter().chain(home).collect()
    }

    fn provider(&self, vnet: VnetId) -> &'static str {
        match self.network[vnet].deployment_model {
            DeploymentModel::ResourceManager => "Microsoft.Network",
            DeploymentModel::Classic => "Microsoft.ClassicNetwork",
        }
    }

    fn vnet_action(&self, vnet: VnetId, verb: &str) -> Need {
        Need::new(format!("{}/virtualNetworks/{verb}", self.provider(vnet)), self.vnet(vnet))
    }

    /// What the target of a link must grant; the documents of 2017 spell it without `/action`.
    fn peer_action(&self, remote: VnetId) -> Need {
        let old = format!("{}/virtualNetworks/peer", self.provider(remote));
        Need { actions: vec![format!("{old}/action"), old], scopes: self.vnet(remote), linked: true }
    }
}
