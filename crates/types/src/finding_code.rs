//! The closed list of what `vnetsim check` can find in a network without its traffic.
//!
//! Codes are API: stable, never reused. A drop reason says how a packet died; a finding says which mistake of the design
//! leads there. One table makes the enum, its codes, severities, rules, sentences and hints. A finding enters this table
//! together with the check that makes it.

use std::{fmt, str::FromStr};

use crate::Severity::{self, Error, Note, Warning};

macro_rules! finding_codes {
    ($($variant:ident $code:literal $severity:ident $rule:literal $sentence:literal $hint:literal;)*) => {
        /// What a check found. Most are failure modes of service chains (Part 10 of the semantics).
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum FindingCode {$(
            #[doc = $sentence]
            $variant,
        )*}

        impl FindingCode {
            /// Every code, by subject.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stable code, as in `UDR_LOSES_LPM`.
            pub fn code(self) -> &'static str {
                match self {$(Self::$variant => $code),*}
            }

            /// How bad it is.
            pub fn severity(self) -> Severity {
                match self {$(Self::$variant => $severity),*}
            }

            /// The rule that says so, as in `FAIL-10`.
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

finding_codes! {
    // Peerings.
    PeerHalfMade "PEER_HALF_MADE" Error "FAIL-08"
        "A peering has only one of its two links; it is Initiated and carries nothing."
        "Create the opposite link.";
    PeerDisconnected "PEER_DISCONNECTED" Error "FAIL-09"
        "One side of a peering was deleted; the link that is left is Disconnected and carries nothing."
        "Delete the link that is left, then create both anew.";
    PeerOutOfSync "PEER_OUT_OF_SYNC" Error "FAIL-25"
        "A link still has an old copy of the peer's address space, so new blocks have no route."
        "Sync the link that reports LocalNotInSync.";
    PeerNoAccess "PEER_NO_ACCESS" Warning "FAIL-34"
        "A link has allowVirtualNetworkAccess off: routes look right, but the VirtualNetwork tag lacks the peer and default rules deny."
        "Set allowVirtualNetworkAccess: true on both links.";
    ForwardedTrafficOff "FORWARDED_TRAFFIC_OFF" Error "FAIL-04"
        "A network that receives what an appliance forwards does not accept forwarded traffic from it."
        "Set allowForwardedTraffic: true on the receiving network's own link.";
    GwTransitFlags "GW_TRANSIT_FLAGS" Warning "FAIL-26"
        "A hub has a gateway and the spoke has none, but the flags of their peering do not lend it."
        "Set allowGatewayTransit: true on the hub's link and useRemoteGateways: true on the spoke's.";
    PeerOverlap "PEER_OVERLAP" Warning "FAIL-24"
        "Two networks that are joined by others, or a network and a site behind its gateway, have overlapping addresses: one of them cannot be reached."
        "Renumber one of them, or put a translation between them.";
    BasicLbGlobal "BASIC_LB_GLOBAL" Warning "FAIL-18"
        "The frontend of a Basic load balancer cannot be reached from a network that is peered across regions."
        "Use a Standard load balancer.";
    // Routes.
    NoTransit "NO_TRANSIT" Note "FAIL-01"
        "Two networks share a hub, but peering is not transitive and no route leads from one to the other."
        "Give both spokes a route to the other's prefix through an appliance of the hub, and allow forwarded traffic on their links.";
    ReturnRouteMissing "RETURN_ROUTE_MISSING" Error "FAIL-02"
        "Requests arrive through an appliance, but the answer finds no route back."
        "Give the answering subnet a route to the other's prefix through the same appliance.";
    AsymStatefulDrop "ASYM_STATEFUL_DROP" Error "FAIL-03"
        "The two directions of a connection take different ways past a stateful appliance, which drops what it did not see begin."
        "Send both directions through the same appliance, or let it translate the source.";
    AsymPath "ASYM_PATH" Note "FAIL-03"
        "The two directions take different ways; it works, because no appliance on the way keeps state or insists on it."
        "Route both directions alike before a stateful appliance is put there.";
    UdrLosesLpm "UDR_LOSES_LPM" Warning "FAIL-10"
        "A route to an appliance covers a peered network, but the peering's own route is longer and wins: the traffic goes past the appliance."
        "Add a route with exactly the peered prefix to the appliance, and its mirror on the other side.";
    BgpBypassesNva "BGP_BYPASSES_NVA" Warning "FAIL-12"
        "A prefix that a gateway or route server taught is longer than the route to the appliance and wins: the traffic goes past it."
        "Add a route for that prefix to the appliance, or set disableBgpRoutePropagation: true on the table.";
    EndpointBypassesNva "ENDPOINT_BYPASSES_NVA" Warning "FAIL-32"
        "The route of a private endpoint or service endpoint is longer than the route to the appliance and wins: the traffic goes past it."
        "Enable privateEndpointNetworkPolicies (RouteTableEnabled) on the endpoint's subnet and route its subnet, not a shorter prefix; or remove the service endpoint.";
    GwSubnetRouteMissing "GWSUBNET_ROUTE_MISSING" Error "FAIL-11"
        "A spoke sends on-premises traffic through an appliance, but GatewaySubnet has no equally long route for the spoke: traffic from on-premises goes past it."
        "Give GatewaySubnet one route to the appliance for each block of the spoke.";
    UdrLoop "UDR_LOOP" Error "FAIL-13"
        "The routes of an appliance's own subnet send what it forwards back to it, round and round."
        "Take that route off the appliance's subnet, or move the appliance into a subnet of its own.";
    NextHopNotAdjacent "NEXT_HOP_NOT_ADJACENT" Error "FAIL-22"
        "A route names an appliance that lies neither in the own nor in a directly peered network."
        "Name an appliance of the own network or of a direct peer.";
    NextHopNobody "NEXT_HOP_NOBODY" Error "FAIL-23"
        "A route names an address that nobody has; Azure does not fall back to another route."
        "Correct nextHopIpAddress.";
    NextHopStopped "NEXT_HOP_STOPPED" Error "FAIL-23"
        "A route names an appliance that is stopped; Azure does not fall back to another route."
        "Start the appliance.";
    InvalidNextHop "INVALID_NEXT_HOP" Error "FAIL-28"
        "A route names the virtual network gateway where it cannot: no VPN gateway serves the subnet, or an ExpressRoute gateway is beside it."
        "Remove the route and let BGP bring the prefixes, or name a VPN gateway that serves the subnet.";
    RouteNeverUsed "ROUTE_NEVER_USED" Warning "RT-11"
        "A user-defined route decides for no address at all: longer routes cover everything in it."
        "Remove it, or make it longer than those that cover it.";
    RouteTableUnused "ROUTE_TABLE_UNUSED" Warning "FAIL-07"
        "A route table is associated with no subnet, so none of its routes does anything."
        "Associate it with the subnet of the machines that send.";
    // Appliances.
    NicNoIpForwarding "NIC_NO_IP_FORWARDING" Error "FAIL-05"
        "Routes lead to an appliance whose NIC has enableIPForwarding off; Azure drops what is not addressed to it."
        "Set enableIPForwarding: true on every NIC of the appliance that transit traffic enters or leaves.";
    GuestNoForward "GUEST_NO_FORWARD" Error "FAIL-06"
        "Routes lead to a machine whose guest does not forward."
        "Turn forwarding on in the guest (net.ipv4.ip_forward=1 or RRAS).";
    NoSnatToInternet "NO_SNAT_TO_INTERNET" Error "FAIL-29"
        "An appliance sends others' traffic to the internet without translating its source, so Azure cannot translate it either."
        "Translate the source to the appliance's own address for what leaves to the internet.";
    WrongNicReply "WRONG_NIC_REPLY" Error "FAIL-31"
        "A machine with several NICs answers by another one than was asked, with an address that this one does not own."
        "Give the guest a route per NIC, or set enableIPForwarding: true on the NIC that the answers leave by.";
    NvaInstanceMismatch "NVA_INSTANCE_MISMATCH" Error "FAIL-17"
        "The two directions of a connection meet different instances of an appliance, and the second knows nothing of it."
        "Use one internal load balancer with HA ports for both directions, or translate the source.";
    // Load balancers.
    IlbNoHaPorts "ILB_NO_HA_PORTS" Warning "FAIL-15"
        "Routes lead to a load balancer that has no HA ports rule: what its rules do not name dies there."
        "Add an HA ports rule (protocol All, ports 0).";
    ProbeBlocked "PROBE_BLOCKED" Error "FAIL-16"
        "The probes of a load balancer do not get through to a machine of its pool, so it gets no new connections."
        "Let AzureLoadBalancer (168.63.129.16) reach the probed port, and let something listen there.";
    IlbAllBackendsDown "ILB_ALL_BACKENDS_DOWN" Error "FAIL-16"
        "No machine of a load balancer's pool answers its probe: every new connection dies there."
        "Start a backend and let probes from 168.63.129.16 reach it.";
    ProbeNotDataplane "PROBE_NOT_DATAPLANE" Note "LB-08"
        "The probe of a load balancer before appliances asks a port of their own management, which answers although forwarding is broken."
        "Probe a port that only answers while the appliance forwards.";
    IlbHairpin "ILB_HAIRPIN" Warning "FAIL-35"
        "A machine of the pool calls its own load balancer; whenever it is chosen itself, the connection fails."
        "Call the backend directly, or give callers and backends different machines.";
    // Gateways and on-premises.
    OnPremUnaware "ONPREM_UNAWARE" Error "FAIL-27"
        "Azure can send to a site, but the site does not know the way back to the network."
        "Add the prefix on-premises: to the traffic selectors, or let BGP announce it.";
    // Security groups.
    VnetTagIsAny "VNET_TAG_IS_ANY" Warning "FAIL-21"
        "A default route to an appliance makes the VirtualNetwork tag stand for every address: default rules then admit everything, and rules for Internet never match."
        "Write rules with address blocks instead of the tag.";
    RuleNeverMatches "RULE_NEVER_MATCHES" Warning "NSG-09"
        "Rules with better priority match everything that this rule could match."
        "Remove it, or give it a lower priority number.";
    NsgTagTooNarrow "NSG_TAG_TOO_NARROW" Error "FAIL-20"
        "Routes bring traffic to a machine whose security group knows it only by the VirtualNetwork tag, which lacks the sender or the destination."
        "Add an Allow rule with the address blocks.";
    AllowedByExistingFlow "ALLOWED_BY_EXISTING_FLOW" Note "NSG-14"
        "A connection that began before a rule was changed goes on: rules are asked when a flow begins."
        "Restart the connection, or wait until its flow record has timed out.";
    // The internet.
    NoOutbound "NO_OUTBOUND" Warning "OUT-01"
        "A machine is routed to the internet, but nothing carries it out."
        "Attach a NAT gateway to the subnet, or give the machine a public IP or an outbound rule.";
    PublicReplyAsym "PUBLIC_REPLY_ASYM" Error "FAIL-30"
        "Connections come in by a public address, but the answers follow the default route to an appliance, which never saw them begin."
        "Let them enter by the appliance (DNAT and SNAT), or add a /32 route to Internet for the client.";
    // Disputed or misleading.
    PeReturnDisputed "PE_RETURN_DISPUTED" Note "RT-08"
        "Traffic to a private endpoint crosses an appliance without source translation; sources disagree whether the answer comes back through it."
        "Translate the source at the appliance, or test it: capture on the appliance, and compare with a direct connection.";
    GatewaySilent "GATEWAY_SILENT" Note "FAB-16"
        "An Azure gateway forwards but says nothing: it shows in no traceroute, and its public address answers no ping, whatever its tunnel does."
        "Ask a machine behind the gateway instead.";
    LinkFaultWithoutLeg "LINK_FAULT_WITHOUT_LEG" Warning "PEER-36"
        "A setLink of the timeline names two ends between which no packet travels in one leg, so it does nothing."
        "Name the two ends of one leg: peered networks, or a network and its site.";
}

impl fmt::Display for FindingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A text that is no finding's code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownFindingCode;

impl FromStr for FindingCode {
    type Err = UnknownFindingCode;
    fn from_str(text: &str) -> Result<Self, UnknownFindingCode> {
        let same = |code: &&Self| code.code().eq_ignore_ascii_case(text);
        Self::ALL.iter().find(same).copied().ok_or(UnknownFindingCode)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::DropReason;

    #[test]
    fn codes_are_unique_and_none_is_a_drop_reason() {
        let codes: BTreeSet<&str> = FindingCode::ALL.iter().map(|c| c.code()).collect();
        assert_eq!(codes.len(), FindingCode::ALL.len());
        for code in FindingCode::ALL {
            assert_eq!(code.code().parse(), Ok(*code));
            assert!(code.code().parse::<DropReason>().is_err(), "{code}");
        }
    }
}
