//! Codes that `types` does not know, each in a sentence: endings, problems of an input, refusals of the control plane.

/// How a conversation ends although none of its packets died: code, rule, what it means, what to look at.
/// Those of `vnetsim_sim::Outcome`.
pub(crate) const ENDINGS: &[(&str, Option<&str>, &str, &str)] = &[
    (
        "TIMED_OUT",
        Some("FAB-17"),
        "The client waited for an answer until it gave up, though none of its packets died.",
        "Look at who answers, from which address and by which way: Path, and the trace of the reply.",
    ),
    (
        "RESET",
        Some("FLOW-06"),
        "The other end broke the connection off: it does not know it, or closed before all was said.",
        "Keep a connection with the machine that accepted it: the same backend, the same appliance, no restart.",
    ),
    (
        "UNFINISHED",
        None,
        "The run ended before the conversation did: it was stopped, or no end had anything to wait for.",
        "Let the run go to its end, and look at what the other end of the conversation last did.",
    ),
];

/// Codes of problems with an input: code, what it means, what to do.
pub(crate) const PROBLEMS: &[(&str, &str, &str)] = &[
    (
        "ADDRESS_OUTSIDE_SUBNET",
        "A private address lies outside its subnet.",
        "Correct the address or the subnet.",
    ),
    (
        "ASG_ACROSS_VNETS",
        "Members of one application security group are in two virtual networks.",
        "Use one group per network (NSG-21).",
    ),
    (
        "BAD_NAME",
        "An object has an empty name, or one that Azure does not accept.",
        "Rename it; NSG-02 says how security rules may be called.",
    ),
    ("BAD_NEXT_HOP_TYPE", "A user-defined route has a next hop type that cannot be set.", "See RT-10."),
    ("BAD_SUBNET_SIZE", "A subnet has a size that Azure does not allow.", "See ADDR-04."),
    (
        "BAD_VALUE",
        "A property has a value of the right kind that cannot be.",
        "The message says what can be.",
    ),
    (
        "CANNOT_COEXIST",
        "A VPN gateway and an ExpressRoute gateway cannot stand in one network as they are.",
        "Make the VPN gateway RouteBased, with an SKU above Basic (GW-13).",
    ),
    ("CANNOT_READ", "The file cannot be opened or read.", "Check its name and its permissions."),
    ("CONFLICTING_PROPERTIES", "Two properties exclude each other.", "Keep one of them."),
    ("DUPLICATE_ADDRESS", "One address has two owners.", "Give one of them another address (ADDR-06)."),
    (
        "DUPLICATE_FRONTEND_PORT",
        "Two rules of a load balancer share frontend, protocol and port.",
        "Change one of them (LB-02).",
    ),
    (
        "DUPLICATE_KEY",
        "A mapping names the same property twice.",
        "Remove one; YAML would silently keep one of them.",
    ),
    ("DUPLICATE_NAME", "Two objects of one kind have the same name.", "Rename one; case does not count."),
    ("DUPLICATE_PREFIX", "Two routes of one table have the same prefix.", "Remove one (RT-09)."),
    ("DUPLICATE_PRIORITY", "Two rules have the same priority and direction.", "Change one (NSG-03)."),
    ("EMPTY_FILE", "The file says nothing.", "A scenario has at least `network`."),
    ("FORBIDDEN_ADDRESS_SPACE", "An address space touches a block that Azure reserves.", "See ADDR-01."),
    ("HOST_BITS", "A prefix has bits set behind its length.", "Write the network address."),
    ("MISSING_PROPERTY", "A property that must be there is not.", "Add it."),
    ("NIC_ATTACHED_TWICE", "Two machines have the same network interface.", "Give each its own."),
    (
        "NICS_APART",
        "The network interfaces of a machine are in different regions or subscriptions.",
        "Put them into networks of one region and subscription (ADDR-12).",
    ),
    (
        "NOT_IN_ERA",
        "The era of the scenario does not know this.",
        "Remove it, or set era: modern; Part 0 lists what changed.",
    ),
    ("NOT_UTF8", "The file is not UTF-8 text.", "Save it as UTF-8."),
    ("NO_GATEWAY_SUBNET", "A gateway's network has no subnet called GatewaySubnet.", "Add it (GW-01)."),
    (
        "OPPOSITE_LINK_NOT_CONNECTED",
        "A link says Connected, but the opposite one is not there or not Connected.",
        "Both links of a peering are Connected, or none is (PEER-02, PEER-03).",
    ),
    (
        "OVERLAPPING_ADDRESS_SPACE",
        "Two blocks of one virtual network overlap.",
        "Blocks are disjoint (ADDR-03).",
    ),
    ("OVERLAPPING_SUBNETS", "Two subnets overlap.", "Change one (ADDR-04)."),
    ("OVER_LIMIT", "There is more of something than Azure allows.", "The message names the limit."),
    (
        "READ_ONLY_PROPERTY",
        "A request sets a property that Azure computes.",
        "Remove it; states follow from requests (PEER-03), copies from syncPeering (PEER-17).",
    ),
    (
        "RESERVED_ADDRESS",
        "An address is one of the five that Azure keeps in each subnet.",
        "Take another (ADDR-05).",
    ),
    (
        "RULE_WITHOUT_BACKEND",
        "An inbound NAT rule leads to no machine.",
        "Name it in loadBalancerInboundNatRules of an ipConfiguration (LB-16).",
    ),
    ("SUBNET_FULL", "A subnet has no address left.", "Give it a larger prefix."),
    ("SUBNET_OUTSIDE_VNET", "A subnet lies outside its network's address space.", "Correct one of the two."),
    ("TOO_DEEP", "The file is nested too deeply.", "No scenario needs so many levels."),
    ("TOO_LARGE", "The file is too large, or says too much.", "Split it."),
    ("TWO_GATEWAYS", "A virtual network has two gateways of one type.", "At most one of each (GW-01)."),
    (
        "TWO_SUBNETS",
        "A network interface sits in two subnets.",
        "All its ipConfigurations share one (ADDR-13).",
    ),
    (
        "UNKNOWN_PROPERTY",
        "A property is not one that vnetsim reads.",
        "Inside network it is ignored with a warning; check the spelling.",
    ),
    (
        "UNKNOWN_REGION",
        "No region of that name is in the data files; its distance, price and cloud are not known.",
        "Correct the location, or add the region to a copy of regions.toml.",
    ),
    ("UNKNOWN_REFERENCE", "A name leads nowhere.", "Correct it, or add the object."),
    (
        "UNKNOWN_SERVICE_TAG",
        "Neither the file nor the data files know the prefixes of a service tag.",
        "List them under network.serviceTags.",
    ),
    (
        "UNKNOWN_VM_SIZE",
        "No machine size of that name is in the data files; the machine has no egress cap.",
        "Correct vmSize, or add the size to a copy of vm-sizes.toml (VM-04).",
    ),
    ("WRONG_TYPE", "A property has the wrong kind of value.", "The message says which kind is expected."),
    ("YAML_SYNTAX", "The file is not well-formed YAML.", "See the marked place."),
    (
        "CONNECTION_MISMATCH",
        "The two ends of a connection do not fit.",
        "The message says why; see Part 6 (GW-03, GW-04).",
    ),
    (
        "DEFAULT_ROUTE_ON_GATEWAY_SUBNET",
        "The route table of a GatewaySubnet holds 0.0.0.0/0.",
        "Remove that route (RT-28).",
    ),
    (
        "NAT_GATEWAY_ACROSS_VNETS",
        "One NAT gateway is associated with subnets of two virtual networks.",
        "Give each network its own (OUT-05).",
    ),
    (
        "NAT_GATEWAY_ON_GATEWAY_SUBNET",
        "A GatewaySubnet has a NAT gateway.",
        "Remove the association (GW-02).",
    ),
    ("NO_ROUTE_SERVER_SUBNET", "A route server's network has no subnet called RouteServerSubnet.", "Add it."),
    ("NSG_ON_GATEWAY_SUBNET", "A GatewaySubnet has an NSG.", "Remove the association (NSG-26)."),
    (
        "PROPAGATION_OFF_ON_GATEWAY_SUBNET",
        "The route table of a GatewaySubnet does not accept learned routes.",
        "Set disableBgpRoutePropagation: false (RT-14).",
    ),
    (
        "RESIDENT_IN_GATEWAY_SUBNET",
        "Something else than a gateway sits in a GatewaySubnet.",
        "Move it to another subnet (ADDR-09).",
    ),
    (
        "ROUTE_OVERLAPS_GATEWAY_SUBNET",
        "A route of a GatewaySubnet leads its own prefix astray.",
        "Remove that route (RT-28).",
    ),
    (
        "SMALL_GATEWAY_SUBNET",
        "A GatewaySubnet is smaller than its gateways need.",
        "The message says how large; GW-02.",
    ),
    ("TWO_ROUTE_SERVERS", "A virtual network has two route servers.", "At most one."),
];

