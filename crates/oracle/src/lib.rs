//! The second opinion: route choice, NSG verdict and whole-path verdict, written a second time.
//!
//! Written from the semantics document alone and sharing no code with `compile`, `dataplane` or
//! `sim`; property tests compare the two. Every question is answered from the [`vnetsim_model::Network`]
//! by linear scans, without caches or tables made beforehand: clarity over speed. Rule ids in comments
//! (`RT-11`, `NSG-15`, `FE-01`) are those of the semantics document.
//!
//! Where Azure leaves a choice to a hash (backends, equal routes, equal tunnels, shared addresses), the oracle says
//! who is allowed and asks ([`Question`]); a test answers with what the real pipeline chose.
//!
//! Called by property tests only. Must never import the real pipeline, nor be imported by it.

mod answer;
mod balancer;
mod choice;
mod conversation;
mod edge;
mod endpoint;
mod guest;
mod learned;
mod mtu;
mod nic;
mod nsg;
mod onprem;
mod outbound;
mod platform;
mod propagation;
mod resolve;
mod route_server;
mod routes;
mod tags;
mod topology;
mod world;

pub use answer::{
    NextHopType, NsgVerdict, OracleConversation, OracleHop, OraclePacket, OracleRoute, Outcome,
    PacketDirection, RouteSource,
};
pub use choice::{Choose, Decide, Question};
pub use conversation::{conversation, conversation_deciding, conversation_with};
pub use nsg::nsg_verdict;
pub use routes::{choose_route, choose_routes, effective_routes};
