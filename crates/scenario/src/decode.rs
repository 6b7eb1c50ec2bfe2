//! The decoder's ground: the trait, the context that collects problems, and lists.
//!
//! Owns how problems are worded and where they point. Called by every module that names properties.
//! A failed decode has always reported why; nothing here stops at the first problem.

use serde_json::{Value, json};
use vnetsim_model::did_you_mean;
use vnetsim_types::{At, Problem, Span};

use crate::yaml::{Kind, Node};

/// How one kind of value is read, and what a JSON Schema says about it.
///
/// Implementors are often mere markers for a way to read: `Reference` reads an [`At<String>`].
pub(crate) trait Decode {
    /// What comes out.
    type Out;
    /// Reads `node`. `None` means that a problem was reported.
    fn decode(node: &Node, cx: &mut Cx) -> Option<Self::Out>;
    /// The schema of what `decode` accepts.
    fn schema() -> Value;
}

/// What a decoder knows besides the node: whose property it is, and what went wrong so far.
#[derive(Default)]
pub(crate) struct Cx {
    pub(crate) problems: Vec<Problem>,
    /// The object being read, in words: "subnet `snet-a`".
    pub(crate) object: String,
    /// The property being read; empty at the top.
    pub(crate) property: &'static str,
    /// Objects of tables and lists that were left out because of their own errors, by name if they have one.
    pub(crate) left_out: Vec<Option<String>>,
    suggestions: usize,
}

/// Suggestions cost an edit distance to every candidate; after so many nobody reads them.
const SUGGESTIONS_MAX: usize = 1_000;
/// No name of Azure's is longer, and edit distance is quadratic.
const SUGGESTION_WORD_MAX: usize = 80;

impl Cx {
    /// Reports `problem`; returns `None` for use as a decoder's last word.
    pub(crate) fn fail<T>(&mut self, problem: Problem) -> Option<T> {
        self.problems.push(problem);
        None
    }

    /// An error about the value of the current property.
    pub(crate) fn bad(&self, code: &'static str, span: Span, sentence: &str) -> Problem {
        let (property, object) = (self.property, &self.object);
        let message = match (property.is_empty(), object.is_empty()) {
            (true, _) => sentence.to_owned(),
            (false, true) => format!("`{property}`: {sentence}"),
            (false, false) => format!("`{property}` of {object}: {sentence}"),
        };
        Problem::error(code, span, message)
    }

    /// The wrong kind of value stands at `node`.
    pub(crate) fn wrong_type(&self, node: &Node, expected: &str) -> Problem {
        let sentence = format!("expected {expected}, found {}", node.what());
        self.bad("WRONG_TYPE", node.span, &sentence).label(format!("this is {}", node.what()))
    }

    /// Two properties that exclude each other.
    pub(crate) fn conflict(&mut self, span: Span, sentence: &str) {
        let message = format!("{}: {sentence}", self.object);
        self.problems.push(Problem::error("CONFLICTING_PROPERTIES", span, message));
    }

    /// A property that should be there.
    pub(crate) fn missing(&mut self, span: Span, property: &str) {
        let message = format!("{} has no `{property}`", self.object);
        self.problems.push(Problem::error("MISSING_PROPERTY", span, message));
    }

    /// A near miss among `candidates`, as a help text; empty when there is none.
    pub(crate) fn near<'a>(&mut self, word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
        if word.len() > SUGGESTION_WORD_MAX || self.suggestions >= SUGGESTIONS_MAX {
            return String::new();
        }
        self.suggestions += 1;
        did_you_mean(word, candidates).map(|near| format!("did you mean `{near}`?")).unwrap_or_default()
    }

    /// The text of a scalar, or a problem.
    pub(crate) fn text<'n>(&mut self, node: &'n Node, expected: &str) -> Option<&'n str> {
        match &node.kind {
            Kind::Scalar(text) => Some(text),
            _ => {
                let problem = self.wrong_type(node, expected);
                self.fail(problem)
            }
        }
    }
}

/// `text` as a message shows it: long ones shortened.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((cut, _)) => format!("`{}...`", &text[..cut]),
        None => format!("`{text}`"),
    }
}

impl<T: Decode> Decode for At<T> {
    type Out = At<T::Out>;
    fn decode(node: &Node, cx: &mut Cx) -> Option<Self::Out> {
        T::decode(node, cx).map(|value| At::new(value, node.span))
    }
    fn schema() -> Value {
        T::schema()
    }
}

/// A list of which every item must be good.
pub(crate) struct List<T>(std::marker::PhantomData<T>);

impl<T: Decode> Decode for List<T> {
    type Out = Vec<T::Out>;
    fn decode(node: &Node, cx: &mut Cx) -> Option<Vec<T::Out>> {
        let items = items(node, cx)?;
        // Decode all before judging, so that every item's problems are reported.
        let decoded: Vec<Option<T::Out>> = items.iter().map(|item| T::decode(item, cx)).collect();
        decoded.into_iter().collect()
    }
    fn schema() -> Value {
        json!({ "type": "array", "items": T::schema() })
    }
}

/// A list of objects that are worth checking even when some of them are bad.
pub(crate) struct Table<T>(std::marker::PhantomData<T>);

/// The good objects of a table.
pub(crate) struct Rows<T> {
    pub(crate) items: Vec<T>,
    /// False when bad objects were left out, so that references to them cannot be judged.
    pub(crate) complete: bool,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self { items: Vec::new(), complete: true }
    }
}

impl<T: Decode> Decode for Table<T> {
    type Out = Rows<T::Out>;
    fn decode(node: &Node, cx: &mut Cx) -> Option<Rows<T::Out>> {
        let Some(nodes) = items(node, cx) else { return Some(Rows { items: Vec::new(), complete: false }) };
        let items = good_items::<T>(nodes, cx);
        let complete = items.len() == nodes.len();
        Some(Rows { items, complete })
    }
    fn schema() -> Value {
        List::<T>::schema()
    }
}

/// Parts of an object, such as the subnets of a network. A bad one is left out; the object stays.
pub(crate) struct Children<T>(std::marker::PhantomData<T>);

impl<T: Decode> Decode for Children<T> {
    type Out = Vec<T::Out>;
    fn decode(node: &Node, cx: &mut Cx) -> Option<Vec<T::Out>> {
        items(node, cx).map(|nodes| good_items::<T>(nodes, cx))
    }
    fn schema() -> Value {
        List::<T>::schema()
    }
}

fn good_items<T: Decode>(nodes: &[Node], cx: &mut Cx) -> Vec<T::Out> {
    let mut good = Vec::with_capacity(nodes.len());
    for node in nodes {
        match T::decode(node, cx) {
            Some(item) => good.push(item),
            None => cx.left_out.push(name_of(node)),
        }
    }
    good
}

/// The `name` that an object gives itself.
fn name_of(node: &Node) -> Option<String> {
    let Kind::Map(entries) = &node.kind else { return None };
    let (_, name) = entries.iter().find(|(key, _)| key.value == "name")?;
    match &name.kind {
        Kind::Scalar(text) => Some(text.to_string()),
        _ => None,
    }
}

fn items<'n>(node: &'n Node, cx: &mut Cx) -> Option<&'n [Node]> {
    match &node.kind {
        Kind::List(items) => Some(items),
        Kind::Null => Some(&[]),
        _ => {
            let problem =
                cx.wrong_type(node, "a list").help("put it into a list: `[...]`, or a line with `- `");
            cx.fail(problem)
        }
    }
}
