//! Codes that are not drop reasons, each in a sentence: problems of an input, refusals of the control plane.

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
    ("BAD_NAME", "An object has an empty name.", "Name it."),
    ("BAD_NEXT_HOP_TYPE", "A user-defined route has a next hop type that cannot be set.", "See RT-10."),
    ("BAD_SUBNET_SIZE", "A subnet has a size that Azure does not allow.", "See ADDR-04."),
    (
        "BAD_VALUE",
        "A property has a value of the right kind that cannot be.",
        "The message says what can be.",
    ),
    ("CANNOT_READ", "The file cannot be opened or read.", "Check its name and its permissions."),
    ("CONFLICTING_PROPERTIES", "Two properties exclude each other.", "Keep one of them."),
    ("DUPLICATE_ADDRESS", "One address has two owners.", "Give one of them another address (ADDR-06)."),
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
    ("NOT_UTF8", "The file is not UTF-8 text.", "Save it as UTF-8."),
    ("NO_GATEWAY_SUBNET", "A gateway's network has no subnet called GatewaySubnet.", "Add it (GW-01)."),
    (
        "OVERLAPPING_ADDRESS_SPACE",
        "Two blocks of one virtual network overlap.",
        "Blocks are disjoint (ADDR-03).",
    ),
    ("OVERLAPPING_SUBNETS", "Two subnets overlap.", "Change one (ADDR-04)."),
    ("OVER_LIMIT", "There is more of something than Azure allows.", "The message names the limit."),
    (
        "RESERVED_ADDRESS",
        "An address is one of the five that Azure keeps in each subnet.",
        "Take another (ADDR-05).",
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
    ("UNKNOWN_REFERENCE", "A name leads nowhere.", "Correct it, or add the object."),
    (
        "UNKNOWN_SERVICE_TAG",
        "The prefixes of a service tag are not known.",
        "List them under network.serviceTags.",
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
        "NAT_GATEWAY_ON_GATEWAY_SUBNET",
        "A GatewaySubnet has a NAT gateway.",
        "Remove the association (GW-02).",
    ),
    ("NO_ROUTE_SERVER_SUBNET", "A route server's network has no subnet called RouteServerSubnet.", "Add it."),
    ("NSG_ON_GATEWAY_SUBNET", "A GatewaySubnet has an NSG.", "Remove the association (GW-02)."),
    (
        "PROPAGATION_OFF_ON_GATEWAY_SUBNET",
        "The route table of a GatewaySubnet does not accept learned routes.",
        "Set disableBgpRoutePropagation: false (RT-28).",
    ),
    (
        "RESIDENT_IN_GATEWAY_SUBNET",
        "Something else than a gateway sits in a GatewaySubnet.",
        "Move it to another subnet (GW-02).",
    ),
    (
        "ROUTE_OVERLAPS_GATEWAY_SUBNET",
        "A route of a GatewaySubnet leads its own prefix astray.",
        "Remove that route (RT-28).",
    ),
    (
        "SMALL_GATEWAY_SUBNET",
        "A GatewaySubnet is smaller than its gateways need.",
        "Give it a /27 or larger (GW-02).",
    ),
    ("TWO_ROUTE_SERVERS", "A virtual network has two route servers.", "At most one."),
];

