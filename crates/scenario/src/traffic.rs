//! The entries of `traffic`: what is said, and what it means in the network.
//!
//! Owns which properties belong to which application, and that what `interval`, `rate` and `bandwidth` say is about
//! the datagrams of a stream or about conversations, never about both. Called by `file` and `load`.

use std::net::IpAddr;

use serde_json::{Value, json};
use vnetsim_model::{
    Application, Endpoint, GIVE_UP_DEFAULT, Network, SOURCE_PORT_DEFAULT, TTL_DEFAULT, Traffic, draft::Ref,
};
use vnetsim_types::{
    At, IpProtocol, Problem, ProtoPort, SimTime, Span,
    limits::{TRAFFIC_BYTES_MAX, TRAFFIC_COUNT_MAX, TRAFFIC_LASTS_MAX},
};

use crate::{
    decode::{Cx, Decode, shown},
    quantities::{Bandwidth, Bytes},
    record::record,
    values::{Between, Reference},
    yaml::Node,
};

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
    pub(crate) plays: Plays,
    pub(crate) give_up: SimTime,
}

/// What a conversation consists of, as said.
pub(crate) enum Plays {
    Application(Application),
    /// The distance of datagrams may depend on the family of the addresses.
    Stream {
        lasts: At<SimTime>,
        spacing: Spacing,
    },
}

impl Plays {
    /// A traceroute, of which expectations may list the hops.
    pub(crate) fn is_traceroute(&self) -> bool {
        matches!(self, Self::Application(Application::Traceroute { .. }))
    }
}

/// How far apart the datagrams of a stream are.
#[derive(Clone, Copy)]
pub(crate) enum Spacing {
    Every(SimTime),
    BitsPerSecond(u64),
}

/// An IPv4 packet with a UDP or ICMP header holds no more.
const PAYLOAD_BYTES_MAX: u64 = 65_507;
/// Between conversations, and between datagrams, when nothing is said.
const INTERVAL_DEFAULT: SimTime = SimTime::from_millis(10);
/// IP header and UDP header, in bytes.
const HEADER_BYTES_V4: u64 = 28;
const HEADER_BYTES_V6: u64 = 48;

/// What one conversation may carry.
type Amount = Bytes<1, TRAFFIC_BYTES_MAX>;

