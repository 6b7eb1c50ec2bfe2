//! The closed list of ways a packet can end without being delivered.
//!
//! Codes are API: stable, never reused. One table makes the enum, its codes, sentences and hints,
//! so that none can be forgotten. A reason enters this table together with the code that produces it.

use std::{fmt, str::FromStr};

macro_rules! drop_reasons {
    ($($variant:ident $code:literal $rule:literal $sentence:literal $hint:literal;)*) => {
        /// Why a packet died. Part 11 of the semantics names the list.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum DropReason {$(
            #[doc = $sentence]
            $variant,
        )*}

        impl DropReason {
            /// Every reason, in pipeline order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stable code, as in `ROUTE_NONE`.
            pub fn code(self) -> &'static str {
                match self {$(Self::$variant => $code),*}
            }

            /// The name in the reference pipeline, as in `RouteNone`.
            pub fn name(self) -> &'static str {
                match self {$(Self::$variant => stringify!($variant)),*}
            }

            /// The rule that says so, as in `RT-26`.
            pub fn rule(self) -> &'static str {
                match self {$(Self::$variant => $rule),*}
            }

            /// One sentence for people.
            pub fn sentence(self) -> &'static str {
                match self {$(Self::$variant => $sentence),*}
            }

            /// What usually has to change.
            pub fn hint(self) -> &'static str {
                match self {$(Self::$variant => $hint),*}
            }
        }
    };
}

