//! The top of a scenario file: rules and traffic, as said and not yet resolved.
//!
//! Owns the properties outside `network`, `timeline` and `expect`. Called by `load`, which resolves the names.

use std::net::IpAddr;

use serde_json::{Value, json};
use vnetsim_model::{
    BgpVsPeering, Era, FabricFragment, ForwardedModel, NoneRoutesOnDefaultOverride, NsgLiveFlows, Semantics,
    TTL_DEFAULT, TtlGateway, VnetAccessModel,
    draft::{self, Ref},
};
use vnetsim_types::{At, IpProtocol, ProtoPort, SimTime, limits::TRAFFIC_COUNT_MAX};

use crate::{
    decode::{Cx, Decode, List, Rows, Table},
    expect::ExpectEntry,
    expectation::Expectation,
    network::{Network, Said},
    record::record,
    timeline::TimelineEntry,
    values::{Between, Reference},
    yaml::{Kind, Node},
};

/// A file's statements.
pub(crate) struct File {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) cites: Vec<At<String>>,
    pub(crate) semantics: Semantics,
    pub(crate) network: Option<Said>,
    pub(crate) traffic: Rows<Sent>,
    pub(crate) timeline: Rows<draft::TimelineEntry>,
    pub(crate) expect: Rows<Expectation>,
}

record! {
    ScenarioFile -> File, Own "scenario" "name",
        "A vnetsim scenario: a network, traffic, changes and expectations. Words are accepted in any case; \
         this schema lists the usual spelling.";
    part _version: Between<1, 1> = "vnetsim", "Version of the format; only 1 exists.";
    part name: String = "name", "A title.";
    part description: String = "description", "For people.";
    part cites: List<At<String>> = "cites", "Rules, statements and vectors that the scenario shows.";
    part semantics: Rules = "rules", "Rule set; modern when absent.";
    part network: RequiredNetwork = "network", "The network.";
    part traffic: Table<TrafficEntry> = "traffic", "What is sent.";
    part timeline: Table<TimelineEntry> = "timeline", "What happens to the network while it runs.";
    part expect: Table<ExpectEntry> = "expect", "What must come out.";
    => |_span, place, cx| {
        if network.is_none() {
            cx.missing(place, "network");
        }
        Some(File {
            name,
            description,
            cites: cites.unwrap_or_default(),
            semantics: semantics.unwrap_or_default(),
            network: network.flatten(),
            traffic: traffic.unwrap_or_default(),
            timeline: timeline.unwrap_or_default(),
            expect: expect.unwrap_or_default(),
        })
    }
}

/// `network`; the inner `None` is one that was given but is no mapping.
pub(crate) struct RequiredNetwork;

impl Decode for RequiredNetwork {
    type Out = Option<Said>;
    fn decode(node: &Node, cx: &mut Cx) -> Option<Option<Said>> {
        Some(Network::decode(node, cx))
    }
    fn schema() -> Value {
        Network::schema()
    }
}

record! {
    RuleSwitches -> Semantics, Own "rules" "-", "An era, and switches that differ from its defaults.";
    opt era: Era = "era", "2017 or modern.";
    opt vnet_access_model: VnetAccessModel = "vnet_access_model|vnetAccessModel", "U-01.";
    opt forwarded_model: ForwardedModel = "forwarded_model|forwardedModel", "U-02.";
    opt bgp_vs_peering: BgpVsPeering = "bgp_vs_peering|bgpVsPeering", "U-03.";
    opt none_routes: NoneRoutesOnDefaultOverride =
        "none_routes_on_default_override|noneRoutesOnDefaultOverride", "U-04.";
    opt ttl_gateway: TtlGateway = "ttl_gateway|ttlGateway", "U-08.";
    opt fabric_fragment: FabricFragment = "fabric_fragment|fabricFragment", "U-09.";
    opt nsg_live_flows: NsgLiveFlows = "nsg_live_flows|nsgLiveFlows", "NSG-14.";
    => |_span, _place, _cx| {
        let base = Semantics::of(era.unwrap_or(Era::Modern));
        Some(Semantics {
            era: base.era,
            vnet_access_model: vnet_access_model.unwrap_or(base.vnet_access_model),
            forwarded_model: forwarded_model.unwrap_or(base.forwarded_model),
            bgp_vs_peering: bgp_vs_peering.unwrap_or(base.bgp_vs_peering),
            none_routes_on_default_override: none_routes.unwrap_or(base.none_routes_on_default_override),
            ttl_gateway: ttl_gateway.unwrap_or(base.ttl_gateway),
            fabric_fragment: fabric_fragment.unwrap_or(base.fabric_fragment),
            nsg_live_flows: nsg_live_flows.unwrap_or(base.nsg_live_flows),
        })
    }
}

