//! One file per stage of the pipeline. A stage answers "go on" or a drop reason; it never goes back.

pub(crate) mod antispoof;
pub(crate) mod balance;
pub(crate) mod bandwidth;
pub(crate) mod filter;
pub(crate) mod mtu;
pub(crate) mod nsg;
pub(crate) mod outbound;
pub(crate) mod peering;
pub(crate) mod route;