record! {
    TrafficEntry -> Sent, Own "traffic" "name",
        "A stream of conversations between two ends: single exchanges, or one of transfer, download, request, bulk, \
         stream, traceroute.";
    req name: At<String> = "name", "Unique among traffic and captures; expectations name it.";
    req from: Reference = "from", "A VM, a NIC or an address.";
    req to: Reference = "to", "A VM, a NIC or an address.";
    req protocol: ProtoPort = "protocol", "tcp/443, udp/53, icmp, esp, ah, gre, ipip or ip/NN.";
    opt source_port: Between<1, 65_535> = "sourcePort",
        "Of the first conversation; when absent one of 50000 and up that other entries do not start at.";
    opt start: SimTime = "start", "When the first conversation starts; 0s when absent.";
    opt count: Between<1, TRAFFIC_COUNT_MAX> = "count",
        "Number of conversations; 1 when absent. Several streams start at once.";
    opt interval: At<SimTime> = "interval",
        "Time between the starts of two conversations, or of a stream between two datagrams; 10ms when absent.";
    opt rate: Between<1, 1_000_000_000> = "rate",
        "Conversations, or of a stream datagrams, per second, instead of interval.";
    opt bandwidth: Bandwidth = "bandwidth",
        "Of a stream, instead of interval: bits of IP packets per second, such as 100Mbps.";
    opt size: Between<0, PAYLOAD_BYTES_MAX> = "size", "Payload bytes of each packet but those of TCP; 0 when absent.";
    opt one_way: At<bool> = "oneWay", "Nobody answers; never with TCP.";
    opt dont_fragment: bool = "dontFragment", "Sets DF; TCP always does.";
    opt ttl: Between<1, 255> = "ttl", "First time to live of all packets; 64 when absent.";
    opt source_address: At<IpAddr> = "sourceAddress", "A source address that need not be the sender's own.";
    opt transfer: At<Amount> = "transfer", "TCP: the client sends that much, such as 50MB, and closes.";
    opt download: At<Amount> = "download", "TCP: the server sends that much, and the client closes.";
    opt request: At<Amount> = "request", "TCP: what the client sends each time, such as 300B.";
    opt response: Bytes<0, TRAFFIC_BYTES_MAX> = "response", "What the server answers each time; nothing when absent.";
    opt requests: Between<1, TRAFFIC_COUNT_MAX> = "requests",
        "Requests of one connection, one after the other; 1 when absent.";
    opt bulk: At<Lasting> = "bulk", "TCP: how long the client sends as much as gets through.";
    opt stream: At<Lasting> = "stream", "UDP: how long datagrams are sent, one every interval.";
    opt traceroute: At<Hops> = "traceroute", "UDP or ICMP: true, or the most hops; 30 when true.";
    opt give_up: At<Lasting> = "giveUp", "TCP: how long it waits for an answer; 60s when absent.";
    => check |given, cx| [
        given.exclusive("rate", &["interval", "bandwidth"], cx),
        given.exclusive("interval", &["bandwidth"], cx),
        given.exclusive("transfer", &["download", "request", "bulk", "stream", "traceroute", "size"], cx),
        given.exclusive("download", &["request", "bulk", "stream", "traceroute", "size"], cx),
        given.exclusive("request", &["bulk", "stream", "traceroute", "size"], cx),
        given.exclusive("bulk", &["stream", "traceroute", "size"], cx),
        given.exclusive("stream", &["traceroute"], cx),
        given.exclusive("traceroute", &["ttl", "oneWay"], cx),
        given.belongs("bandwidth", "stream", cx),
        given.belongs("response", "request", cx),
        given.belongs("requests", "request", cx),
    ]
    => |_span, _place, cx| {
        if let Some(one_way) = one_way.as_ref().filter(|o| o.value && protocol.protocol == IpProtocol::TCP) {
            cx.conflict(one_way.span, "oneWay needs a protocol without handshake, such as udp/9000");
            return None;
        }
        // The types of the properties keep these within bounds.
        let short = |number: u64| u16::try_from(number).unwrap_or(u16::MAX);
        let by_rate = rate.map(|rate| SimTime(1_000_000_000 / rate));
        let every = by_rate.or(interval.as_ref().map(|i| i.value)).unwrap_or(INTERVAL_DEFAULT);
        let said = Said {
            transfer, download, request, bulk, stream, traceroute,
            response: response.unwrap_or(0),
            requests: requests.unwrap_or(1),
            spacing: bandwidth.map_or(Spacing::Every(every), Spacing::BitsPerSecond),
        };
        let count = count.unwrap_or(1);
        let give_up = match give_up {
            Some(time) => needs_tcp(&time, "giveUp", protocol, cx).map(|()| time.value),
            None => Some(GIVE_UP_DEFAULT),
        };
        let plays = said.plays(protocol, count, cx);
        if let (Some(Plays::Stream { .. }), Some(zero)) = (&plays, interval.filter(|i| i.value == SimTime::ZERO)) {
            let message = format!("{}: a stream needs time between its datagrams", cx.object);
            let problem = Problem::error("BAD_VALUE", zero.span, message);
            return cx.fail(problem.help("write 1ns or more, or say rate or bandwidth"));
        }
        let plays = plays?;
        if let (Plays::Stream { lasts, spacing: Spacing::BitsPerSecond(_) }, None) = (&plays, size) {
            let message = format!("{}: `bandwidth` needs a `size`", cx.object);
            let problem = Problem::error("MISSING_PROPERTY", lasts.span, message);
            return cx.fail(problem.help("add the payload bytes of a datagram, such as size: 1200"));
        }
        Some(Sent {
            name,
            from,
            to,
            protocol,
            source_port: source_port.map(short),
            start: start.unwrap_or_default(),
            interval: if matches!(plays, Plays::Stream { .. }) { SimTime::ZERO } else { every },
            count,
            payload_bytes: size.map_or(0, short),
            one_way: one_way.is_some_and(|o| o.value),
            dont_fragment: dont_fragment.unwrap_or(false),
            ttl: ttl.map_or(TTL_DEFAULT, |ttl| u8::try_from(ttl).unwrap_or(u8::MAX)),
            source_address,
            plays,
            give_up: give_up?,
        })
    }
}

/// How long something lasts: more than nothing, an hour at most.
pub(crate) struct Lasting;

impl Decode for Lasting {
    type Out = SimTime;
    fn decode(node: &Node, cx: &mut Cx) -> Option<SimTime> {
        let time = SimTime::decode(node, cx)?;
        if time > SimTime::ZERO && time <= TRAFFIC_LASTS_MAX {
            return Some(time);
        }
        let problem = cx.bad("BAD_VALUE", node.span, &format!("{time} is out of bounds"));
        cx.fail(problem.help(format!("write more than 0s, {TRAFFIC_LASTS_MAX} at most")))
    }
    fn schema() -> Value {
        SimTime::schema()
    }
}

