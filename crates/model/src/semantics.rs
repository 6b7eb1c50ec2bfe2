//! Dated rule sets and named switches: where Azure changed, or where its sources disagree.
//!
//! Part 0 and Part 12 of the semantics. A scenario names an era and may set each switch by itself.
//! No other place decides a disputed point.

use vnetsim_types::named_enum;

named_enum! {
    /// Which documents the rules follow (Part 0).
    Era {
        /// The founding document of 25 September 2017.
        Y2017 = "2017",
        /// The documents of 2023 to 2026.
        Modern = "modern",
    }
}

named_enum! {
    /// U-01: what `allowVirtualNetworkAccess: false` does (PEER-05, PEER-06, ERA-06).
    VnetAccessModel {
        /// The fabric drops everything between the two networks.
        Strict = "strict",
        /// The peer leaves the `VirtualNetwork` tag, nothing else.
        TagOnly = "tag_only",
    }
}

named_enum! {
    /// U-02: when `allowForwardedTraffic: false` drops (PEER-08).
    ForwardedModel {
        /// Always, on the receiver's link.
        Documented = "documented",
        /// Not when the receiving subnet itself routes the packet's source to an appliance, by a user route or one
        /// that the appliance announced (FE-31).
        Field = "field",
    }
}

named_enum! {
    /// U-03: a learned prefix more specific than a virtual network or peering prefix (RT-12, FE-03).
    BgpVsPeering {
        /// The system route holds; the learned one is not even listed.
        SystemWins = "system_wins",
        /// Longest prefix decides.
        Lpm = "lpm",
    }
}

named_enum! {
    /// U-04: what a replaced 0.0.0.0/0 does to the system None routes (RT-04, FE-01).
    NoneRoutesOnDefaultOverride {
        /// Any user or learned 0.0.0.0/0 removes them: what captured tables show.
        Remove = "remove",
        /// Only one towards an appliance or a gateway removes them: the documented example.
        Documented = "documented",
        /// They stay.
        Keep = "keep",
    }
}

named_enum! {
    /// U-08: whether a virtual network gateway lowers the time to live (FAB-16).
    TtlGateway {
        /// By one.
        Decrement = "decrement",
        /// Not at all.
        Transparent = "transparent",
    }
}

named_enum! {
    /// U-09: whether the fabric fragments packets over 1,400 bytes (FAB-19).
    FabricFragment {
        /// Packets up to 1,500 bytes pass whole.
        Off = "off",
        /// It does, as the 2019 tuning page says.
        At1400 = "at_1400",
    }
}

named_enum! {
    /// What a rule change does to connections that are open (NSG-14).
    NsgLiveFlows {
        /// They stay.
        Keep = "keep",
        /// They end where the present rules would not let them begin.
        Resimulate = "resimulate",
        /// They all end: every packet is decided again.
        Flush = "flush",
    }
}

/// The rule set of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Semantics {
    /// The era that the switches below start from.
    pub era: Era,
    /// U-01.
    pub vnet_access_model: VnetAccessModel,
    /// U-02.
    pub forwarded_model: ForwardedModel,
    /// U-03.
    pub bgp_vs_peering: BgpVsPeering,
    /// U-04.
    pub none_routes_on_default_override: NoneRoutesOnDefaultOverride,
    /// U-08.
    pub ttl_gateway: TtlGateway,
    /// U-09.
    pub fabric_fragment: FabricFragment,
    /// NSG-14.
    pub nsg_live_flows: NsgLiveFlows,
}

impl Semantics {
    /// The defaults of an era.
    pub fn of(era: Era) -> Self {
        Self {
            era,
            vnet_access_model: match era {
                Era::Y2017 => VnetAccessModel::Strict,
                Era::Modern => VnetAccessModel::TagOnly,
            },
            forwarded_model: ForwardedModel::Documented,
            bgp_vs_peering: BgpVsPeering::SystemWins,
            none_routes_on_default_override: NoneRoutesOnDefaultOverride::Remove,
            ttl_gateway: TtlGateway::Decrement,
            fabric_fragment: FabricFragment::Off,
            nsg_live_flows: NsgLiveFlows::Keep,
        }
    }
}

/// Gives [`Semantics`] its fine switches as a list: name in a file, where the dispute stands, field and type.
macro_rules! switches {
    ($($field:ident, $rule:literal, $kind:ident;)*) => {
        impl Semantics {
            /// Every other value of every fine switch, one at a time: name of the switch, its U-id (the rule id
            /// where the register has none), spelling of the value, and the rule set with it.
            pub fn alternatives(&self) -> Vec<(&'static str, &'static str, &'static str, Self)> {
                let mut all = Vec::new();
                $(
                    let others = $kind::ALL.iter().filter(|(_, value)| *value != self.$field);
                    all.extend(others.map(|(text, value)| {
                        (stringify!($field), $rule, *text, Self { $field: *value, ..*self })
                    }));
                )*
                all
            }

            /// The value of the fine switch called `switch`, as a file spells it; `None` when there is no such.
            pub fn text_of(&self, switch: &str) -> Option<&'static str> {
                $(
                    if switch == stringify!($field) {
                        return Some(self.$field.text());
                    }
                )*
                None
            }
        }
    };
}

switches! {
    vnet_access_model, "U-01", VnetAccessModel;
    forwarded_model, "U-02", ForwardedModel;
    bgp_vs_peering, "U-03", BgpVsPeering;
    none_routes_on_default_override, "U-04", NoneRoutesOnDefaultOverride;
    ttl_gateway, "U-08", TtlGateway;
    fabric_fragment, "U-09", FabricFragment;
    nsg_live_flows, "NSG-14", NsgLiveFlows;
}

impl Default for Semantics {
    fn default() -> Self {
        Self::of(Era::Modern)
    }
}
