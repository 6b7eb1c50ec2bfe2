//! The words in which the oracle answers. No behaviour.

use std::net::IpAddr;

use vnetsim_types::{Direction, DropReason, IpNet, LbId, NicId, Place, PrivateEndpointId, SubnetId, VnetId};

/// Where a route comes from (RT-11).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RouteSource {
    /// System routes: own space, peerings, service endpoints, internet, None (RT-02, RT-05, RT-07).
    Default,
    /// Learned from a gateway, own or borrowed (RT-06, U-30).
    VirtualNetworkGateway,
    /// Of the subnet's route table (RT-09).
    User,
}

/// What a route leads to, in the spelling of the effective-route output (RT-31).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum NextHopType {
    /// The own virtual network.
    VnetLocal,
    /// A peered network of the same region.
    VNetPeering,
    /// A peered network of another region.
    VNetGlobalPeering,
    /// A virtual network gateway.
    VirtualNetworkGateway,
    /// The internet edge.
    Internet,
    /// An appliance, or a load balancer in front of appliances.
    VirtualAppliance,
    /// Drop.
    None,
    /// A platform service reached through a service endpoint.
    VirtualNetworkServiceEndpoint,
    /// A private endpoint.
    InterfaceEndpoint,
}

/// One row of the effective routes of a subnet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OracleRoute {
    /// The prefix.
    pub prefix: IpNet,
    /// Where the row comes from.
    pub source: RouteSource,
    /// What it leads to.
    pub next_hop_type: NextHopType,
    /// The appliance's or the gateway's address.
    pub next_hop_ip: Option<IpAddr>,
    /// `Active`; false for `Invalid` (RT-30).
    pub active: bool,
    /// The name of a user route.
    pub name: Option<String>,
}

/// What the NSGs of one NIC say about one packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NsgVerdict {
    /// True when every attached NSG allows the packet. False when `unknown`.
    pub allowed: bool,
    /// NSG and rule that decided: the rule that denied (or could not be decided), else the allowing rule
    /// of the NSG evaluated last (U-21). `None` when no NSG is attached.
    pub deciding: Option<(String, String)>,
    /// True when the verdict rests on a tag whose prefixes nobody gave.
    pub unknown: bool,
}

/// Which way a packet of a conversation goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PacketDirection {
    /// From the one who opened the conversation.
    Forward,
    /// Back to it.
    Reply,
}

/// A whole conversation: SYN, SYN-ACK and ACK, or request and reply, as far as it got.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OracleConversation {
    /// The packets that were sent, in order; of a sender that is not running the one it did not send.
    pub packets: Vec<OraclePacket>,
}

/// One packet and its fate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OraclePacket {
    /// Which way it went.
    pub direction: PacketDirection,
    /// The decisions it met, in order.
    pub hops: Vec<OracleHop>,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a packet ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It arrived.
    Delivered {
        /// Who got it.
        at: Place,
        /// The source address as received; unspecified (`0.0.0.0`) when it left by default
        /// outbound access, whose address nobody knows.
        source: IpAddr,
        /// Time to live as received.
        ttl: u8,
    },
    /// It died.
    Dropped {
        /// Where.
        at: Place,
        /// Why.
        reason: DropReason,
    },
}

/// One decision on a packet's way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OracleHop {
    /// The routes of a subnet were consulted.
    Route {
        /// Whose routes.
        subnet: SubnetId,
        /// The winner's prefix; `None` when nothing matched (then `Default` and `None` follow).
        prefix: Option<IpNet>,
        /// The winner's source.
        source: RouteSource,
        /// The winner's type.
        next_hop_type: NextHopType,
    },
    /// A rule of an NSG decided, or could not (then the packet ends as `InsufficientInput`).
    Nsg {
        /// The NIC.
        nic: NicId,
        /// Direction at the NIC.
        direction: Direction,
        /// The NSG's name.
        nsg: String,
        /// The rule's name.
        rule: String,
        /// Its verdict.
        allowed: bool,
    },
    /// A rule of the NSG of a private endpoint's subnet decided about an inbound packet (NSG-25).
    EndpointNsg {
        /// The private endpoint.
        endpoint: PrivateEndpointId,
        /// The NSG's name.
        nsg: String,
        /// The rule's name.
        rule: String,
        /// Its verdict.
        allowed: bool,
    },
    /// A flow record let the packet pass the NSGs.
    FlowHit {
        /// The NIC.
        nic: NicId,
        /// Direction at the NIC.
        direction: Direction,
    },
    /// The packet crossed a peering; also on the way to and from a gateway in a peered network.
    Peering {
        /// The network that the packet enters.
        receiver: VnetId,
        /// The network that it comes from.
        sender: VnetId,
        /// True when the crossing counts as forwarded traffic (PEER-08).
        forwarded: bool,
    },
    /// An appliance forwarded the packet.
    Appliance {
        /// The VM's name.
        vm: String,
    },
    /// A virtual network gateway handled the packet.
    Gateway {
        /// The gateway's name.
        name: String,
    },
    /// A load balancer was the next hop and chose a backend.
    LoadBalancer {
        /// The balancer.
        lb: LbId,
        /// The backend.
        backend: NicId,
        /// True when more than one healthy backend could have been chosen.
        ambiguous: bool,
    },
}
