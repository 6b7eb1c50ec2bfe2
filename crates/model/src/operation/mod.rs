//! Changes to a running network: what the control plane accepts or refuses.
//!
//! An operation either changes the network completely or refuses and changes nothing: it runs on a copy, which
//! takes the network's place only when every check has passed. Called by `sim` at the operation's moment of
//! virtual time; the tables are compiled anew afterwards. Must never decide the fate of a packet.

mod gateways;
mod peerings;
mod resolve;
mod tables;
mod vnets;

use vnetsim_types::{At, IpNet, LbId, NicId, NsgId, Problem, RouteTableId, Severity, SubnetId, VmId, VnetId};

use crate::{
    GuestState, LinkFault, Network, authorize,
    check::{Checker, GatewaySubnetFault, PeeringRefusal},
    draft::{self, Ref},
};

/// A request to the control plane with every lasting reference resolved.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Who asks; somebody with every right when `None` (PEER-30).
    pub principal: Option<String>,
    /// What is asked for.
    pub kind: OperationKind,
}

/// What an [`Operation`] does. What comes and goes in a run - links, routes, rules, gateways, connections - keeps its
/// name until then.
#[derive(Clone, Debug)]
pub enum OperationKind {
    /// Create a link, or update the flags of the link of that name (PEER-03, PEER-21).
    PutPeering {
        /// The link's virtual network.
        vnet: VnetId,
        /// Its target.
        remote: VnetId,
        /// Name and flags.
        peering: Box<draft::Peering>,
    },
    /// Delete a link; the opposite one becomes Disconnected (PEER-03, PEER-20).
    DeletePeering(VnetId, At<String>),
    /// Refresh a link's copy of the remote address space (PEER-17).
    SyncPeering(VnetId, At<String>),
    /// Delete a virtual network; links to it become Disconnected (PEER-03).
    DeleteVnet(VnetId),
    /// Give a virtual network another address space (ADDR-08, PEER-14 to PEER-19).
    SetAddressSpace(VnetId, Vec<At<IpNet>>),
    /// Create a route, or replace the one of that name.
    PutRoute(RouteTableId, Box<draft::Route>),
    /// Delete a route.
    DeleteRoute(RouteTableId, At<String>),
    /// Create a security rule, or replace the one of that name.
    PutSecurityRule(NsgId, Box<draft::SecurityRule>),
    /// Delete a security rule.
    DeleteSecurityRule(NsgId, At<String>),
    /// Create a gateway (GW-01).
    PutGateway {
        /// Its virtual network.
        vnet: VnetId,
        /// The gateway.
        gateway: Box<draft::VirtualNetworkGateway>,
    },
    /// Delete a gateway.
    DeleteGateway(Ref),
    /// All instances of a gateway fail, or run again.
    SetGatewayRunning(Ref, bool),
    /// Create a connection, or update the one of that name (GW-04).
    PutConnection(Box<draft::Connection>),
    /// Delete a connection.
    DeleteConnection(Ref),
    /// Set `enableIPForwarding` of a NIC (FAB-11).
    SetIpForwarding(NicId, At<bool>),
    /// Start or stop a VM.
    SetRunning(VmId, bool),
    /// Associate a subnet with a route table or with none.
    SetRouteTable(SubnetId, Option<At<RouteTableId>>),
    /// Associate a subnet or a NIC with an NSG or with none.
    SetNsg(NsgTarget, Option<At<NsgId>>),
    /// A guest begins or ceases to work; the VM goes on running (FAIL-06).
    SetGuest(VmId, GuestState),
    /// Puts the legs between two ends in another condition; a good one ends the fault.
    SetLink(LinkFault),
    /// A health probe changed its mind about a member (LB-07).
    SetProbeResult(LbId, usize, NicId, bool),
}

/// What an NSG is associated with (NSG-01).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NsgTarget {
    /// A subnet.
    Subnet(SubnetId),
    /// A NIC.
    Nic(NicId),
}

/// A refused operation: Azure's error code (PEER-42, U-26) and a sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// Such as `RemotePeeringIsDisconnected`.
    pub code: &'static str,
    /// What was refused and why.
    pub message: String,
}

impl Refusal {
    /// What a file's checks say about an object is an invalid request here, or one too many.
    fn of_problems(problems: &[Problem]) -> Result<(), Self> {
        let errors: Vec<_> = problems.iter().filter(|p| p.severity == Severity::Error).collect();
        let Some(first) = errors.first() else { return Ok(()) };
        let said: Vec<&str> = errors.iter().map(|p| p.message.as_str()).collect();
        match first.code {
            "OVER_LIMIT" => refuse("LimitExceeded", said.join("; ")),
            _ => refuse("InvalidRequestFormat", said.join("; ")),
        }
    }
}

impl From<PeeringRefusal> for Refusal {
    fn from(refusal: PeeringRefusal) -> Self {
        Self { code: refusal.code, message: refusal.message }
    }
}

impl From<OperationKind> for Operation {
    /// An operation of somebody with every right.
    fn from(kind: OperationKind) -> Self {
        Self { principal: None, kind }
    }
}

impl Operation {
    /// The VM that this operation stops: its guest forgets what it knew.
    pub fn stops_vm(&self) -> Option<VmId> {
        match self.kind {
            OperationKind::SetRunning(vm, false) => Some(vm),
            _ => None,
        }
    }
}

