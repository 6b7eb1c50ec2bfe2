//! Who may do what: subscriptions, tenants, clouds, roles (PEER-28 to PEER-33).
//!
//! Asked by `operation` before it changes anything. Rights are about requests; they never decide the fate
//! of a packet.

use vnetsim_types::{At, named_enum};

named_enum! {
    /// Azure's separate clouds; nothing peers across them (PEER-31).
    Cloud {
        /// Global Azure.
        Public = "public",
        /// Azure operated by 21Vianet.
        China = "china",
        /// Azure Government.
        Government = "government",
    }
}

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