drop_reasons! {
    SenderStopped "SENDER_STOPPED" "VM-01"
        "The sending VM is stopped; nothing leaves it."
        "Start the VM.";
    MulticastOrBroadcast "MULTICAST_OR_BROADCAST" "FAB-05"
        "Azure virtual networks carry no multicast and no broadcast."
        "Use unicast; the fabric has no group addresses.";
    UnsupportedProtocol "UNSUPPORTED_PROTOCOL" "FAB-06"
        "The fabric carries TCP, UDP, ICMP, ESP and AH only; IP-in-IP and GRE are blocked."
        "Carry the traffic in one of the supported protocols.";
    ReservedPort "RESERVED_PORT" "FAB-07"
        "DHCP between guests and UDP source port 65330 belong to the platform."
        "Use another port; DHCP is served by the platform only.";
    SourceNotOwned "SOURCE_NOT_OWNED" "FAB-12"
        "The source address is not one of the sending NIC's addresses and IP forwarding is off on that NIC."
        "Set enableIPForwarding on the sending NIC, or send from an address of its ipConfigurations.";
    IpForwardingDisabled "IP_FORWARDING_DISABLED" "FAB-13"
        "The destination address is not one of the receiving NIC's addresses and IP forwarding is off on that NIC."
        "Set enableIPForwarding: true on every NIC of the appliance that transit traffic enters or leaves.";
    GuestNotForwarding "GUEST_NOT_FORWARDING" "FAB-14"
        "The packet reached a guest that is not its destination and does not forward."
        "Turn forwarding on in the guest (net.ipv4.ip_forward=1 or RRAS); the Azure flag alone is not enough.";
    NsgDeny "NSG_DENY" "NSG-09"
        "A network security group denied the packet."
        "Add an Allow rule with a lower priority number than the rule that denied.";
    RouteNone "ROUTE_NONE" "RT-26"
        "The route that won has next hop None, or no route matched; the packet never left the sender's host."
        "Give the source subnet a longer route: a Connected peering, or a user-defined route to an appliance or gateway.";
    NoSuchDestination "NO_SUCH_DESTINATION" "RT-24"
        "The route delivers inside a virtual network, but nothing there owns the destination address."
        "Check the destination address; nothing with it exists in the network that the route leads to.";
    NextHopUnreachable "NEXT_HOP_UNREACHABLE" "RT-19"
        "The appliance that the route names is stopped or does not exist; Azure does not fall back to another route."
        "Start the appliance, or correct nextHopIpAddress.";
    NextHopNotDirectlyConnected "NEXT_HOP_NOT_DIRECTLY_CONNECTED" "RT-18"
        "The next-hop address lies neither in the sender's virtual network nor in a directly peered one."
        "Name an appliance in the own or in a directly peered virtual network.";
    GatewayUnavailable "GATEWAY_UNAVAILABLE" "RT-27"
        "The route names the virtual network gateway, but no usable VPN gateway serves this subnet."
        "Create a VPN gateway, borrow one with useRemoteGateways, or remove the route; ExpressRoute cannot be named.";
    PeeringAccessDisabled "PEERING_ACCESS_DISABLED" "PEER-06"
        "allowVirtualNetworkAccess is false on a link of this peering (strict reading)."
        "Set allowVirtualNetworkAccess: true on both links.";
    ForwardedTrafficBlocked "FORWARDED_TRAFFIC_BLOCKED" "PEER-08"
        "The packet did not originate in the virtual network it comes from, and the receiver's link does not accept forwarded traffic."
        "Set allowForwardedTraffic: true on the receiving virtual network's link.";
    SubnetNotPeered "SUBNET_NOT_PEERED" "PEER-26"
        "The peering joins some subnets only, and the sender's or the receiver's is not one of them."
        "Add the subnet to localSubnetNames of its own link and to remoteSubnetNames of the opposite one.";
    GlobalPeeringBasicLb "GLOBAL_PEERING_BASIC_LB" "LB-13"
        "The frontend of a Basic load balancer cannot be reached over global peering."
        "Use a Standard load balancer, or address the backends directly.";
    NoLoadBalancerRule "NO_LOAD_BALANCER_RULE" "LB-02"
        "No rule of the load balancer covers this protocol and port."
        "Add a rule; in front of appliances use HA ports (protocol All, port 0).";
    NoHealthyBackend "NO_HEALTHY_BACKEND" "LB-08"
        "Every backend of the load balancer is down."
        "Start a backend and let probes from 168.63.129.16 reach it.";
    LoadBalancerHairpin "LOAD_BALANCER_HAIRPIN" "LB-12"
        "A backend called its own balancer's frontend and was chosen itself; its two halves of the connection do not match."
        "Call the backend directly, or give callers and backends different machines.";
    NoOutboundPath "NO_OUTBOUND_PATH" "OUT-01"
        "Nothing carries the packet out to the internet: no NAT gateway, public IP or default outbound access for it."
        "Attach a NAT gateway to the subnet or a public IP to the NIC.";
    SnatExhausted "SNAT_EXHAUSTED" "OUT-04"
        "No source port of the public address is free towards this destination."
        "Add public addresses, or a NAT gateway.";
    SourceNotTranslatable "SOURCE_NOT_TRANSLATABLE" "OUT-08"
        "The packet leaves for the internet with a source address that its NIC does not own, so Azure cannot translate it."
        "Let the appliance translate the source to its own address before it forwards to the internet.";
    FragmentUnsupported "FRAGMENT_UNSUPPORTED" "FAB-21"
        "The datagram is larger than the path carries whole, and its fragments cannot be translated or balanced here."
        "Send smaller datagrams; source translation, NAT gateways and HA ports drop fragments.";
    MtuExceeded "MTU_EXCEEDED" "FAB-20"
        "The packet is larger than the path carries and must not be fragmented."
        "Lower the guest's MTU or MSS to 1500 bytes or less; larger sizes work inside one virtual network only.";
    EgressBandwidthExceeded "EGRESS_BANDWIDTH_EXCEEDED" "VM-02"
        "The sending VM used up the bandwidth of its size; the packet did not fit its queue."
        "Choose a larger VM size, or spread the load; the limit counts everything that the VM sends.";
    TtlExpired "TTL_EXPIRED" "RT-22"
        "The packet's time to live ran out at a router."
        "Shorten the chain, or look for a loop.";
    RoutingLoop "ROUTING_LOOP" "RT-22"
        "The packet went round between an appliance and the fabric until its time to live ran out."
        "Take the route that points to the appliance off the appliance's own subnet.";
    FlowTableFull "FLOW_TABLE_FULL" "FLOW-02"
        "The NIC holds as many flow records as Azure allows; new connections are dropped."
        "Spread the connections over more VMs.";
    NvaNoSession "NVA_NO_SESSION" "FLOW-05"
        "A stateful appliance got a packet of a connection whose start it never saw: the two directions take different paths."
        "Make both directions cross the same appliance (routes on both sides), or let the appliance translate the source.";
    NvaPolicyDeny "NVA_POLICY_DENY" "FLOW-05"
        "The appliance's own policy denied the packet."
        "Allow the flow in the appliance's rules; what no rule names is denied.";
    NoRouteOnPrem "NO_ROUTE_ON_PREM" "GW-06"
        "The on-premises side has no route or traffic selector for the destination."
        "Tell the on-premises device about the prefix.";
    NoPublicAddress "NO_PUBLIC_ADDRESS" "ADDR-18"
        "Nothing in this network owns the public address that the packet was sent to."
        "Send to a public IP of a NIC; private addresses cannot be reached from the internet.";
    GuestPortClosed "GUEST_PORT_CLOSED" "DIAG-09"
        "The packet arrived, but nothing in the guest listens on the port."
        "Start the service, or list the port under guest.listen.";
    AnswerMismatch "ANSWER_MISMATCH" "RT-15"
        "The answer does not fit the request: it reached another machine, or comes from an address that was not asked."
        "Let the answer take the way of the request, so that the one who translated the request translates it back.";
    GuestDead "GUEST_DEAD" "LB-08"
        "The VM runs, but its guest hangs: it neither answers nor forwards."
        "Restart the guest and open the connections again; a probe keeps only new ones away from a dead machine.";
    ApplianceOverloaded "APPLIANCE_OVERLOADED" "VM-03"
        "The appliance forwards no more than it can, and the packet did not fit its queue."
        "Choose a larger appliance, or put several behind an internal load balancer with HA ports.";
    LinkDown "LINK_DOWN" "FAB-17"
        "A fault of the scenario cut the way between these two ends."
        "Repair the link: another setLink of the timeline, with the same ends and without down.";
    LinkLoss "LINK_LOSS" "FAB-17"
        "A fault of the scenario lost the packet on its way."
        "End the fault with another setLink, or let the application send again: TCP does, UDP does not.";
    InsufficientInput "INSUFFICIENT_INPUT" "JSON-16"
        "The verdict rests on something that the input does not say or that vnetsim does not model."
        "See the named object; complete the input, or read docs/limitations.md.";
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A text that is no reason's code or name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownDropReason;

/// Accepts both spellings, `ROUTE_NONE` and `RouteNone`.
impl FromStr for DropReason {
    type Err = UnknownDropReason;
    fn from_str(text: &str) -> Result<Self, UnknownDropReason> {
        let same = |r: &&Self| r.code().eq_ignore_ascii_case(text) || r.name().eq_ignore_ascii_case(text);
        Self::ALL.iter().find(same).copied().ok_or(UnknownDropReason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_names_in_capitals() {
        for reason in DropReason::ALL {
            let squeezed = reason.code().replace('_', "");
            assert_eq!(squeezed, reason.name().to_uppercase(), "{reason:?}");
            assert_eq!(reason.code().parse(), Ok(*reason));
            assert_eq!(reason.name().parse(), Ok(*reason));
        }
    }
}
