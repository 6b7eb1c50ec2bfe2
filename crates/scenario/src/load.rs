//! From bytes to a scenario.
//!
//! Owns the order of the stages and which problems of a later stage still mean something after errors in an
//! earlier one. Called by front ends.

use std::{collections::HashMap, net::IpAddr};

use serde_json::{Value, json};
use vnetsim_model::{
    Application, Endpoint, GIVE_UP_DEFAULT, Network, Operation, SOURCE_PORT_DEFAULT, Traffic, check, draft,
};
use vnetsim_types::{At, FileId, IpProtocol, Problem, ProtoPort, Severity, SimTime, Span};

use crate::{
    decode::{Cx, Decode, shown},
    expectation::Expectation,
    file::{File, ScenarioFile, Sent},
    network::Said,
    references::Names,
    yaml,
};

/// A scenario without errors.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// `name`.
    pub name: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// `cites`: rules, statements and vectors that it shows.
    pub cites: Vec<At<String>>,
    /// The checked network at the start of the run, with its rule set.
    pub network: Network,
    /// `traffic`, in file order.
    pub traffic: Vec<Traffic>,
    /// `timeline`, ascending by time; entries of the same time in file order.
    pub timeline: Vec<TimelineOperation>,
    /// `expect`, in file order.
    pub expect: Vec<Expectation>,
}

/// One change of the network at a moment of virtual time.
#[derive(Clone, Debug)]
pub struct TimelineOperation {
    /// When.
    pub at: SimTime,
    /// What expectations call it.
    pub name: Option<At<String>>,
    /// What.
    pub operation: Operation,
    /// The whole entry.
    pub span: Span,
}

/// What came of loading a file.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The scenario; `None` when there was any error.
    pub scenario: Option<Scenario>,
    /// Errors and warnings, in file order.
    pub problems: Vec<Problem>,
}

/// Reads a scenario file, YAML or JSON, and reports every problem in it. `file` marks the places.
pub fn load(bytes: &[u8], file: FileId) -> Loaded {
    let mut cx = Cx::default();
    let root = yaml::parse(bytes, file, &mut cx.problems);
    let said = root.and_then(|root| ScenarioFile::decode(&root, &mut cx));
    let scenario = said.and_then(|said| scenario(said, bytes, &mut cx));
    let mut problems = cx.problems;
    problems.sort_by_key(|problem| (problem.span.is_none(), problem.span.start));
    let failed = problems.iter().any(|problem| problem.severity == Severity::Error);
    debug_assert!(failed || scenario.is_some(), "a decoder gave up without saying why");
    Loaded { scenario: scenario.filter(|_| !failed), problems }
}

/// The JSON Schema (draft 2020-12) of scenario files, made from the same lists as the decoder.
pub fn schema() -> Value {
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:vnetsim:scenario:1",
        "title": "vnetsim scenario",
    });
    if let (Some(top), Value::Object(body)) = (schema.as_object_mut(), ScenarioFile::schema()) {
        top.extend(body);
        top.insert("required".to_owned(), json!(["network"]));
    }
    schema
}

fn scenario(file: File, bytes: &[u8], cx: &mut Cx) -> Option<Scenario> {
    let complete = file.traffic.complete;
    let traffic_names = traffic_names(&file.traffic.items, cx);
    if complete {
        for expectation in &file.expect.items {
            traffic_names.check_traffic(expectation, cx);
        }
    }
    let Said { draft, left_out } = file.network?;
    let checked = check(&draft, file.semantics);
    let problems = checked.problems.into_iter().filter(|problem| !may_follow(problem, &left_out, bytes));
    cx.problems.extend(problems);
    let network = checked.network.filter(|_| left_out.is_empty())?;

    let mut traffic = Vec::with_capacity(file.traffic.items.len());
    for (ix, sent) in file.traffic.items.into_iter().enumerate() {
        traffic.extend(resolve_traffic(&network, sent, source_port(ix), cx));
    }
    let names = Names::of(&network, &file.timeline.items, file.timeline.complete);
    unique_operations(&file.timeline.items, cx);
    let timeline = resolve_timeline(&network, &file.timeline.items, &names, cx);
    for expectation in &file.expect.items {
        names.check(expectation, cx);
    }
    Some(Scenario {
        name: file.name,
        description: file.description,
        cites: file.cites,
        network,
        traffic,
        timeline,
        expect: file.expect.items,
    })
}

