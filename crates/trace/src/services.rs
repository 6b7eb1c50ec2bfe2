//! Causes at balancers, appliances' own policies, limits and on-premises devices.

use vnetsim_model::{PeeringScope, SiteKind};
use vnetsim_types::{Place, Span, Step};

use crate::diagnose::{Case, Finding};

impl Case<'_> {
    /// PEER-26: which subnet the peering leaves out.
    pub(crate) fn subnet_not_peered(&self) -> Finding {
        let Some(link) = self.last_link() else { return Finding::default() };
        let path = self.network.link_path(link);
        let PeeringScope::Subnets { local, remote } = &self.network[link].scope else {
            return Finding::default();
        };
        let names = |subnets: &[vnetsim_types::SubnetId]| {
            let names: Vec<String> = subnets.iter().map(|id| self.network.subnet_path(*id)).collect();
            names.join(", ")
        };
        let sender = self.packet.steps.iter().rev().find_map(|(_, step)| match step {
            Step::Route { subnet, .. } => Some(*subnet),
            _ => None,
        });
        let mut finding = Finding {
            object: format!("peering link {path} joins {} with {}", names(local), names(remote)),
            span: self.network[link].name.span,
            ..Finding::default()
        };
        if let Some(sender) = sender.filter(|sender| !remote.contains(sender)) {
            let sender = self.network.subnet_path(sender);
            finding
                .because
                .push(format!("{sender} has the route all the same, as every subnet does (PEER-26)"));
            finding
                .fix
                .push(format!("{path}: add {sender} to remoteSubnetNames, and to localSubnetNames opposite"));
        }
        finding
    }

    /// LB-12.
    pub(crate) fn hairpin(&self) -> Finding {
        let balancer = self.packet.steps.iter().rev().find_map(|(_, step)| match step {
            Step::LoadBalancer { lb, backend, members, .. } => Some((*lb, *backend, *members)),
            _ => None,
        });
        let Some((lb, backend, members)) = balancer else { return Finding::default() };
        let (lb, backend) = (&self.network[lb], self.explainer.place(Place::Nic(backend)));
        Finding {
            object: format!("load balancer {}: {backend} called it and was chosen itself", lb.name.value),
            span: lb.name.span,
            because: vec![format!("it happens to about one in {members} of {backend}'s connections")],
            fix: Vec::new(),
        }
    }

    /// LB-15: nothing denied it, and nothing allowed it.
    pub(crate) fn closed_balancer(&self) -> Finding {
        let Some(nic) = self.nic_at() else { return Finding::default() };
        let name = self.explainer.nic(nic);
        Finding {
            object: format!("NIC {name}: no NSG behind a Standard load balancer"),
            span: self.network[nic].name.span,
            because: vec![
                "a Standard load balancer is closed to the internet until an NSG allows it (LB-15)"
                    .to_owned(),
            ],
            fix: vec![format!(
                "give {name} or its subnet an NSG with an inbound Allow rule for port {}",
                self.key.dst_port
            )],
        }
    }

    pub(crate) fn policy_denied(&self) -> Finding {
        let vm = self.nic_at().and_then(|nic| self.network[nic].vm).map(|vm| &self.network[vm]);
        let Some(vm) = vm else { return Finding::default() };
        Finding {
            object: format!("policy of {}", vm.name.value),
            span: vm.name.span,
            because: vec![format!("no rule of it allows {}", self.key)],
            fix: vec![format!("{}: guest: {{ rules: [...] }}: allow {}", vm.name.value, self.key)],
        }
    }

    /// VM-01, VM-04.
    pub(crate) fn over_bandwidth(&self) -> Finding {
        let vm = self.nic_at().and_then(|nic| self.network[nic].vm).map(|vm| &self.network[vm]);
        let Some(vm) = vm else { return Finding::default() };
        let size = vm.size.as_deref().unwrap_or("no size");
        let rate =
            self.nic_at().and_then(|nic| self.explainer.at(self.now).tables.nics[nic.ix()].egress_bits_per_s);
        let rate = rate.map_or_else(String::new, |bits| format!(": {} Mbps", bits / 1_000_000));
        Finding {
            object: format!("size of {}, {size}{rate}", vm.name.value),
            span: vm.name.span,
            because: vec!["the limit counts what all NICs of the VM send, to anywhere (VM-01)".to_owned()],
            fix: Vec::new(),
        }
    }

    pub(crate) fn too_large(&self) -> Finding {
        let mut finding = Finding { object: self.explainer.place(self.at), ..Finding::default() };
        if let Some(vm) = self.nic_at().and_then(|nic| self.network[nic].vm).map(|vm| &self.network[vm]) {
            finding.span = vm.name.span;
            finding
                .because
                .push(format!("the guest of {} sends packets up to {} bytes", vm.name.value, vm.guest.mtu));
        }
        finding
    }

    /// GW-06, GW-09: what the site knows, and why not this.
    pub(crate) fn unknown_on_premises(&self) -> Finding {
        let Place::Site(id) = self.at else { return Finding::default() };
        let site = &self.network[id];
        let known = self.explainer.at(self.now).tables.sites[id.ix()].known.as_ref();
        let known = known.map_or_else(|| "nothing".to_owned(), |set| crate::explain::list(set.prefixes()));
        let how = match (site.kind, &site.known_prefixes) {
            (_, Some(_)) => "as its knownPrefixes say",
            (SiteKind::Circuit, None) => "as its circuit's gateways advertise",
            (_, None) => "as its gateways advertise by BGP",
        };
        let span = if site.name.span.is_none() { Span::default() } else { site.name.span };
        Finding {
            object: format!("{} {}", site.kind.text(), site.name.value),
            span,
            because: vec![format!("it knows {known}, {how}; {} is not in there", self.key.dst)],
            fix: vec![
                format!("make {} known on-premises: a route or traffic selector there", self.key.dst),
                "or lend the gateway to that network (allowGatewayTransit, useRemoteGateways), so that it is advertised"
                    .to_owned(),
            ],
        }
    }
}