/// `traceroute`: the most hops, or true; `None` when it is false.
pub(crate) struct Hops;

/// The usual most hops of traceroute.
const HOPS_DEFAULT: u8 = 30;

impl Decode for Hops {
    type Out = Option<u8>;
    fn decode(node: &Node, cx: &mut Cx) -> Option<Option<u8>> {
        let text = cx.text(node, "true or a number of hops")?;
        match text.to_ascii_lowercase().as_str() {
            "true" => Some(Some(HOPS_DEFAULT)),
            "false" => Some(None),
            number if number.parse::<u8>().is_ok_and(|hops| hops > 0) => Some(number.parse().ok()),
            _ => {
                let problem =
                    cx.bad("BAD_VALUE", node.span, &format!("{} is no number of hops", shown(text)));
                cx.fail(problem.help("write true, or the most hops, from 1 to 255"))
            }
        }
    }
    fn schema() -> Value {
        json!({ "anyOf": [bool::schema(), Between::<1, 255>::schema()] })
    }
}

/// What an entry says about its conversations.
struct Said {
    transfer: Option<At<u64>>,
    download: Option<At<u64>>,
    request: Option<At<u64>>,
    response: u64,
    requests: u64,
    bulk: Option<At<SimTime>>,
    stream: Option<At<SimTime>>,
    traceroute: Option<At<Option<u8>>>,
    spacing: Spacing,
}

impl Said {
    /// The one application that is said.
    fn plays(self, protocol: ProtoPort, count: u64, cx: &mut Cx) -> Option<Plays> {
        let (response, number) = (self.response, self.requests);
        let requests = |said: &At<u64>, requests, request_bytes, response_bytes, cx: &mut Cx| {
            few_bytes(said.span, [count, requests], request_bytes, response_bytes, cx)?;
            let requests = u32::try_from(requests).unwrap_or(u32::MAX);
            Some(Plays::Application(Application::Requests { requests, request_bytes, response_bytes }))
        };
        if let Some(said) = &self.transfer {
            needs_tcp(said, "transfer", protocol, cx)?;
            return requests(said, 1, said.value, 0, cx);
        }
        if let Some(said) = &self.download {
            needs_tcp(said, "download", protocol, cx)?;
            return requests(said, 1, 1, said.value, cx);
        }
        if let Some(said) = &self.request {
            needs_tcp(said, "request", protocol, cx)?;
            return requests(said, number, said.value, response, cx);
        }
        if let Some(said) = &self.bulk {
            needs_tcp(said, "bulk", protocol, cx)?;
            return Some(Plays::Application(Application::Bulk { lasts: said.value }));
        }
        if let Some(lasts) = self.stream {
            let fits = protocol.protocol == IpProtocol::UDP;
            fit(&lasts, "stream", protocol, fits, "protocol: udp/9000", cx)?;
            return Some(Plays::Stream { lasts, spacing: self.spacing });
        }
        if let Some((said, hops_max)) = self.traceroute.as_ref().and_then(|said| Some((said, said.value?))) {
            let fits = protocol.protocol == IpProtocol::UDP || protocol.protocol.is_icmp();
            fit(said, "traceroute", protocol, fits, "protocol: udp/33434 or icmp", cx)?;
            return Some(Plays::Application(Application::Traceroute { hops_max }));
        }
        Some(Plays::Application(Application::Exchange))
    }
}

fn needs_tcp<T>(said: &At<T>, word: &str, protocol: ProtoPort, cx: &mut Cx) -> Option<()> {
    let fits = protocol.protocol == IpProtocol::TCP;
    fit(said, word, protocol, fits, "protocol: tcp/443", cx)
}

/// Reports an application that does not fit the protocol.
fn fit<T>(
    said: &At<T>,
    word: &str,
    protocol: ProtoPort,
    fits: bool,
    remedy: &str,
    cx: &mut Cx,
) -> Option<()> {
    if fits {
        return Some(());
    }
    let message = format!("{}: `{word}` does not go with {protocol}", cx.object);
    let problem = Problem::error("CONFLICTING_PROPERTIES", said.span, message);
    cx.fail(problem.help(format!("write {remedy}, or remove `{word}`")))
}

/// Reports more bytes in all than an entry may carry.
fn few_bytes(place: Span, times: [u64; 2], request: u64, response: u64, cx: &mut Cx) -> Option<()> {
    let all = times.iter().map(|number| u128::from(*number)).product::<u128>();
    if all.saturating_mul(u128::from(request) + u128::from(response)) <= u128::from(TRAFFIC_BYTES_MAX) {
        return Some(());
    }
    let message = format!("{}: its conversations carry more than 1 TB in all", cx.object);
    cx.fail(Problem::error("BAD_VALUE", place, message).help("send less, or fewer times"))
}