/// What the control plane refuses with: Azure's code (PEER-42; others are ours, U-26) and a sentence.
pub(crate) const REFUSALS: &[(&str, &str)] = &[
    (
        "AddressSpaceChangeWithClassicPeerNotSupported",
        "A network that is peered with a classic one keeps its address space (PEER-14).",
    ),
    (
        "AllowGatewayTransitRequired",
        "useRemoteGateways needs allowGatewayTransit on the opposite link first (PEER-09, FE-14).",
    ),
    ("AnotherLinkUsesRemoteGateways", "A network borrows at most one gateway (PEER-09)."),
    ("AnotherPeeringAlreadyReferencesRemoteVnet", "A network has at most one link to another (PEER-01)."),
    ("AuthorizationFailed", "The principal has no role that allows this on the object itself (PEER-30)."),
    (
        "ClassicToClassicNotAllowed",
        "Two classic networks cannot be peered; join them with VPN gateways (PEER-28).",
    ),
    (
        "ClassicVnetHasNoLinks",
        "A classic network has no links of its own; the single link is created on the Resource Manager network (PEER-28).",
    ),
    ("ConnectionEndsCannotChange", "A connection keeps its two ends; delete it and create another."),
    ("CrossCloudPeeringNotAllowed", "Networks of different clouds cannot be peered (PEER-31)."),
    ("DefaultRouteNotAllowedOnGatewaySubnet", "A GatewaySubnet of a VPN gateway takes no 0.0.0.0/0 (RT-28)."),
    ("DifferentTenantsNotAllowed", "In 2017 both subscriptions had to belong to one tenant (ERA-03)."),
    ("DuplicateAddressPrefix", "A route table holds each prefix once (RT-09)."),
    ("GatewaySubnetHasOtherResidents", "Nothing but gateways may be deployed into GatewaySubnet (ADDR-09)."),
    ("GatewaySubnetNotFound", "A gateway needs a subnet called GatewaySubnet (GW-01)."),
    ("GatewaySubnetTooSmall", "Gateways of both types need a GatewaySubnet of /27 or larger (GW-02)."),
    (
        "GatewayTransitNotSupported",
        "This link cannot share a gateway under the rules in force (ERA-04, PEER-09).",
    ),
    (
        "GlobalPeeringNotRegistered",
        "In 2017 both subscriptions had to register the preview of global peering (ERA-01, PEER-33).",
    ),
    (
        "GlobalPeeringRegionNotSupported",
        "In 2017 global peering existed between a few regions only (ERA-01, PEER-33).",
    ),
    ("InUseByConnections", "A gateway that has connections cannot be deleted."),
    (
        "InUseByPeerings",
        "The gateway is used over peerings; set useRemoteGateways: false there first (PEER-09).",
    ),
    ("InUsePrefixCannotBeDeleted", "Subnets lie in the block; delete or move them first (ADDR-08)."),
    (
        "InUseSubnetCannotBeDeleted",
        "The network's subnets are in use; stop and remove what lives there first.",
    ),
    ("InvalidRequestFormat", "The object itself is wrong; the sentence says what."),
    ("LimitExceeded", "There would be more of something than Azure allows; the sentence says which limit."),
    (
        "LinkedAuthorizationFailed",
        "The principal may change the object, but has no role that allows the action on the other object that it names (PEER-30).",
    ),
    ("NatGatewayNotAllowedOnGatewaySubnet", "A GatewaySubnet takes no NAT gateway (GW-02)."),
    ("NetworkSecurityGroupNotAllowedOnGatewaySubnet", "A GatewaySubnet takes no NSG (GW-02)."),
    ("PeeringLimitReached", "The network has as many links as it may have (PEER-34)."),
    (
        "PeeringTypeCannotChange",
        "A link stays one of whole networks or one of subnets; delete it and create another (PEER-24).",
    ),
    (
        "RemotePeeringIsDisconnected",
        "The opposite link is Disconnected; delete or update it first (PEER-03).",
    ),
    ("RemoteVnetHasNoGateways", "There is no gateway to borrow (PEER-09)."),
    ("ResourceAlreadyExists", "Another object has that name."),
    ("ResourceNotFound", "The object of the operation does not exist."),
    (
        "RouteOverlapsGatewaySubnet",
        "A route on GatewaySubnet covers addresses of the gateway itself (RT-28).",
    ),
    (
        "RoutePropagationRequiredOnGatewaySubnet",
        "A GatewaySubnet's route table must not disable propagation (RT-14).",
    ),
    ("SecurityRuleConflict", "Another rule has that priority and direction (NSG-03)."),
    ("SubnetPeeringNotAvailable", "Subnet peering did not exist in 2017 (PEER-24)."),
    (
        "VnetAddressSpaceCannotChangeDueToPeerings",
        "In 2017 the space of a peered network could not be changed (ERA-02).",
    ),
    ("VnetAddressSpaceOverlapsWithAlreadyPeeredVnet", "All peers of one network must be disjoint (PEER-13)."),
    ("VnetAddressSpacesOverlap", "Peered networks must be disjoint (PEER-12)."),
    ("VnetAlreadyHasGateway", "A network has at most one gateway of each type (GW-01)."),
    ("VnetHasOwnGateway", "A network that has a gateway cannot borrow one (PEER-09)."),
    (
        "VnetUsesRemoteGateways",
        "The network borrows a gateway; it cannot have one of its own at the same time (PEER-09).",
    ),
];
