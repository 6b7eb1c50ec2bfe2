//! Subscriptions, roles and who has them (PEER-28 to PEER-33).

use vnetsim_types::{At, Problem};

use super::{Checker, resolve};
use crate::{
    BUILT_IN_ROLES, Cloud, RoleAssignment, RoleDefinition, Subscription, did_you_mean,
    draft::{self, Draft},
};

impl Checker {
    /// Before the virtual networks, which refer to subscriptions.
    pub(super) fn rights(&mut self, draft: &Draft) {
        for said in &draft.subscriptions {
            let features = said.registered_features.iter();
            self.network.subscriptions.push(Subscription {
                name: said.name.clone(),
                tenant: said.tenant.as_ref().map(|t| t.value.to_ascii_lowercase()).unwrap_or_default(),
                cloud: said.cloud.as_ref().map_or(Cloud::Public, |c| c.value),
                features: features.map(|f| f.value.to_ascii_lowercase()).collect(),
                peerings_per_vnet: said.peerings_per_virtual_network.as_ref().map(|n| n.value),
            });
        }
        for said in &draft.role_definitions {
            if BUILT_IN_ROLES.iter().any(|(name, _)| name.eq_ignore_ascii_case(&said.name.value)) {
                let what = format!("role definition `{}` has the name of a built-in role", said.name.value);
                let problem = Problem::error("DUPLICATE_NAME", said.name.span, what);
                self.problem(problem.help("give it another name, or use the built-in role (PEER-30)"));
            }
            let actions = said.actions.iter().map(|action| action.value.clone()).collect();
            self.network.role_definitions.push(RoleDefinition { name: said.name.clone(), actions });
        }
        for said in &draft.role_assignments {
            self.role_assignment(draft, said);
        }
    }

    fn role_assignment(&mut self, draft: &Draft, said: &draft::RoleAssignment) {
        let built_in = BUILT_IN_ROLES.iter().map(|(name, _)| *name);
        let roles: Vec<&str> = built_in.chain(self.names.role_definitions.all()).collect();
        let mut found = Vec::new();
        if let Some(problem) = unknown("role", &said.role, &roles) {
            found.push(problem);
        }
        if let Some(scope) = &said.scope {
            let links = links(draft);
            let known = self.names.scopes().chain(links.iter().map(String::as_str)).collect::<Vec<_>>();
            found.extend(unknown("subscription, virtual network or other resource", scope, &known));
        }
        self.problems.append(&mut found);
        self.network.role_assignments.push(RoleAssignment {
            principal: said.principal.value.clone(),
            role: said.role.value.clone(),
            scope: said.scope.as_ref().map(|s| s.value.clone()),
        });
    }

    /// The subscription that a virtual network names, or the one that all others share.
    pub(super) fn subscription_of(&mut self, vnet: &draft::VirtualNetwork) -> usize {
        let named = vnet.subscription.as_ref();
        let named = named.and_then(|name| self.look_up("subscription", name, |x| &x.subscriptions));
        named.unwrap_or_else(|| self.shared_subscription())
    }

    fn shared_subscription(&mut self) -> usize {
        let all = &mut self.network.subscriptions;
        // No file can say an empty name, so the shared one is never mixed up with another.
        all.iter().position(|s| s.name.value.is_empty()).unwrap_or_else(|| {
            all.push(Subscription {
                name: String::new().into(),
                tenant: String::new(),
                cloud: Cloud::Public,
                features: Vec::new(),
                peerings_per_vnet: None,
            });
            all.len() - 1
        })
    }
}

/// Links as `vnet/link`.
fn links(draft: &Draft) -> Vec<String> {
    let of = |vnet: &draft::VirtualNetwork| {
        let name = vnet.name.value.clone();
        let path = move |link: &draft::Peering| format!("{name}/{}", link.name.value);
        vnet.peerings.iter().map(path).collect::<Vec<_>>()
    };
    draft.virtual_networks.iter().flat_map(of).collect()
}

fn unknown(kind: &str, name: &At<String>, known: &[&str]) -> Option<Problem> {
    if known.iter().any(|other| other.eq_ignore_ascii_case(&name.value)) {
        return None;
    }
    let near = did_you_mean(&name.value, known.iter().copied()).map(str::to_owned);
    Some(resolve::unknown(kind, name, &near))
}
