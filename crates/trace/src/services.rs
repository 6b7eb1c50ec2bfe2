//! Causes at appliances' own policies, limits, gateways and on-premises devices.

use vnetsim_model::{GatewayType, PeeringScope, SiteKind};
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

    /// RT-27: what the virtual network of the route has instead of a VPN gateway.
    pub(crate) fn no_gateway(&self) -> Finding {
        let mut finding = self.route_object();
        let Some((subnet, _)) = self.last_route() else { return finding };
        let home = self.network[subnet].vnet;
        let lender = self.network.borrowed_gateway_link(home).map(|(_, link)| link.remote.value);
        let near = [Some(home), lender].into_iter().flatten();
        let gateways: Vec<_> = near.flat_map(|vnet| self.network.gateways_of(vnet)).map(|(_, g)| g).collect();
        let down = gateways.iter().find(|gateway| !gateway.running);
        let express = gateways.iter().find(|gateway| gateway.kind == GatewayType::ExpressRoute);
        if let Some(gateway) = down {
            finding
                .fix
                .push(format!("let {0} run again (startGateway: {0} in the timeline)", gateway.name.value));
        }
        let name = &self.network[home].name.value;
        finding.because.push(match (down, express) {
            (Some(gateway), _) => format!("gateway {} is down", gateway.name.value),
            (None, Some(gateway)) => format!(
                "{name} uses ExpressRoute gateway {}; user routes lead to VPN gateways only (RT-27)",
                gateway.name.value
            ),
            (None, None) => format!("{name} has no VPN gateway, neither its own nor a borrowed one"),
        });
        finding
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
