//! Single values: text, numbers, addresses, times, named values and references.
//!
//! Owns how each is spelt. Called through [`Decode`]. Must never know a record.

use std::{fmt::Display, net::IpAddr, str::FromStr};

use serde_json::{Value, json};
use vnetsim_model as model;
use vnetsim_types::{At, Direction, DropReason, IpNet, IpProtocol, ProtoPort, SimTime};

use crate::{
    decode::{Cx, Decode, List, shown},
    yaml::{Kind, Node},
};

impl Decode for String {
    type Out = String;
    fn decode(node: &Node, cx: &mut Cx) -> Option<String> {
        cx.text(node, "text").map(str::to_owned)
    }
    fn schema() -> Value {
        // Numbers are text where text is wanted: `rules: 2017`, `destinationPortRange: 443`.
        json!({ "type": ["string", "number"] })
    }
}

impl Decode for bool {
    type Out = bool;
    fn decode(node: &Node, cx: &mut Cx) -> Option<bool> {
        let text = cx.text(node, "true or false")?;
        match text.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                let problem =
                    cx.bad("BAD_VALUE", node.span, &format!("{} is neither true nor false", shown(text)));
                cx.fail(problem.help("write true or false"))
            }
        }
    }
    fn schema() -> Value {
        json!({ "enum": [true, false, "true", "false", "True", "False"] })
    }
}

fn integer<T: FromStr + PartialOrd + Display>(node: &Node, cx: &mut Cx, least: T, most: T) -> Option<T> {
    let text = cx.text(node, "a number")?;
    // `+5` parses in Rust; in YAML and JSON it is a typing error here.
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(number) if digits && number >= least && number <= most => Some(number),
        _ => {
            let text = shown(text);
            let sentence = match most.to_string().len() {
                _ if least == most => format!("{text} is not {least}, the only value so far"),
                0..=10 => format!("{text} is not a whole number from {least} to {most}"),
                // The bounds of the type tell nobody anything.
                _ => format!("{text} is not a whole number"),
            };
            let problem = cx.bad("BAD_VALUE", node.span, &sentence);
            cx.fail(problem)
        }
    }
}

macro_rules! integers {
    ($($ty:ident)*) => {$(
        impl Decode for $ty {
            type Out = $ty;
            fn decode(node: &Node, cx: &mut Cx) -> Option<$ty> {
                integer(node, cx, $ty::MIN, $ty::MAX)
            }
            fn schema() -> Value {
                json!({ "type": ["integer", "string"], "pattern": "^[0-9]+$", "minimum": 0 })
            }
        }
    )*};
}
integers! { u8 u64 }

/// A number between two bounds, both included.
pub(crate) struct Between<const LEAST: u64, const MOST: u64>;

impl<const LEAST: u64, const MOST: u64> Decode for Between<LEAST, MOST> {
    type Out = u64;
    fn decode(node: &Node, cx: &mut Cx) -> Option<u64> {
        integer(node, cx, LEAST, MOST)
    }
    fn schema() -> Value {
        json!({ "type": ["integer", "string"], "pattern": "^[0-9]+$", "minimum": LEAST, "maximum": MOST })
    }
}

impl Decode for IpAddr {
    type Out = IpAddr;
    fn decode(node: &Node, cx: &mut Cx) -> Option<IpAddr> {
        let text = cx.text(node, "an IP address")?;
        text.parse().ok().or_else(|| {
            let problem = cx.bad("BAD_VALUE", node.span, &format!("{} is not an IP address", shown(text)));
            let help = if text.contains('/') { "an address has no `/length`" } else { "" };
            cx.fail(problem.help(help))
        })
    }
    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[0-9A-Fa-f:.]+$", "examples": ["10.0.0.4"] })
    }
}

impl Decode for IpNet {
    type Out = IpNet;
    fn decode(node: &Node, cx: &mut Cx) -> Option<IpNet> {
        let text = cx.text(node, "a prefix")?;
        text.parse().ok().or_else(|| {
            let problem = cx.bad("BAD_VALUE", node.span, &format!("{} is not a prefix", shown(text)));
            let help = match text.parse::<IpAddr>() {
                Ok(IpAddr::V4(_)) => format!("a single address is {text}/32"),
                Ok(IpAddr::V6(_)) => format!("a single address is {text}/128"),
                Err(_) => "write it like 10.0.0.0/24".to_owned(),
            };
            cx.fail(problem.help(help))
        })
    }
    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[0-9A-Fa-f:.]+/[0-9]+$", "examples": ["10.0.0.0/16"] })
    }
}