/// A failed expectation that no death explains.
pub(crate) const EXPECTATION_FAILED: &str = "EXPECTATION_FAILED";
/// A run that was given up.
pub(crate) const RUN_STUCK: &str = "RUN_STUCK";

/// Codes of a test's results that are no drop reasons: code, what it means, what to do.
pub(crate) const RESULTS: &[(&str, &str, &str)] = &[
    (
        EXPECTATION_FAILED,
        "What a scenario expects does not hold.",
        "The message says what happened instead; correct the network, or the expectation.",
    ),
    (
        RUN_STUCK,
        "Too many events happened at one moment of virtual time, so the run was given up.",
        "Look for machines that answer each other without end.",
    ),
];

/// What the control plane refuses with: Azure's code (PEER-42; others are ours, U-26), and a sentence with what to do.
pub(crate) const REFUSALS: &[(&str, &str)] = &[
    (
        "AddressSpaceChangeWithClassicPeerNotSupported",
        "A network that is peered with a classic one keeps its address space; delete the link first \
         (PEER-18).",
    ),
    (
        "AllowGatewayTransitRequired",
        "useRemoteGateways needs allowGatewayTransit on the opposite link first (PEER-09, FE-14).",
    ),
    (
        "AnotherLinkUsesRemoteGateways",
        "A network borrows by one link at most; unset useRemoteGateways on the other one (PEER-09).",
    ),
    (
        "AnotherPeeringAlreadyReferencesRemoteVnet",
        "A network has at most one link to another; update or delete the one that is there (PEER-01).",
    ),
    (
        "AuthorizationFailed",
        "The principal has no role that allows this on the object itself; assign one, for links Network \
         Contributor (PEER-30).",
    ),
    (
        "ClassicToClassicNotAllowed",
        "Two classic networks cannot be peered; join them with VPN gateways (PEER-28).",
    ),
    (
        "ClassicVnetHasNoLinks",
        "A classic network has no links of its own; create the single link on the Resource Manager \
         network (PEER-28).",
    ),
    ("ConnectionEndsCannotChange", "A connection keeps its two ends; delete it and create another."),
    (
        "CrossCloudPeeringNotAllowed",
        "Networks of different clouds cannot be peered (PEER-31); join them with VPN gateways.",
    ),
    (
        "DefaultRouteNotAllowedOnGatewaySubnet",
        "A GatewaySubnet of a VPN gateway takes no 0.0.0.0/0; route single prefixes (RT-28).",
    ),
    (
        "DifferentTenantsNotAllowed",
        "In 2017 both subscriptions had to belong to one tenant; join the networks with VPN gateways \
         (ERA-03).",
    ),
    (
        "DuplicateAddressPrefix",
        "A route table holds each prefix once; update or delete the route that has it (RT-09).",
    ),
    (
        "GatewaySubnetHasOtherResidents",
        "Nothing but gateways may be deployed into GatewaySubnet; move what is there (ADDR-09).",
    ),
    ("GatewaySubnetNotFound", "A gateway needs a subnet called GatewaySubnet; add it (GW-01)."),
    (
        "GatewaySubnetTooSmall",
        "Gateways of both types, and many circuits, need a larger GatewaySubnet (GW-02).",
    ),
    (
        "GatewayTransitNotSupported",
        "In 2017 no gateway was shared across regions or with a classic network; unset the gateway flags \
         (ERA-04).",
    ),
    (
        "GlobalPeeringNotRegistered",
        "In 2017 both subscriptions had to register AllowGlobalVnetPeering: list it under \
         registeredFeatures (ERA-01, PEER-33).",
    ),
    (
        "GlobalPeeringRegionNotSupported",
        "In 2017 global peering existed between three regions only; use those, or set era: modern \
         (ERA-01, PEER-33).",
    ),
    ("InUseByConnections", "A gateway that has connections cannot be deleted; delete them first."),
    (
        "InUseByPeerings",
        "A network with links of its own, or a gateway that a peer borrows, cannot be deleted; delete the \
         links, or set useRemoteGateways: false there, first (PEER-03, PEER-09).",
    ),
    ("InUsePrefixCannotBeDeleted", "Subnets lie in the block that would go; keep it (ADDR-08)."),
    (
        "InUseSubnetCannotBeDeleted",
        "Something is deployed in the network's subnets; remove what lives there first (ADDR-08).",
    ),
    (
        "InvalidRequestFormat",
        "The object itself is wrong; the sentence says what, `vnetsim check` would say the same of it in \
         a file.",
    ),
    (
        "LimitExceeded",
        "There would be more of something than Azure allows; the sentence says which limit, `vnetsim \
         data` where it stands.",
    ),
    (
        "LinkedAuthorizationFailed",
        "The principal may change the object, but has no role that allows the action on the other object \
         that it names; assign one there too (PEER-30).",
    ),
    (
        "NatGatewayNotAllowedOnGatewaySubnet",
        "A GatewaySubnet takes no NAT gateway; remove the association (GW-02).",
    ),
    (
        "NetworkSecurityGroupNotAllowedOnGatewaySubnet",
        "A GatewaySubnet takes no NSG; filter at the subnets of the machines (NSG-26).",
    ),
    (
        "PeeringLimitReached",
        "The network has as many links as it may have; peeringsPerVirtualNetwork of its subscription says \
         a raised limit (PEER-34).",
    ),
    (
        "PeeringRemoteVnetCannotChange",
        "A link keeps its target; delete it first, or give the new link another name (PEER-01).",
    ),
    (
        "PeeringTypeCannotChange",
        "A link stays one of whole networks or one of subnets; delete it and create another (PEER-21).",
    ),
    ("PublicIPAddressInUse", "Something else has the public IP address already; take another one (ADDR-06)."),
    (
        "RemotePeeringIsDisconnected",
        "The opposite link is Disconnected; delete or update it first (PEER-03, U-18).",
    ),
    ("RemoteVnetHasNoGateways", "There is no gateway to borrow; create one there first (PEER-09)."),
    ("ResourceAlreadyExists", "Another object has that name; delete it first, or take another name."),
    (
        "ResourceNotFound",
        "The object of the operation does not exist, or does not exist any more; create it first.",
    ),
    (
        "RouteOverlapsGatewaySubnet",
        "A route on GatewaySubnet covers addresses of the gateway itself; take prefixes that leave them \
         out (RT-28).",
    ),
    (
        "RoutePropagationRequiredOnGatewaySubnet",
        "A GatewaySubnet's route table must not disable propagation; use another table (RT-14).",
    ),
    ("SecurityRuleConflict", "Another rule has that priority and direction; take another priority (NSG-03)."),
    (
        "SubnetPeeringNotAvailable",
        "Subnet peering did not exist in 2017; peer the whole networks, or set era: modern (ERA-09).",
    ),
    (
        "VnetAddressSpaceCannotChangeDueToPeerings",
        "In 2017 the space of a peered network could not be changed; delete the links, change it, create \
         them again (ERA-02).",
    ),
    (
        "VnetAddressSpaceOverlapsWithAlreadyPeeredVnet",
        "All peers of one network must be disjoint; change one of the spaces (PEER-13).",
    ),
    ("VnetAddressSpacesOverlap", "Peered networks must be disjoint; change one of the spaces (PEER-12)."),
    (
        "VnetAlreadyHasGateway",
        "A network has at most one gateway of each type, in 2017 one altogether; delete the other one \
         (GW-01, GW-23).",
    ),
    ("VnetCannotPeerWithItself", "A peering joins two networks; name another one (PEER-01)."),
    (
        "VnetHasOwnGateway",
        "A network that has a gateway cannot borrow one; delete its own, or do without (PEER-09).",
    ),
    (
        "VnetUsesRemoteGateways",
        "The network borrows a gateway; set useRemoteGateways: false before it gets one of its own \
         (PEER-09).",
    ),
];