/// What `problem` misses may be an object that was left out because of an error of its own.
fn may_follow(problem: &Problem, left_out: &[Option<String>], bytes: &[u8]) -> bool {
    match problem.code {
        // The last part of the reference is the name that it looks for.
        "UNKNOWN_REFERENCE" | "UNKNOWN_SERVICE_TAG" => {
            let range = problem.span.start as usize..problem.span.end as usize;
            let text = String::from_utf8_lossy(bytes.get(range).unwrap_or_default()).to_lowercase();
            let may_be =
                |name: &Option<String>| name.as_ref().is_none_or(|n| text.contains(&n.to_lowercase()));
            left_out.iter().any(may_be)
        }
        "NO_GATEWAY_SUBNET"
        | "NO_ROUTE_SERVER_SUBNET"
        | "RemoteVnetHasNoGateways"
        | "AllowGatewayTransitRequired"
        | "OPPOSITE_LINK_NOT_CONNECTED"
        | "RULE_WITHOUT_BACKEND" => !left_out.is_empty(),
        _ => false,
    }
}

/// The names of the traffic entries, which must differ.
fn traffic_names(entries: &[Sent], cx: &mut Cx) -> Names {
    let mut first: HashMap<&str, Span> = HashMap::new();
    for entry in entries {
        let name = &entry.name;
        if let Some(span) = first.get(name.as_str()) {
            let message = format!("two traffic entries are called {}", shown(&name.value));
            let problem = Problem::error("DUPLICATE_NAME", name.span, message);
            cx.problems.push(problem.related(*span, "first one here"));
        } else {
            first.insert(&name.value, name.span);
        }
    }
    Names::of_traffic(entries.iter().map(|entry| entry.name.value.clone()))
}

/// Where entry number `ix` starts when it says nothing: entries between the same two ends must not be taken for one
/// connection.
fn source_port(ix: usize) -> u16 {
    let (column, row) = (ix % 15, ix / 15 % 100);
    SOURCE_PORT_DEFAULT + (column * 1_000 + row * 10) as u16
}

fn resolve_traffic(network: &Network, sent: Sent, source_port: u16, cx: &mut Cx) -> Option<Traffic> {
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
    let v6_icmp = to.address.is_ipv6() && sent.protocol.protocol == IpProtocol::ICMP;
    let protocol = match v6_icmp {
        true => ProtoPort { protocol: IpProtocol::ICMPV6, ..sent.protocol },
        false => sent.protocol,
    };
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
        application: Application::Exchange,
        give_up: GIVE_UP_DEFAULT,
    })
}

fn end(network: &Network, name: &At<String>, like: Option<IpAddr>, cx: &mut Cx) -> Option<Endpoint> {
    match network.endpoint(&name.value, like) {
        Ok(endpoint) => Some(endpoint),
        Err(sentence) => cx.fail(Problem::error("UNKNOWN_REFERENCE", name.span, sentence)),
    }
}

/// Names of timeline entries must differ: expectations mean one of them.
fn unique_operations(entries: &[draft::TimelineEntry], cx: &mut Cx) {
    let mut first: HashMap<String, Span> = HashMap::new();
    for name in entries.iter().filter_map(|entry| entry.name.as_ref()) {
        if let Some(span) = first.get(&name.value.to_ascii_lowercase()) {
            let message = format!("two timeline entries are called {}", shown(&name.value));
            let problem = Problem::error("DUPLICATE_NAME", name.span, message);
            cx.problems.push(problem.related(*span, "first one here"));
        } else {
            first.insert(name.value.to_ascii_lowercase(), name.span);
        }
    }
}

fn resolve_timeline(
    network: &Network,
    entries: &[draft::TimelineEntry],
    names: &Names,
    cx: &mut Cx,
) -> Vec<TimelineOperation> {
    let mut timeline = Vec::with_capacity(entries.len());
    for entry in entries {
        match Operation::resolve(network, entry) {
            Ok(operation) => {
                names.check_change(&entry.change, cx);
                cx.problems.append(&mut Operation::warnings(network, entry));
                timeline.push(TimelineOperation {
                    name: entry.name.clone(),
                    at: entry.at.value,
                    operation,
                    span: entry.span,
                });
            }
            Err(mut problems) => cx.problems.append(&mut problems),
        }
    }
    timeline.sort_by_key(|op| op.at);
    timeline
}