/// For types whose own parser explains what is wrong.
fn parsed<T: FromStr<Err = String>>(node: &Node, cx: &mut Cx, expected: &str) -> Option<T> {
    let text = cx.text(node, expected)?;
    if text.len() > 80 {
        let problem = cx.bad("BAD_VALUE", node.span, &format!("{} is not {expected}", shown(text)));
        return cx.fail(problem);
    }
    text.parse().map_err(|why: String| cx.problems.push(cx.bad("BAD_VALUE", node.span, &why))).ok()
}

impl Decode for SimTime {
    type Out = SimTime;
    fn decode(node: &Node, cx: &mut Cx) -> Option<SimTime> {
        parsed(node, cx, "a time such as 250ms")
    }
    fn schema() -> Value {
        let pattern = "^\\s*[0-9]+(\\.[0-9]*)?\\s*(ns|us|ms|s|m|min)\\s*$|^0$";
        json!({ "type": ["string", "number"], "pattern": pattern, "examples": ["10ms", "5s"] })
    }
}

impl Decode for ProtoPort {
    type Out = ProtoPort;
    fn decode(node: &Node, cx: &mut Cx) -> Option<ProtoPort> {
        parsed(node, cx, "a protocol such as tcp/443")
    }
    fn schema() -> Value {
        json!({ "type": "string", "examples": ["tcp/443", "udp/53", "icmp", "esp", "ip/47"] })
    }
}

impl Decode for DropReason {
    type Out = DropReason;
    fn decode(node: &Node, cx: &mut Cx) -> Option<DropReason> {
        let text = cx.text(node, "a drop reason")?;
        text.parse().ok().or_else(|| {
            let spellings = || DropReason::ALL.iter().flat_map(|reason| [reason.name(), reason.code()]);
            let problem = cx.bad("BAD_VALUE", node.span, &format!("{} is not a drop reason", shown(text)));
            let near = cx.near(text, spellings());
            cx.fail(problem.help(near))
        })
    }
    fn schema() -> Value {
        let names = DropReason::ALL.iter().flat_map(|reason| [reason.name(), reason.code()]);
        json!({ "enum": names.collect::<Vec<_>>() })
    }
}

/// A number of dollars, with or without decimals.
pub(crate) struct Decimal;

impl Decode for Decimal {
    type Out = f64;
    fn decode(node: &Node, cx: &mut Cx) -> Option<f64> {
        let text = cx.text(node, "a number")?;
        let digits = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        text.parse().ok().filter(|number: &f64| digits && number.is_finite()).or_else(|| {
            let problem = cx.bad("BAD_VALUE", node.span, &format!("{} is not a number", shown(text)));
            cx.fail(problem.help("write it like 0.25"))
        })
    }
    fn schema() -> Value {
        json!({ "type": ["number", "string"], "pattern": "^[0-9]*\\.?[0-9]*$", "minimum": 0 })
    }
}

/// One value, or a list of them.
pub(crate) struct Several<T>(std::marker::PhantomData<T>);

impl<T: Decode> Decode for Several<T> {
    type Out = Vec<T::Out>;
    fn decode(node: &Node, cx: &mut Cx) -> Option<Vec<T::Out>> {
        match node.kind {
            Kind::List(_) => List::<T>::decode(node, cx),
            _ => T::decode(node, cx).map(|one| vec![one]),
        }
    }
    fn schema() -> Value {
        json!({ "anyOf": [T::schema(), List::<T>::schema()] })
    }
}

/// A protocol of an appliance's policy; without a port, every port of it.
pub(crate) struct AnyPort;

impl Decode for AnyPort {
    type Out = ProtoPort;
    fn decode(node: &Node, cx: &mut Cx) -> Option<ProtoPort> {
        let any = [("tcp", IpProtocol::TCP), ("udp", IpProtocol::UDP)];
        let text = cx.text(node, "a protocol such as tcp/443")?;
        match any.iter().find(|(name, _)| name.eq_ignore_ascii_case(text.trim())) {
            Some((_, protocol)) => Some(ProtoPort { protocol: *protocol, port: 0 }),
            None => ProtoPort::decode(node, cx),
        }
    }
    fn schema() -> Value {
        json!({ "type": "string", "examples": ["tcp/443", "udp", "icmp"] })
    }
}

