//! Records: mappings with known properties, each listed once for decoding, schema and suggestions.
//!
//! Owns the [`record!`] macro and the treatment of unknown, missing and doubled properties, and of
//! ARM's nesting. Called by the modules that list properties. Must never know what a property means.

use serde_json::{Map, Value, json};
use vnetsim_types::{At, Problem, Span};

use crate::{
    decode::{Children, Cx, Decode, List, Rows, Table, shown},
    yaml::{Kind, Node},
};

/// What is known about a kind of record before one is read.
pub(crate) struct Shape {
    /// In words: "subnet".
    pub(crate) kind: &'static str,
    /// The property that tells records of the kind apart.
    pub(crate) name: &'static str,
    /// Whose words these are.
    pub(crate) style: Style,
    /// Property names; `a|b` is `a`, also spelt `b`.
    pub(crate) known: &'static [&'static str],
}

/// Whose words the properties of a record are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// ARM's: `properties:` nests, envelope words mean nothing, and what is unknown is merely not modelled.
    Arm,
    /// The simulator's own: an unknown property is an error, because an expectation with a
    /// misspelt property would silently expect nothing.
    Own,
}

/// Words of ARM's envelope, of exports and of templates that cannot matter to a packet.
const ENVELOPE: &[&str] = &[
    "id",
    "type",
    "apiVersion",
    "etag",
    "tags",
    "location",
    "resourceGuid",
    "provisioningState",
    "dependsOn",
    "comments",
    "zones",
    "resourceGroup",
    "kind",
    // What machines and networks have besides packets (JSON-16).
    "identity",
    "osProfile",
    "storageProfile",
    "diagnosticsProfile",
    "securityProfile",
    "licenseType",
    "enableAcceleratedNetworking",
    "nicType",
    "dnsSettings",
    "enableDdosProtection",
    "ddosProtectionPlan",
    "ddosSettings",
    "routeServiceVips",
];

/// A mapping on its way to becoming a struct.
pub(crate) struct Fields<'n> {
    shape: &'static Shape,
    slots: Vec<Option<(&'n At<String>, &'n Node)>>,
    /// Where problems of the whole record point: its name, else its first key.
    pub(crate) place: Span,
}

/// Reads the mapping `node` as a record of `shape`: sorts its entries, then lets `read` take them.
pub(crate) fn read<'n, T>(
    node: &'n Node,
    cx: &mut Cx,
    shape: &'static Shape,
    read: impl FnOnce(&mut Fields<'n>, &mut Cx) -> Option<T>,
) -> Option<T> {
    let Kind::Map(entries) = &node.kind else {
        let article = if shape.kind.starts_with(['a', 'e', 'i', 'o', 'E']) { "an" } else { "a" };
        let problem = cx.wrong_type(node, &format!("a mapping that describes {article} {}", shape.kind));
        return cx.fail(problem);
    };
    let outer = (std::mem::take(&mut cx.object), cx.property);
    let named = find(node, shape, shape.name);
    cx.object = match named.map(|n| &n.kind) {
        Some(Kind::Scalar(name)) => format!("{} {}", shape.kind, shown(name)),
        // Everything is of the scenario; saying so tells nobody where to look.
        _ if outer.0.is_empty() || outer.0.starts_with("scenario") || outer.0 == "network" => {
            shape.kind.to_owned()
        }
        _ => format!("{} of {}", shape.kind, outer.0),
    };
    let place = named.map(|n| n.span).or(entries.first().map(|(key, _)| key.span)).unwrap_or(node.span);
    let mut fields = Fields { shape, slots: vec![None; shape.known.len()], place };
    fields.sort(entries, cx, false);
    let out = read(&mut fields, cx);
    (cx.object, cx.property) = outer;
    out
}

fn find<'n>(node: &'n Node, shape: &Shape, key: &str) -> Option<&'n Node> {
    let nested = || node.get("properties").filter(|_| shape.style == Style::Arm).and_then(|p| p.get(key));
    node.get(key).or_else(nested)
}

fn spelt(known: &str, key: &str) -> bool {
    known.split('|').any(|spelling| spelling == key)
}

impl<'n> Fields<'n> {
    fn sort(&mut self, entries: &'n [(At<String>, Node)], cx: &mut Cx, nested: bool) {
        for (key, node) in entries {
            if let Some(ix) = self.shape.known.iter().position(|known| spelt(known, &key.value)) {
                match self.slots[ix] {
                    Some((first, _)) => {
                        let message = format!("{} says `{}` twice", cx.object, key.value);
                        let problem = Problem::error("DUPLICATE_KEY", key.span, message);
                        cx.problems.push(problem.label("second time").related(first.span, "first time"));
                    }
                    None => self.slots[ix] = Some((key, node)),
                }
                continue;
            }
            let arm = self.shape.style == Style::Arm;
            match &node.kind {
                Kind::Map(inner) if arm && !nested && key.value == "properties" => self.sort(inner, cx, true),
                _ if arm && ENVELOPE.contains(&key.value.as_str()) => {}
                _ => self.unknown(key, cx),
            }
        }
    }

