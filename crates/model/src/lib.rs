//! What a network *is*: virtual networks, subnets, peerings, routes, filters, interfaces, machines.
//!
//! Two forms. A [`draft::Draft`] is what an input file says: names, not yet resolved, with the place of
//! each statement. A [`Network`] is checked: every reference is an id, every rule of Azure that can
//! be checked without traffic holds. Only [`check`] makes a `Network`; only [`Operation`]s change one.
//!
//! Called by `scenario` (which fills drafts), `compile` and `oracle` (which read
//! networks), `sim` (which applies operations). Must never know a file format or a packet's bytes.

mod check;
pub mod draft;
mod edge;
mod fault;
mod filter;
mod limits;
mod machine;
mod names;
mod network;
mod operation;
mod rights;
mod semantics;
mod traffic;

pub use check::{Checked, check};
pub use edge::*;
pub use fault::{LinkCondition, LinkEnd, LinkFault};
pub use filter::*;
pub use machine::*;
pub use names::{did_you_mean, suggestion};
pub use network::*;
pub use operation::{NsgTarget, Operation, OperationKind, Refusal};
pub(crate) use rights::{BUILT_IN_ROLES, authorize};
pub use rights::{Cloud, RoleAssignment, RoleDefinition, Subscription};
pub use semantics::*;
pub use traffic::{Application, Endpoint, GIVE_UP_DEFAULT, SOURCE_PORT_DEFAULT, TTL_DEFAULT, Traffic};
