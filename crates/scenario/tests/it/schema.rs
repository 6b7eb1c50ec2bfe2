//! The JSON Schema says what the decoder accepts.

use serde_json::Value;
use vnetsim_scenario::schema;

use crate::common::FULL;

/// Every property name anywhere in the schema.
fn property_names(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            if let Some(Value::Object(properties)) = object.get("properties") {
                names.extend(properties.keys().cloned());
            }
            object.values().for_each(|inner| property_names(inner, names));
        }
        Value::Array(items) => items.iter().for_each(|inner| property_names(inner, names)),
        _ => {}
    }
}

#[test]
fn it_names_draft_and_id_and_describes_the_top() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(schema["$id"].is_string());
    assert_eq!(schema["required"], serde_json::json!(["network"]));
    assert_eq!(schema["additionalProperties"], false);
    let text = serde_json::to_string(&schema).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), schema);
}

#[test]
fn every_property_of_the_full_example_is_in_it() {
    let mut names = Vec::new();
    property_names(&schema(), &mut names);
    let example: Value = serde_json::from_str(include_str!("data/full.json")).unwrap();
    fn keys<'v>(value: &'v Value, out: &mut Vec<&'v str>) {
        match value {
            Value::Object(object) => object.iter().for_each(|(key, inner)| {
                out.push(key);
                keys(inner, out);
            }),
            Value::Array(items) => items.iter().for_each(|inner| keys(inner, out)),
            _ => {}
        }
    }
    let mut used = Vec::new();
    keys(&example, &mut used);
    for key in used {
        assert!(names.iter().any(|name| name == key), "`{key}` is missing in the schema");
    }
    assert!(FULL.contains("nextHopIpAddress"));
}

#[test]
fn arm_records_are_open_and_own_records_are_closed() {
    let schema = schema();
    let network = &schema["properties"]["network"]["anyOf"][0];
    assert_eq!(network["additionalProperties"], true);
    let route = &network["properties"]["routeTables"]["anyOf"][0]["items"]["properties"]["routes"]["anyOf"]
        [0]["items"];
    assert_eq!(route["anyOf"][0]["required"], serde_json::json!(["name", "addressPrefix", "nextHopType"]));
    assert!(route["properties"]["nextHopType"]["description"].as_str().unwrap().contains("VirtualAppliance"));
    let expect = &schema["properties"]["expect"]["anyOf"][0]["items"]["oneOf"];
    assert_eq!(expect.as_array().unwrap().len(), 6);
    assert!(expect.as_array().unwrap().iter().all(|record| record["additionalProperties"] == false));
}

#[test]
fn enums_list_their_words() {
    let text = schema().to_string();
    for word in
        ["SourceIPProtocol", "ROUTE_NONE", "RouteNone", "VNetGlobalPeering", "tag_only", "deallocated"]
    {
        assert!(text.contains(&format!("\"{word}\"")), "{word}");
    }
}

/// Names of the properties that mean something: those whose value the schema restricts.
pub(crate) fn meaningful(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            if let Some(Value::Object(properties)) = object.get("properties") {
                let restricted = |schema: &Value| {
                    schema.as_object().is_some_and(|schema| schema.keys().any(|key| key != "description"))
                };
                names.extend(properties.iter().filter(|(_, s)| restricted(s)).map(|(name, _)| name.clone()));
            }
            object.values().for_each(|inner| meaningful(inner, names));
        }
        Value::Array(items) => items.iter().for_each(|inner| meaningful(inner, names)),
        _ => {}
    }
}

#[test]
fn the_full_example_has_every_property_that_means_something() {
    // Second spellings, and ARM's places for what the example says flat: `data/arm.json` has those.
    const ELSEWHERE: &[&str] = &[
        "active",
        "allowVnetAccess",
        "backendIPConfiguration",
        "bgpVsPeering",
        "fabric_fragment",
        "forwardedModel",
        "noneRoutesOnDefaultOverride",
        "nsgLiveFlows",
        "remoteVnet",
        "service",
        "ttl_gateway",
        "virtualHubs",
        "vnet_access_model",
    ];
    let mut names = Vec::new();
    meaningful(&schema(), &mut names);
    names.sort();
    names.dedup();
    let example = include_str!("data/full.json");
    let missing: Vec<_> = names
        .iter()
        .filter(|name| !ELSEWHERE.contains(&name.as_str()) && !example.contains(&format!("\"{name}\":")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
