//! What Azure leaves to a hash, the oracle asks: it names who is allowed, the asked one picks.

use std::net::IpAddr;

use vnetsim_types::{FlowKey, GatewayId, LbId, NicId, Place, SiteId, SubnetId};

use crate::answer::OracleRoute;

/// Several are allowed; the documents do not say which one it is. Asked once per packet and decision, in the
/// order in which the packet meets them.
#[derive(Clone, Copy, Debug)]
pub enum Question<'a> {
    /// LB-04: the backend of a flow.
    Backend {
        /// The balancer.
        lb: LbId,
        /// Healthy members; of a flow that has its backend already only that one.
        allowed: &'a [NicId],
    },
    /// FE-04: one of several equal routes.
    Route {
        /// Whose routes.
        subnet: SubnetId,
        /// Equal winners, as listed.
        allowed: &'a [OracleRoute],
    },
    /// U-32: one of several tunnels or circuits of a gateway that lead to a prefix.
    Tunnel {
        /// The gateway.
        gateway: GatewayId,
        /// Sites and gateways at their ends.
        allowed: &'a [Place],
    },
    /// OUT-04, OUT-05: one of several shared public addresses; asked once per flow.
    Address {
        /// The sender.
        nic: NicId,
        /// Addresses of the NAT gateway, or of the balancer's frontends.
        allowed: &'a [IpAddr],
    },
    /// U-32: the gateway that a site with several connections sends to.
    Entrance {
        /// The site.
        site: SiteId,
        /// Gateways that offer the longest prefix by the shortest path.
        allowed: &'a [GatewayId],
    },
}

impl Question<'_> {
    fn count(&self) -> usize {
        match self {
            Self::Backend { allowed, .. } => allowed.len(),
            Self::Route { allowed, .. } => allowed.len(),
            Self::Tunnel { allowed, .. } => allowed.len(),
            Self::Entrance { allowed, .. } => allowed.len(),
            Self::Address { allowed, .. } => allowed.len(),
        }
    }
}

/// Answers a [`Question`] about the packet with that key: a position among the allowed ones. A position beyond
/// them counts as the first, so that who wanted somebody else sees the difference.
pub type Decide<'a> = &'a dyn Fn(&FlowKey, Question<'_>) -> usize;

/// Chooses one of several healthy backends; the hash of the real balancer is not the oracle's business.
pub type Choose<'a> = &'a dyn Fn(&FlowKey, LbId, &[NicId]) -> NicId;

/// The answer to `question`, inside its bounds.
pub(crate) fn ask(decide: Decide<'_>, key: &FlowKey, question: Question<'_>) -> usize {
    let answer = decide(key, question);
    if answer < question.count() { answer } else { 0 }
}