    fn unknown(&self, key: &At<String>, cx: &mut Cx) {
        let known = self.shape.known.iter().flat_map(|known| known.split('|'));
        let near = cx.near(&key.value, known);
        let (what, object) = (shown(&key.value), &cx.object);
        let problem = match self.shape.style {
            Style::Arm => {
                let message = format!("{what} of {object} is not modelled");
                Problem::warning("UNKNOWN_PROPERTY", key.span, message).label("ignored")
            }
            Style::Own => {
                let message = format!("{what} is not a property of {object}");
                Problem::error("UNKNOWN_PROPERTY", key.span, message)
            }
        };
        cx.problems.push(problem.help(near));
    }

    fn slot(&self, key: &'static str, cx: &mut Cx) -> Option<(&'n At<String>, &'n Node)> {
        cx.property = key.split('|').next().unwrap_or(key);
        let ix = self.shape.known.iter().position(|known| *known == key)?;
        self.slots[ix]
    }

    /// The place of `key` if it says something: neither blank nor an empty list, which exports write.
    pub(crate) fn given(&self, key: &str) -> Option<Span> {
        let ix = self.shape.known.iter().position(|known| *known == key)?;
        let (at, node) = self.slots[ix]?;
        let empty = matches!(&node.kind, Kind::List(items) if items.is_empty());
        (!empty && !node.is_blank()).then_some(at.span)
    }

    /// Reports `key` standing beside one of `others`.
    pub(crate) fn exclusive(&self, key: &str, others: &[&str], cx: &mut Cx) -> Option<()> {
        let here = self.given(key);
        let other = others.iter().find_map(|other| Some((*other, self.given(other)?)));
        let (Some(here), Some((other, there))) = (here, other) else { return Some(()) };
        let message = format!("{}: `{key}` and `{other}` exclude each other", cx.object);
        let problem = Problem::error("CONFLICTING_PROPERTIES", there, message);
        cx.fail(problem.help("keep one of them").related(here, format!("`{key}` is here")))
    }

    /// Reports `key` without `other`, which it belongs to.
    pub(crate) fn belongs(&self, key: &str, other: &str, cx: &mut Cx) -> Option<()> {
        let Some(here) = self.given(key).filter(|_| self.given(other).is_none()) else { return Some(()) };
        let message = format!("{}: `{key}` means nothing without `{other}`", cx.object);
        let problem = Problem::error("MISSING_PROPERTY", here, message);
        cx.fail(problem.help(format!("add `{other}`, or remove `{key}`")))
    }

    /// Reports that `key` is missing, unless it or one of `others` is given.
    pub(crate) fn need(&self, key: &str, others: &[&str], cx: &mut Cx) -> Option<()> {
        if self.given(key).is_some() || others.iter().any(|other| self.given(other).is_some()) {
            return Some(());
        }
        cx.missing(self.place, key);
        None
    }

    /// A property that must be there.
    pub(crate) fn req<T: Decode>(&mut self, key: &'static str, cx: &mut Cx) -> Option<T::Out> {
        match self.slot(key, cx) {
            Some((_, node)) if !node.is_blank() => T::decode(node, cx),
            Some((at, _)) => {
                let problem = cx.bad("MISSING_PROPERTY", at.span, "it must not be empty");
                cx.fail(problem)
            }
            None => {
                cx.missing(self.place, cx.property);
                None
            }
        }
    }

    /// A property that may be absent, null or empty.
    pub(crate) fn opt<T: Decode>(&mut self, key: &'static str, cx: &mut Cx) -> Option<Option<T::Out>> {
        match self.slot(key, cx) {
            Some((_, node)) if !node.is_blank() => T::decode(node, cx).map(Some),
            _ => Some(None),
        }
    }

    /// A list that may be absent.
    pub(crate) fn list<T: Decode>(&mut self, key: &'static str, cx: &mut Cx) -> Option<Vec<T::Out>> {
        self.opt::<List<T>>(key, cx).map(Option::unwrap_or_default)
    }

    /// Parts of the object; bad ones are left out.
    pub(crate) fn children<T: Decode>(&mut self, key: &'static str, cx: &mut Cx) -> Option<Vec<T::Out>> {
        self.opt::<Children<T>>(key, cx).map(Option::unwrap_or_default)
    }

    /// A list whose bad items are left out.
    pub(crate) fn table<T: Decode>(&mut self, key: &'static str, cx: &mut Cx) -> Option<Rows<T::Out>> {
        self.opt::<Table<T>>(key, cx).map(Option::unwrap_or_default)
    }

