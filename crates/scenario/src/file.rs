//! The top of a scenario file, as said and not yet resolved, and its rules.
//!
//! Called by `load`, which resolves the names.

use serde_json::{Value, json};
use vnetsim_model::{
    BgpVsPeering, Era, FabricFragment, ForwardedModel, NoneRoutesOnDefaultOverride, NsgLiveFlows, Semantics,
    TtlGateway, VnetAccessModel, draft,
};
use vnetsim_types::At;

use crate::{
    captures::{CaptureEntry, Recorded},
    decode::{Cx, Decode, List, Rows, Table},
    expect::ExpectEntry,
    expectation::Expectation,
    network::{Network, Said},
    record::record,
    timeline::TimelineEntry,
    traffic::{Sent, TrafficEntry},
    values::Between,
    yaml::{Kind, Node},
};

/// `seed` when a file says none.
const SEED_DEFAULT: u64 = 1;

/// A file's statements.
pub(crate) struct File {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) cites: Vec<At<String>>,
    pub(crate) semantics: Semantics,
    pub(crate) seed: u64,
    pub(crate) network: Option<Said>,
    pub(crate) traffic: Rows<Sent>,
    pub(crate) captures: Rows<Recorded>,
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
    part seed: u64 = "seed", "Where chance starts: loss, jitter, initial numbers; 1 when absent.";
    part network: RequiredNetwork = "network", "The network.";
    part traffic: Table<TrafficEntry> = "traffic", "What is sent.";
    part captures: Table<CaptureEntry> = "captures", "Captures of real traffic that are sent again.";
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
            seed: seed.unwrap_or(SEED_DEFAULT),
            network: network.flatten(),
            traffic: traffic.unwrap_or_default(),
            captures: captures.unwrap_or_default(),
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