/// Where entry number `ix` starts when it says nothing: entries between the same two ends must not be taken for one
/// connection.
pub(crate) fn source_port(ix: usize) -> u16 {
    let (column, row) = (ix % 15, ix / 15 % 100);
    SOURCE_PORT_DEFAULT + (column * 1_000 + row * 10) as u16
}

/// What `sent` means in `network`.
pub(crate) fn resolve(network: &Network, sent: Sent, source_port: u16, cx: &mut Cx) -> Option<Traffic> {
    let (from, to) = ends(network, &sent, cx)?;
    let v6_icmp = to.address.is_ipv6() && sent.protocol.protocol == IpProtocol::ICMP;
    let protocol = match v6_icmp {
        true => ProtoPort { protocol: IpProtocol::ICMPV6, ..sent.protocol },
        false => sent.protocol,
    };
    let application = application(&sent, to.address.is_ipv6(), cx)?;
    Some(Traffic {
        name: sent.name,
        from,
        to,
        protocol,
        source_port: sent.source_port.unwrap_or(source_port),
        start: sent.start,
        interval: sent.interval,
        count: sent.count,
        payload_bytes: sent.payload_bytes,
        one_way: sent.one_way,
        dont_fragment: sent.dont_fragment,
        ttl: sent.ttl,
        application,
        give_up: sent.give_up,
    })
}

/// Both ends, of one family.
fn ends(network: &Network, sent: &Sent, cx: &mut Cx) -> Option<(Endpoint, Endpoint)> {
    // An end that is an address decides the family of the other end.
    let ends = match sent.to.value.parse::<IpAddr>() {
        Ok(to) => (end(network, &sent.from, Some(to), cx), end(network, &sent.to, None, cx)),
        Err(_) => {
            let from = end(network, &sent.from, None, cx);
            let to = end(network, &sent.to, from.map(|from| from.address), cx);
            (from, to)
        }
    };
    let (mut from, to) = (ends.0?, ends.1?);
    if let Some(said) = &sent.source_address {
        if said.value.is_ipv4() != to.address.is_ipv4() {
            let name = shown(&sent.name.value);
            let message =
                format!("traffic {name}: sourceAddress {} cannot send to {}", said.value, to.address);
            let problem = Problem::error("BAD_VALUE", said.span, message);
            return cx.fail(problem.help("source and destination must be of the same family"));
        }
        from.address = said.value;
    }
    if from.address.is_ipv4() != to.address.is_ipv4() {
        let message =
            format!("traffic {}: {} cannot send to {}", shown(&sent.name.value), from.address, to.address);
        let problem = Problem::error("BAD_VALUE", sent.to.span, message);
        return cx.fail(problem.help("both ends need an address of the same family"));
    }
    Some((from, to))
}

/// The end that `name` means, or a problem.
pub(crate) fn end(
    network: &Network,
    name: &At<String>,
    like: Option<IpAddr>,
    cx: &mut Cx,
) -> Option<Endpoint> {
    match network.endpoint(&name.value, like) {
        Ok(endpoint) => Some(endpoint),
        Err(sentence) => cx.fail(Problem::error("UNKNOWN_REFERENCE", name.span, sentence)),
    }
}

/// The application of `sent`; a stream's bandwidth counts whole IP packets.
fn application(sent: &Sent, ipv6: bool, cx: &mut Cx) -> Option<Application> {
    let (lasts, spacing) = match &sent.plays {
        Plays::Application(application) => return Some(*application),
        Plays::Stream { lasts, spacing } => (lasts, *spacing),
    };
    let interval = match spacing {
        Spacing::Every(interval) => interval,
        Spacing::BitsPerSecond(bits) => {
            let header = if ipv6 { HEADER_BYTES_V6 } else { HEADER_BYTES_V4 };
            SimTime((u64::from(sent.payload_bytes) + header) * 8 * 1_000_000_000 / bits)
        }
    };
    let interval = interval.max(SimTime(1));
    let datagrams = u128::from(lasts.value.0.div_ceil(interval.0)) * u128::from(sent.count);
    if datagrams > u128::from(TRAFFIC_COUNT_MAX) {
        let message = format!("traffic {} sends {datagrams} datagrams", shown(&sent.name.value));
        let problem = Problem::error("BAD_VALUE", lasts.span, message);
        return cx.fail(
            problem.help(format!("an entry sends {TRAFFIC_COUNT_MAX} at most; make it shorter or slower")),
        );
    }
    Some(Application::Stream { lasts: lasts.value, interval })
}
