//! The properties of subscriptions and roles: simulator extensions, since templates do not hold them.

use vnetsim_model::{Cloud, draft};
use vnetsim_types::At;

use crate::{
    decode::List,
    record::record,
    values::{Ignored, Reference},
};

record! {
    Subscription -> draft::Subscription, Own "subscription" "name", "Simulator extension: a subscription.";
    req name: At<String> = "name", "Virtual networks name it.";
    opt tenant: At<String> = "tenant", "One that all such subscriptions share when absent.";
    opt cloud: At<Cloud> = "cloud", "public, china or government.";
    list registered_features: At<String> = "registeredFeatures",
        "Such as AllowGlobalVnetPeering, which opened the preview of 2017.";
    opt peerings_per_virtual_network: At<u64> = "peeringsPerVirtualNetwork", "A raised limit.";
    => |_span, _place, _cx| Some(draft::Subscription {
        name, tenant, cloud, registered_features, peerings_per_virtual_network,
    })
}

record! {
    RoleDefinition -> draft::RoleDefinition, Own "role definition" "name", "Simulator extension: a custom role.";
    req name: At<String> = "name", "Role assignments name it.";
    req actions: List<At<String>> = "actions", "Permission strings; * is a wildcard.";
    opt _description: Ignored = "description", "For people.";
    => |_span, _place, _cx| Some(draft::RoleDefinition { name, actions })
}

record! {
    RoleAssignment -> draft::RoleAssignment, Own "role assignment" "principal",
        "Simulator extension: a role given to somebody.";
    req principal: At<String> = "principal", "Any name; timeline entries say `as`.";
    req role: At<String> = "role", "A built-in role or a role definition.";
    opt scope: Reference = "scope", "A subscription, a virtual network or another resource; everything when absent.";
    => |_span, _place, _cx| Some(draft::RoleAssignment { principal, role, scope })
}