impl Network {
    /// Carries out `operation`, or refuses it and changes nothing.
    pub fn apply(&mut self, operation: &Operation) -> Result<(), Refusal> {
        self.exists(&operation.kind)?;
        authorize(self, operation)?;
        let mut next = self.clone();
        next.change(&operation.kind)?;
        *self = next;
        Ok(())
    }

    /// May leave half a change behind when it refuses; only [`Self::apply`] calls it, on a copy.
    fn change(&mut self, kind: &OperationKind) -> Result<(), Refusal> {
        match kind {
            OperationKind::PutPeering { vnet, remote, peering } => self.put_peering(*vnet, *remote, peering),
            OperationKind::DeletePeering(vnet, name) => self.delete_peering(*vnet, name),
            OperationKind::SyncPeering(vnet, name) => self.sync_peering(*vnet, name),
            OperationKind::DeleteVnet(vnet) => self.delete_vnet(*vnet),
            OperationKind::SetAddressSpace(vnet, blocks) => self.set_address_space(*vnet, blocks),
            OperationKind::PutRoute(table, route) => self.put_route(*table, route),
            OperationKind::DeleteRoute(table, name) => self.delete_route(*table, name),
            OperationKind::PutSecurityRule(nsg, rule) => self.put_security_rule(*nsg, rule),
            OperationKind::DeleteSecurityRule(nsg, name) => self.delete_security_rule(*nsg, name),
            OperationKind::PutGateway { vnet, gateway } => self.put_gateway(*vnet, gateway),
            OperationKind::DeleteGateway(name) => self.delete_gateway(name),
            OperationKind::SetGatewayRunning(name, running) => self.set_gateway_running(name, *running),
            OperationKind::PutConnection(connection) => self.put_connection(connection),
            OperationKind::DeleteConnection(name) => self.delete_connection(name),
            OperationKind::SetIpForwarding(nic, enabled) => {
                self.nics[nic.ix()].enable_ip_forwarding = enabled.clone();
                Ok(())
            }
            OperationKind::SetRunning(vm, running) => {
                self.vms[vm.ix()].running = *running;
                Ok(())
            }
            OperationKind::SetRouteTable(subnet, table) => self.set_route_table(*subnet, table),
            OperationKind::SetNsg(target, nsg) => self.set_nsg(*target, nsg),
            OperationKind::SetGuest(vm, state) => {
                self.vms[vm.ix()].guest.state = *state;
                Ok(())
            }
            OperationKind::SetLink(fault) => {
                let same = |old: &LinkFault| {
                    (old.from, old.to, old.both_ways) == (fault.from, fault.to, fault.both_ways)
                };
                self.link_faults.retain(|old| !same(old));
                self.link_faults.extend(Some(*fault).filter(|fault| !fault.condition.is_good()));
                Ok(())
            }
            OperationKind::SetProbeResult(lb, probe, nic, up) => {
                self.probe_results.insert((*lb, *probe, *nic), *up);
                Ok(())
            }
        }
    }

    /// Virtual networks and their subnets may be gone by the time an operation runs.
    fn exists(&self, kind: &OperationKind) -> Result<(), Refusal> {
        let (vnet, other) = match kind {
            OperationKind::PutPeering { vnet, remote, .. } => (*vnet, Some(*remote)),
            OperationKind::DeletePeering(vnet, _)
            | OperationKind::SyncPeering(vnet, _)
            | OperationKind::DeleteVnet(vnet)
            | OperationKind::SetAddressSpace(vnet, _)
            | OperationKind::PutGateway { vnet, .. } => (*vnet, None),
            OperationKind::SetRouteTable(subnet, _) | OperationKind::SetNsg(NsgTarget::Subnet(subnet), _) => {
                (self[*subnet].vnet, None)
            }
            _ => return Ok(()),
        };
        match [Some(vnet), other].into_iter().flatten().find(|id| self[*id].deleted) {
            Some(gone) => {
                not_found(format!("virtual network `{}` does not exist any more", self[gone].name.value))
            }
            None => Ok(()),
        }
    }

    /// What a file's checks make of one more object in this network; their errors are refusals here.
    fn checked<T>(&mut self, look: impl FnOnce(&mut Checker) -> T) -> Result<T, Refusal> {
        let mut checker = Checker::around(std::mem::take(self));
        let found = look(&mut checker);
        *self = checker.network;
        Refusal::of_problems(&checker.problems)?;
        Ok(found)
    }

    /// What is wrong with the `GatewaySubnet`s of `vnets`.
    fn faults(&self, vnets: &[VnetId]) -> Vec<GatewaySubnetFault> {
        vnets.iter().flat_map(|vnet| GatewaySubnetFault::all(self, *vnet)).collect()
    }

    /// Refuses when something is wrong with the `GatewaySubnet`s of `vnets` that was not wrong `before`.
    fn no_new_faults(&self, before: &[GatewaySubnetFault], vnets: &[VnetId]) -> Result<(), Refusal> {
        let known = |fault: &GatewaySubnetFault| before.iter().any(|old| old.message == fault.message);
        match self.faults(vnets).into_iter().find(|fault| !known(fault)) {
            Some(fault) => refuse(fault.refusal, fault.message),
            None => Ok(()),
        }
    }
}

fn refuse<T>(code: &'static str, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { code, message: message.into() })
}

fn not_found<T>(message: String) -> Result<T, Refusal> {
    refuse("ResourceNotFound", message)
}