/// One of a closed list of spellings; case does not matter.
pub(crate) fn one_of<T: Copy>(node: &Node, cx: &mut Cx, all: &[(&'static str, T)]) -> Option<T> {
    let text = cx.text(node, "a word")?;
    if let Some((_, value)) = all.iter().find(|(spelling, _)| spelling.eq_ignore_ascii_case(text)) {
        return Some(*value);
    }
    let problem = cx.bad("BAD_VALUE", node.span, &format!("{} is not known here", shown(text)));
    let mut help = cx.near(text, all.iter().map(|(spelling, _)| *spelling));
    if help.is_empty() {
        let spellings: Vec<_> = all.iter().map(|(spelling, _)| format!("`{spelling}`")).collect();
        help = format!("write one of {}", spellings.join(", "));
    }
    cx.fail(problem.help(help))
}

macro_rules! named {
    ($($ty:ty = $all:expr;)*) => {$(
        impl $crate::decode::Decode for $ty {
            type Out = $ty;
            fn decode(node: &$crate::yaml::Node, cx: &mut $crate::decode::Cx) -> Option<$ty> {
                $crate::values::one_of(node, cx, $all)
            }
            fn schema() -> serde_json::Value {
                serde_json::json!({ "enum": $all.iter().map(|(spelling, _)| *spelling).collect::<Vec<_>>() })
            }
        }
    )*};
}
pub(crate) use named;

named! {
    model::Access = model::Access::ALL;
    model::RuleProtocol = model::RuleProtocol::ALL;
    model::Role = model::Role::ALL;
    model::Snat = model::Snat::ALL;
    model::TcpTracking = model::TcpTracking::ALL;
    model::GuestState = model::GuestState::ALL;
    model::LbSku = model::LbSku::ALL;
    model::LbProtocol = model::LbProtocol::ALL;
    model::LoadDistribution = model::LoadDistribution::ALL;
    model::GatewayType = model::GatewayType::ALL;
    model::PeeringState = model::PeeringState::ALL;
    model::Era = model::Era::ALL;
    model::VnetAccessModel = model::VnetAccessModel::ALL;
    model::ForwardedModel = model::ForwardedModel::ALL;
    model::BgpVsPeering = model::BgpVsPeering::ALL;
    model::NoneRoutesOnDefaultOverride = model::NoneRoutesOnDefaultOverride::ALL;
    model::TtlGateway = model::TtlGateway::ALL;
    model::NsgLiveFlows = model::NsgLiveFlows::ALL;
    model::FabricFragment = model::FabricFragment::ALL;
    model::DeploymentModel = model::DeploymentModel::ALL;
    model::PeeringSyncLevel = model::PeeringSyncLevel::ALL;
    model::PrivateEndpointPolicies = model::PrivateEndpointPolicies::ALL;
    model::ProbeProtocol = model::ProbeProtocol::ALL;
    model::VpnType = model::VpnType::ALL;
    model::HubRoutingPreference = model::HubRoutingPreference::ALL;
    model::Cloud = model::Cloud::ALL;
    Direction = &[("Inbound", Direction::Inbound), ("Outbound", Direction::Outbound)];
}

/// A property that is accepted and means nothing to a packet.
pub(crate) struct Ignored;

impl Decode for Ignored {
    type Out = ();
    fn decode(_: &Node, _: &mut Cx) -> Option<()> {
        Some(())
    }
    fn schema() -> Value {
        json!({})
    }
}

/// `powerState`: true while running.
pub(crate) struct PowerState;

const POWER: &[(&str, bool)] = &[
    ("running", true),
    ("stopped", false),
    ("deallocated", false),
    // As `az vm show -d` prints it.
    ("VM running", true),
    ("VM stopped", false),
    ("VM deallocated", false),
];

impl Decode for PowerState {
    type Out = bool;
    fn decode(node: &Node, cx: &mut Cx) -> Option<bool> {
        one_of(node, cx, POWER)
    }
    fn schema() -> Value {
        json!({ "enum": POWER.iter().map(|(spelling, _)| *spelling).collect::<Vec<_>>() })
    }
}

/// A reference to another object: its name or path, an ARM resource id, or a mapping with `id`.
pub(crate) struct Reference;

impl Decode for Reference {
    type Out = At<String>;
    fn decode(node: &Node, cx: &mut Cx) -> Option<At<String>> {
        let target = match &node.kind {
            Kind::Map(entries) => match node.get("id") {
                Some(id) => id,
                None => {
                    let span = entries.first().map_or(node.span, |(key, _)| key.span);
                    let problem = cx.bad("MISSING_PROPERTY", span, "a reference in braces needs an `id`");
                    return cx.fail(problem.help("write the name, or {id: ...}"));
                }
            },
            _ => node,
        };
        let text = cx.text(target, "a name or a resource id")?;
        match path_of(text) {
            Ok(path) => Some(At::new(path, target.span)),
            Err((what, help)) => {
                let problem = cx.bad("BAD_VALUE", target.span, &format!("{} {what}", shown(text)));
                cx.fail(problem.help(help))
            }
        }
    }
    fn schema() -> Value {
        let id =
            json!({ "type": "object", "properties": { "id": { "type": "string" } }, "required": ["id"] });
        json!({ "anyOf": [{ "type": ["string", "number"] }, id] })
    }
}

/// The names in a reference, joined by `/`: of a resource id every second segment after the type.
fn path_of(text: &str) -> Result<String, (&'static str, &'static str)> {
    let text = text.trim();
    if text.is_empty() {
        return Err(("names nothing", "write the name of the object"));
    }
    if text.starts_with('[') && text.ends_with(']') {
        return resource_id_of_names(text)
            .ok_or(("cannot be evaluated here", "deploy-time expression; write the name"));
    }
    let is_id = text.starts_with('/') || text.starts_with("...");
    if !is_id {
        return Ok(text.to_owned());
    }
    let help = "write the name, or an id like /subscriptions/.../providers/Microsoft.Network/routeTables/rt";
    let segments: Vec<&str> = text.trim_start_matches('.').split('/').filter(|s| !s.is_empty()).collect();
    let types = match segments.iter().rposition(|s| s.eq_ignore_ascii_case("providers")) {
        Some(at) => segments.get(at + 2..).unwrap_or_default(),
        None if text.starts_with("...") => &segments,
        None => return Err(("is not a resource id", help)),
    };
    if types.len() < 2 || !types.len().is_multiple_of(2) {
        return Err(("is not the id of an object", help));
    }
    Ok(types.iter().skip(1).step_by(2).copied().collect::<Vec<_>>().join("/"))
}

/// The names in `[resourceId('type/child', 'name', 'child')]`, joined by `/`; `None` when an argument is not plain text.
fn resource_id_of_names(expression: &str) -> Option<String> {
    let arguments = expression.strip_prefix("[resourceId(")?.strip_suffix(")]")?;
    let plain = |text: &'_ str| -> Option<String> {
        let text = text.trim().strip_prefix('\'')?.strip_suffix('\'')?;
        (!text.is_empty() && !text.contains(['\'', '(', '['])).then(|| text.to_owned())
    };
    let all: Vec<String> = arguments.split(',').map(plain).collect::<Option<_>>()?;
    // A subscription and a resource group may come first.
    let at = all.iter().position(|text| text.contains('/'))?;
    let (kind, names) = (&all[at], &all[at + 1..]);
    let parts = kind.split('/').count() - 1;
    let fits = names.len() == parts && names.iter().all(|name| !name.contains('/'));
    fits.then(|| names.join("/"))
}

/// A reference inside the same object, such as from a rule to a frontend: the last name counts.
pub(crate) struct LocalReference;

impl Decode for LocalReference {
    type Out = At<String>;
    fn decode(node: &Node, cx: &mut Cx) -> Option<At<String>> {
        let path = Reference::decode(node, cx)?;
        Some(path.map(|path| path.rsplit('/').next().unwrap_or_default().to_owned()))
    }
    fn schema() -> Value {
        Reference::schema()
    }
}

#[cfg(test)]
mod tests {
    use super::path_of;

    #[test]
    fn references_become_paths() {
        let id = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Network";
        for (text, path) in [
            ("nsg-a".to_owned(), "nsg-a"),
            ("hub/snet".to_owned(), "hub/snet"),
            (format!("{id}/virtualNetworks/v/subnets/s"), "v/s"),
            (format!("{id}/loadBalancers/lb/backendAddressPools/p"), "lb/p"),
            (".../networkSecurityGroups/nsg-a".to_owned(), "nsg-a"),
            ("[resourceId('Microsoft.Network/virtualNetworks/subnets', 'v', 's')]".to_owned(), "v/s"),
            ("[resourceId('rg', 'Microsoft.Network/routeTables','rt')]".to_owned(), "rt"),
        ] {
            assert_eq!(path_of(&text).unwrap(), path, "{text}");
        }
        let parameter = "[resourceId('Microsoft.Network/routeTables', parameters('rt'))]";
        let short = "[resourceId('Microsoft.Network/virtualNetworks/subnets', 's')]";
        for text in [
            "",
            "[resourceId('x', 'y')]",
            parameter,
            short,
            "/subscriptions/1",
            "/a/providers",
            "/providers/x/y",
        ] {
            assert!(path_of(text).is_err(), "{text}");
        }
    }
}
