//! Subscriptions and roles: who may ask for what (PEER-28 to PEER-33).

use vnetsim_types::At;

use super::Ref;

/// Simulator extension: a subscription.
#[derive(Clone, Debug, Default)]
pub struct Subscription {
    /// `name`.
    pub name: At<String>,
    /// `tenant`; one that all such subscriptions share when not given.
    pub tenant: Option<At<String>>,
    /// `cloud`: `public`, `china`, `government`.
    pub cloud: Option<At<crate::Cloud>>,
    /// `registeredFeatures`: `AllowGlobalVnetPeering` opens the 2017 preview (PEER-33).
    pub registered_features: Vec<At<String>>,
    /// `peeringsPerVirtualNetwork`: a raised limit (PEER-34).
    pub peerings_per_virtual_network: Option<At<u64>>,
}

/// Simulator extension: a custom role.
#[derive(Clone, Debug, Default)]
pub struct RoleDefinition {
    /// `name`.
    pub name: At<String>,
    /// `actions`, with `*` as a wildcard.
    pub actions: Vec<At<String>>,
}

/// Simulator extension: a role given to somebody.
#[derive(Clone, Debug, Default)]
pub struct RoleAssignment {
    /// `principal`: any name.
    pub principal: At<String>,
    /// `role`: a built-in role or a role definition.
    pub role: At<String>,
    /// `scope`: a subscription, a virtual network or another resource by name; everything when not given.
    pub scope: Option<Ref>,
}