    /// A property whose failure must not take the record with it.
    pub(crate) fn part<T: Decode>(&mut self, key: &'static str, cx: &mut Cx) -> Option<Option<T::Out>> {
        Some(self.opt::<T>(key, cx).flatten())
    }
}

/// How a property is described; the constructors bear the names of the reading modes.
pub(crate) struct Property {
    key: &'static str,
    schema: Value,
    required: bool,
}

impl Property {
    fn new(key: &'static str, about: &str, mut schema: Value, required: bool) -> Self {
        if let (Some(object), false) = (schema.as_object_mut(), about.is_empty()) {
            object.insert("description".to_owned(), about.into());
        }
        Self { key, schema, required }
    }

    pub(crate) fn req<T: Decode>(key: &'static str, about: &str) -> Self {
        Self::new(key, about, T::schema(), true)
    }

    pub(crate) fn opt<T: Decode>(key: &'static str, about: &str) -> Self {
        let schema = match T::schema() {
            Value::Object(any) if any.is_empty() => json!({}),
            schema => json!({ "anyOf": [schema, { "type": "null" }] }),
        };
        Self::new(key, about, schema, false)
    }

    pub(crate) fn list<T: Decode>(key: &'static str, about: &str) -> Self {
        Self::opt::<List<T>>(key, about)
    }

    pub(crate) fn children<T: Decode>(key: &'static str, about: &str) -> Self {
        Self::opt::<List<T>>(key, about)
    }

    pub(crate) fn table<T: Decode>(key: &'static str, about: &str) -> Self {
        Self::opt::<List<T>>(key, about)
    }

    pub(crate) fn part<T: Decode>(key: &'static str, about: &str) -> Self {
        Self::opt::<T>(key, about)
    }
}

/// The schema of a record.
pub(crate) fn schema(shape: &Shape, about: &str, listed: Vec<Property>) -> Value {
    let mut properties = Map::new();
    let mut required: Vec<Value> = Vec::new();
    for property in listed {
        if property.required {
            required.push(property.key.into());
        }
        for spelling in property.key.split('|') {
            properties.insert(spelling.to_owned(), property.schema.clone());
        }
    }
    let arm = shape.style == Style::Arm;
    let mut object = json!({ "type": "object", "description": about });
    if arm {
        let about = "ARM's nesting: the same properties may stand in here";
        properties.insert("properties".to_owned(), json!({ "type": "object", "description": about }));
        if !required.is_empty() {
            object["anyOf"] = json!([{ "required": required }, { "required": ["properties"] }]);
        }
    } else if !required.is_empty() {
        object["required"] = required.into();
    }
    object["properties"] = properties.into();
    object["additionalProperties"] = arm.into();
    object
}

/// Lists the properties of a record once: mode, local name, type, property, description. From the list
/// come the decoder, the schema and the names for suggestions. `check` judges which properties are given,
/// whether or not they are good. The closing expression builds the value from the local names; it runs
/// only when every property was good.
macro_rules! record {
    (
        $(#[$meta:meta])*
        $marker:ident -> $out:ty, $style:ident $kind:literal $name:literal, $about:literal;
        $($mode:ident $field:ident: $ty:ty = $key:literal, $doc:literal;)*
        $(=> check |$given:ident, $check_cx:ident| $check:expr)?
        => |$span:ident, $place:ident, $cx:ident| $build:expr
    ) => {
        $(#[$meta])*
        #[doc = $about]
        pub(crate) struct $marker;

        impl $marker {
            const SHAPE: $crate::record::Shape = $crate::record::Shape {
                kind: $kind,
                name: $name,
                style: $crate::record::Style::$style,
                known: &[$($key),*],
            };
        }

        impl $crate::decode::Decode for $marker {
            type Out = $out;

            fn decode(node: &$crate::yaml::Node, cx: &mut $crate::decode::Cx) -> Option<$out> {
                // Parameters must differ: two properties of one local name would lose the record without a word.
                let _ = |$($field: ()),*| ($($field),*);
                $crate::record::read(node, cx, &Self::SHAPE, |fields, $cx| {
                    $(let $field = fields.$mode::<$ty>($key, $cx);)*
                    $(
                        let checks: &[Option<()>] = &{
                            let ($given, $check_cx) = (&mut *fields, &mut *$cx);
                            $check
                        };
                        if checks.contains(&None) {
                            return None;
                        }
                    )?
                    let ($span, $place) = (node.span, fields.place);
                    $(let $field = $field?;)*
                    $build
                })
            }

            fn schema() -> serde_json::Value {
                let listed = vec![$($crate::record::Property::$mode::<$ty>($key, $doc)),*];
                $crate::record::schema(&Self::SHAPE, $about, listed)
            }
        }
    };
}
pub(crate) use record;
