//! From bytes to a scenario.
//!
//! Owns the order of the stages and which problems of a later stage still mean something after errors in an
//! earlier one. Called by front ends.

use std::collections::HashMap;

use serde_json::{Value, json};
use vnetsim_model::{Network, Operation, Traffic, check, draft};
use vnetsim_types::{At, FileId, Problem, Severity, SimTime, Span};

use crate::{
    captures::{self, CaptureReplay},
    decode::{Cx, Decode, shown},
    expectation::Expectation,
    file::{File, ScenarioFile},
    network::Said,
    references::{Names, Played},
    traffic, yaml,
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
    /// `seed`: where chance starts.
    pub seed: u64,
    /// What the file says of the network, for those who ask what a change of it would do.
    pub draft: draft::Draft,
    /// The checked network at the start of the run, with its rule set.
    pub network: Network,
    /// `traffic`, in file order.
    pub traffic: Vec<Traffic>,
    /// `captures`, in file order.
    pub captures: Vec<CaptureReplay>,
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
    let complete = file.traffic.complete && file.captures.complete;
    let played = played(&file, cx);
    for expectation in &file.expect.items {
        played.check(expectation, complete, cx);
    }
    let Said { draft, left_out } = file.network?;
    let checked = check(&draft, file.semantics);
    let problems = checked.problems.into_iter().filter(|problem| !may_follow(problem, &left_out, bytes));
    cx.problems.extend(problems);
    let network = checked.network.filter(|_| left_out.is_empty())?;

    let mut traffic = Vec::with_capacity(file.traffic.items.len());
    for (ix, sent) in file.traffic.items.into_iter().enumerate() {
        traffic.extend(traffic::resolve(&network, sent, traffic::source_port(ix), cx));
    }
    let mut captures = Vec::with_capacity(file.captures.items.len());
    for said in file.captures.items {
        captures.extend(captures::resolve(&network, said, cx));
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
        seed: file.seed,
        draft,
        network,
        traffic,
        captures,
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

/// The names of traffic entries and captures, which must differ.
fn played(file: &File, cx: &mut Cx) -> Played {
    let mut played = Played::default();
    for sent in &file.traffic.items {
        played.add(&sent.name, sent.protocol.protocol, sent.plays.is_traceroute(), cx);
    }
    for capture in &file.captures.items {
        played.add_capture(&capture.name, cx);
    }
    played
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