/// `rules: modern` or a mapping.
pub(crate) struct Rules;

impl Decode for Rules {
    type Out = Semantics;
    fn decode(node: &Node, cx: &mut Cx) -> Option<Semantics> {
        match node.kind {
            Kind::Map(_) => RuleSwitches::decode(node, cx),
            _ => Era::decode(node, cx).map(Semantics::of),
        }
    }
    fn schema() -> Value {
        json!({ "anyOf": [Era::schema(), { "const": 2017 }, RuleSwitches::schema()] })
    }
}

/// A `traffic` entry; its ends are still names.
pub(crate) struct Sent {
    pub(crate) name: At<String>,
    pub(crate) from: Ref,
    pub(crate) to: Ref,
    pub(crate) protocol: ProtoPort,
    pub(crate) source_port: Option<u16>,
    pub(crate) start: SimTime,
    pub(crate) interval: SimTime,
    pub(crate) count: u64,
    pub(crate) payload_bytes: u16,
    pub(crate) one_way: bool,
    pub(crate) dont_fragment: bool,
    pub(crate) ttl: u8,
    pub(crate) source_address: Option<At<IpAddr>>,
}

/// An IPv4 packet with a UDP or ICMP header holds no more.
const PAYLOAD_BYTES_MAX: u64 = 65_507;

record! {
    TrafficEntry -> Sent, Own "traffic" "name", "A stream of conversations between two ends.";
    req name: At<String> = "name", "Unique in the file; expectations name it.";
    req from: Reference = "from", "A VM, a NIC or an address.";
    req to: Reference = "to", "A VM, a NIC or an address.";
    req protocol: ProtoPort = "protocol", "tcp/443, udp/53, icmp, esp, ah, gre, ipip or ip/NN.";
    opt source_port: Between<1, 65_535> = "sourcePort",
        "Of the first conversation; when absent one of 50000 and up that other entries do not start at.";
    opt start: SimTime = "start", "When the first conversation starts; 0s when absent.";
    opt count: Between<1, TRAFFIC_COUNT_MAX> = "count", "Number of conversations; 1 when absent.";
    opt interval: SimTime = "interval", "Time between the starts of two conversations; 10ms when absent.";
    opt rate: Between<1, 1_000_000_000> = "rate", "Conversations per second, instead of interval.";
    opt size: Between<0, PAYLOAD_BYTES_MAX> = "size", "Payload bytes of each packet but those of TCP; 0 when absent.";
    opt one_way: At<bool> = "oneWay", "Nobody answers; never with TCP.";
    opt dont_fragment: bool = "dontFragment", "Sets DF; TCP always does.";
    opt ttl: Between<1, 255> = "ttl", "First time to live of all packets; 64 when absent.";
    opt source_address: At<IpAddr> = "sourceAddress", "A source address that need not be the sender's own.";
    => check |given, cx| [given.exclusive("rate", &["interval"], cx)]
    => |_span, _place, cx| {
        if let Some(one_way) = one_way.as_ref().filter(|o| o.value && protocol.protocol == IpProtocol::TCP) {
            cx.conflict(one_way.span, "oneWay needs a protocol without handshake, such as udp/9000");
            return None;
        }
        // The types of the properties keep these within bounds.
        let short = |number: u64| u16::try_from(number).unwrap_or(u16::MAX);
        let by_rate = rate.map(|rate| SimTime(1_000_000_000 / rate));
        Some(Sent {
            name,
            from,
            to,
            protocol,
            source_port: source_port.map(short),
            start: start.unwrap_or_default(),
            interval: by_rate.or(interval).unwrap_or(SimTime::from_millis(10)),
            count: count.unwrap_or(1),
            payload_bytes: size.map_or(0, short),
            one_way: one_way.is_some_and(|o| o.value),
            dont_fragment: dont_fragment.unwrap_or(false),
            ttl: ttl.map_or(TTL_DEFAULT, |ttl| u8::try_from(ttl).unwrap_or(u8::MAX)),
            source_address,
        })
    }
}
