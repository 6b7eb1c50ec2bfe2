//! The entries of `captures`: recorded packets that are sent again.
//!
//! Owns whom the addresses of a capture stand for. Whoever runs a scenario opens the files; their paths are as said.

use std::net::IpAddr;

use serde_json::{Value, json};
use vnetsim_model::{Endpoint, Network, draft::Ref};
use vnetsim_types::{At, IpNet, Problem, SimTime, Span};

use crate::{
    decode::{Cx, Decode, shown},
    record::record,
    traffic::end,
    values::{Decimal, Reference},
    yaml::Node,
};

/// A capture that is sent again.
#[derive(Clone, Debug)]
pub struct CaptureReplay {
    /// Unique among traffic entries and captures; expectations name it.
    pub name: At<String>,
    /// Path of the file, as said: relative to the scenario file.
    pub file: At<String>,
    /// When its first packet is sent.
    pub start: SimTime,
    /// How fast, in thousandths: 1000 is as captured, 2000 twice as fast.
    pub speed_permille: u32,
    /// Whom its addresses stand for, in file order; empty when they are the network's own.
    pub map: Vec<MappedAddress>,
    /// The whole entry.
    pub span: Span,
}

/// Whom addresses of a capture stand for.
#[derive(Clone, Copy, Debug)]
pub struct MappedAddress {
    /// Addresses as in the capture, without host bits.
    pub prefix: IpNet,
    /// Who sends what they sent, and receives what they received, by its address.
    pub to: Endpoint,
    /// The whole entry.
    pub span: Span,
}

impl CaptureReplay {
    /// When a packet is sent that was captured `offset` after the first one.
    pub fn at(&self, offset: SimTime) -> SimTime {
        let ns = u128::from(offset.0) * 1_000 / u128::from(self.speed_permille.max(1));
        self.start + SimTime(u64::try_from(ns).unwrap_or(u64::MAX))
    }

    /// Whom `address` of the capture stands for, by the longest prefix.
    pub fn mapped(&self, address: IpAddr) -> Option<&MappedAddress> {
        let holding = self.map.iter().filter(|mapped| mapped.prefix.contains(&address));
        holding.max_by_key(|mapped| mapped.prefix.prefix_len())
    }
}

/// A `captures` entry; the ends of its map are still names.
pub(crate) struct Recorded {
    span: Span,
    pub(crate) name: At<String>,
    file: At<String>,
    start: SimTime,
    speed_permille: u32,
    map: Vec<Mapping>,
}

/// An entry of `map`.
pub(crate) struct Mapping {
    span: Span,
    address: At<IpNet>,
    to: Ref,
}

record! {
    CaptureEntry -> Recorded, Own "capture" "name", "Packets of a capture, sent again at their times.";
    req name: At<String> = "name", "Unique among traffic and captures; expectations name it.";
    req file: At<String> = "file", "A pcap or pcapng file; its path is relative to the scenario.";
    opt start: SimTime = "start", "When the first packet is sent; 0s when absent.";
    opt speed: Speed = "speed", "2 sends twice as fast as captured; 1 when absent.";
    list map: MapEntry = "map",
        "Whom the addresses of the capture stand for; the longest prefix counts. The network's own when absent.";
    => |span, _place, _cx| Some(Recorded {
        span, name, file, map,
        start: start.unwrap_or_default(),
        speed_permille: speed.unwrap_or(AS_CAPTURED),
    })
}

record! {
    MapEntry -> Mapping, Own "map" "-", "Whom addresses of the capture stand for.";
    req address: At<AddressOrPrefix> = "address", "An address or a prefix, as in the capture.";
    req to: Reference = "to", "A VM, a NIC, a private endpoint or an address: the one that sends instead.";
    => |span, _place, _cx| Some(Mapping { span, address, to })
}

/// An address, or a prefix without host bits.
pub(crate) struct AddressOrPrefix;

impl Decode for AddressOrPrefix {
    type Out = IpNet;
    fn decode(node: &Node, cx: &mut Cx) -> Option<IpNet> {
        let text = cx.text(node, "an address or a prefix")?;
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(IpNet::from(address));
        }
        let prefix = IpNet::decode(node, cx)?;
        if prefix.trunc() == prefix {
            return Some(prefix);
        }
        let problem = cx.bad("BAD_VALUE", node.span, &format!("{prefix} has host bits set"));
        cx.fail(problem.help(format!("write {}", prefix.trunc())))
    }
    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[0-9A-Fa-f:.]+(/[0-9]+)?$", "examples": ["10.0.0.4", "10.0.0.0/16"] })
    }
}

/// A factor in thousandths, from 0.001 to 1000.
pub(crate) struct Speed;

const AS_CAPTURED: u32 = 1_000;

impl Decode for Speed {
    type Out = u32;
    fn decode(node: &Node, cx: &mut Cx) -> Option<u32> {
        let factor = Decimal::decode(node, cx)?;
        let permille = (factor * 1_000.0).round();
        if (1.0..=1_000_000.0).contains(&permille) {
            return Some(permille as u32);
        }
        let problem = cx.bad("BAD_VALUE", node.span, &format!("{factor} is out of bounds"));
        cx.fail(problem.help("it goes from 0.001 to 1000"))
    }
    fn schema() -> Value {
        Decimal::schema()
    }
}

/// What `said` means in `network`; every wrong end of its map is reported.
pub(crate) fn resolve(network: &Network, said: Recorded, cx: &mut Cx) -> Option<CaptureReplay> {
    unique_prefixes(&said, cx)?;
    let map: Vec<_> = said.map.iter().map(|mapping| mapped(network, &said.name, mapping, cx)).collect();
    Some(CaptureReplay {
        map: map.into_iter().collect::<Option<_>>()?,
        name: said.name,
        file: said.file,
        start: said.start,
        speed_permille: said.speed_permille,
        span: said.span,
    })
}

fn mapped(network: &Network, name: &At<String>, said: &Mapping, cx: &mut Cx) -> Option<MappedAddress> {
    let prefix = said.address.value;
    let to = end(network, &said.to, Some(prefix.addr()), cx)?;
    if to.address.is_ipv4() != prefix.addr().is_ipv4() {
        let message = format!("capture {}: {prefix} cannot stand for {}", shown(&name.value), to.address);
        let problem = Problem::error("BAD_VALUE", said.to.span, message);
        return cx.fail(problem.help("both must be of the same family"));
    }
    Some(MappedAddress { prefix, to, span: said.span })
}

fn unique_prefixes(said: &Recorded, cx: &mut Cx) -> Option<()> {
    let before = cx.problems.len();
    let mut first = std::collections::HashMap::new();
    for mapping in &said.map {
        let address = &mapping.address;
        if let Some(span) = first.insert(address.value, address.span) {
            let message = format!("capture {} maps {} twice", shown(&said.name.value), address.value);
            let problem = Problem::error("CONFLICTING_PROPERTIES", address.span, message);
            cx.problems.push(problem.related(span, "first one here").help("keep one of them"));
        }
    }
    (cx.problems.len() == before).then_some(())
}
