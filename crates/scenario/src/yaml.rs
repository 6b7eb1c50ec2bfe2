//! Text to a tree in which every key and value knows its bytes.
//!
//! Owns YAML: syntax, anchors, duplicate keys, depth and size limits. Called by `load` only. Must
//! never know a property of the scenario format. JSON is YAML, so there is no second reader.
//!
//! Why a tree of our own: deserialisers stop at the first type error and drop the places of unknown
//! keys; a tree lets the decoder report everything. Events come from `granit-parser`, which gives byte
//! ranges and does not recurse; this module keeps its own stack, so no input can exhaust the real one.

use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, options};
use vnetsim_types::{
    At, FileId, Problem, Span,
    limits::{INPUT_BYTES_MAX, INPUT_DEPTH_MAX, INPUT_NODES_MAX},
};

/// A value of the file with its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Text; numbers and booleans are text until someone asks for them.
    Scalar(String),
    List(Vec<Node>),
    /// Entries in file order, keys unique.
    Map(Vec<(At<String>, Node)>),
    /// `null`, `~` or nothing.
    Null,
}

impl Node {
    /// The kind in words.
    pub(crate) fn what(&self) -> &'static str {
        match self.kind {
            Kind::Scalar(_) => "a single value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
            Kind::Null => "nothing",
        }
    }

    /// True for null and for empty text, which ARM exports write for "not set".
    pub(crate) fn is_blank(&self) -> bool {
        matches!(self.kind, Kind::Null) || matches!(&self.kind, Kind::Scalar(text) if text.is_empty())
    }

    /// The value of `key` in a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        let Kind::Map(entries) = &self.kind else { return None };
        entries.iter().find(|(k, _)| k.value == key).map(|(_, node)| node)
    }
}

/// Reads the one document of a file. `None` when there is no usable tree; then `problems` says why.
pub(crate) fn parse(bytes: &[u8], file: FileId, problems: &mut Vec<Problem>) -> Option<Node> {
    let place = |start: usize| Span { file, start: clip(start), end: clip((start + 1).min(bytes.len())) };
    if bytes.len() > INPUT_BYTES_MAX {
        let message = format!("the file has {} bytes; the limit is {INPUT_BYTES_MAX}", bytes.len());
        problems.push(Problem::error("TOO_LARGE", place(0), message));
        return None;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = place(error.valid_up_to());
            let problem = Problem::error("NOT_UTF8", at, "the file is not UTF-8 text");
            problems.push(problem.label("first bad byte").help("save the file as UTF-8"));
            return None;
        }
    };
    let mut builder = Builder::new(text, file);
    let outcome = builder.run();
    problems.append(&mut builder.problems);
    match outcome {
        Ok(Some(root)) if root.kind != Kind::Null => Some(root),
        Ok(_) => {
            let problem = Problem::error("EMPTY_FILE", place(0), "the file says nothing");
            problems.push(problem.help("a scenario needs at least `network:`"));
            None
        }
        Err(problem) => {
            problems.push(*problem);
            None
        }
    }
}

/// Offsets fit because `INPUT_BYTES_MAX` is far below 4 GiB.
fn clip(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

/// A collection that is still open.
struct Frame {
    span: Span,
    anchor: usize,
    content: Open,
}

enum Open {
    List(Vec<Node>),
    /// Entries so far, and the key whose value comes next. An unusable key is `Some(None)`.
    Map(Vec<(At<String>, Node)>, Option<Option<At<String>>>),
}

/// What an alias stands for, with the price of copying it.
struct Anchored {
    node: Node,
    weight: usize,
    height: usize,
}

struct Builder<'a> {
    text: &'a str,
    file: FileId,
    stack: Vec<Frame>,
    root: Option<Node>,
    anchors: HashMap<usize, Anchored>,
    /// Nodes that may still be made; copies pay for their text too, so that aliases cannot multiply it.
    budget: usize,
    problems: Vec<Problem>,
}

type Fatal = Box<Problem>;

impl<'a> Builder<'a> {
    fn new(text: &'a str, file: FileId) -> Self {
        let (stack, anchors, problems) = (Vec::new(), HashMap::new(), Vec::new());
        Self { text, file, stack, root: None, anchors, budget: INPUT_NODES_MAX, problems }
    }

    fn run(&mut self) -> Result<Option<Node>, Fatal> {
        // The parser counts flow and block nesting apart; `open` counts their sum.
        let options = options! {
            emit_comments: false,
            flow_nesting_limit: INPUT_DEPTH_MAX,
            block_nesting_limit: INPUT_DEPTH_MAX,
        };
        let mut documents = 0;
        for item in Parser::new_from_str_with_options(self.text, options) {
            let (event, at) = item.map_err(|error| self.syntax(&error))?;
            let range = at.byte_range().unwrap_or(0..0);
            let span = Span { file: self.file, start: clip(range.start), end: clip(range.end) };
            match event {
                Event::DocumentStart(..) => {
                    documents += 1;
                    if documents > 1 {
                        let message = "the file holds more than one document";
                        let problem = Problem::error("YAML_SYNTAX", span, message);
                        return Err(Box::new(problem.help("put each scenario into its own file")));
                    }
                }
                Event::Scalar(text, style, anchor, tag) => {
                    let core = tag.as_deref().map(|tag| self.core_tag(tag, span)).transpose()?;
                    let plain = style == ScalarStyle::Plain && core != Some(true);
                    let node = self.scalar(text.into_owned(), plain, span);
                    self.finish(node, anchor)?;
                }
                Event::SequenceStart(_, anchor, tag) => {
                    tag.as_deref().map(|tag| self.core_tag(tag, span)).transpose()?;
                    self.open(Open::List(Vec::new()), anchor, span)?;
                }
                Event::MappingStart(_, anchor, tag) => {
                    tag.as_deref().map(|tag| self.core_tag(tag, span)).transpose()?;
                    self.open(Open::Map(Vec::new(), None), anchor, span)?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.close(span)?,
                Event::Alias(id) => self.alias(id, span)?,
                _ => {}
            }
        }
        Ok(self.root.take())
    }

    /// True when the tag makes its value text. Only YAML's own tags mean anything here.
    fn core_tag(&self, tag: &granit_parser::Tag, span: Span) -> Result<bool, Fatal> {
        match tag.core_suffix() {
            Some(suffix) => Ok(suffix == "str"),
            None if tag.suffix().is_empty() && tag.handle() == "!" => Ok(true),
            None => {
                let problem = Problem::error("YAML_SYNTAX", span, "application tags mean nothing here");
                Err(Box::new(problem.help("remove the word that starts with `!`")))
            }
        }
    }

    fn scalar(&self, text: String, plain: bool, span: Span) -> Node {
        let null = plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
        Node { span, kind: if null { Kind::Null } else { Kind::Scalar(text) } }
    }

    fn spend(&mut self, amount: usize, span: Span) -> Result<(), Fatal> {
        let Some(left) = self.budget.checked_sub(amount) else {
            let message = format!("the file holds more than {INPUT_NODES_MAX} values, aliases counted");
            return Err(Box::new(Problem::error("TOO_LARGE", span, message)));
        };
        self.budget = left;
        Ok(())
    }

    fn check_depth(&self, more: usize, span: Span) -> Result<(), Fatal> {
        if self.stack.len() + more <= INPUT_DEPTH_MAX {
            return Ok(());
        }
        Err(too_deep(span))
    }

    fn open(&mut self, content: Open, anchor: usize, span: Span) -> Result<(), Fatal> {
        self.check_depth(1, span)?;
        self.stack.push(Frame { span, anchor, content });
        Ok(())
    }

    fn close(&mut self, end: Span) -> Result<(), Fatal> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let mut span = frame.span;
        // The end event of a block collection stands after blank lines and comments; its last
        // child ends where a reader sees the end.
        let (last, kind) = match frame.content {
            Open::List(items) => (items.last().map(|n| n.span.end), Kind::List(items)),
            Open::Map(entries, _) => {
                let last = entries.last().map(|(key, node)| node.span.end.max(key.span.end));
                (last, Kind::Map(self.unique(entries)))
            }
        };
        let flow = end.end > end.start;
        span.end = if flow { end.end } else { last.unwrap_or(end.end) }.max(span.start);
        self.finish(Node { span, kind }, frame.anchor)
    }

    /// Reports second and later entries of the same key, and drops them.
    fn unique(&mut self, entries: Vec<(At<String>, Node)>) -> Vec<(At<String>, Node)> {
        let mut seen: HashMap<&str, Span> = HashMap::with_capacity(entries.len());
        let mut doubles = Vec::new();
        for (ix, (key, _)) in entries.iter().enumerate() {
            if let Some(&first) = seen.get(key.as_str()) {
                let problem =
                    Problem::error("DUPLICATE_KEY", key.span, format!("`{}` is said twice", key.value));
                self.problems.push(problem.label("second time").related(first, "first time"));
                doubles.push(ix);
            } else {
                seen.insert(&key.value, key.span);
            }
        }
        if doubles.is_empty() {
            return entries;
        }
        let mut doubles = doubles.into_iter().peekable();
        let kept = entries.into_iter().enumerate().filter(|(ix, _)| doubles.next_if_eq(ix).is_none());
        kept.map(|(_, entry)| entry).collect()
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<(), Fatal> {
        let Some(anchored) = self.anchors.get(&id) else {
            let problem = Problem::error("YAML_SYNTAX", span, "an alias inside its own anchor never ends");
            return Err(Box::new(problem));
        };
        let (weight, height) = (anchored.weight, anchored.height);
        self.check_depth(height, span)?;
        self.spend(weight, span)?;
        let node = self.anchors[&id].node.clone();
        self.place(node)
    }

    /// A complete node: remember it if it has an anchor, and put it where it belongs.
    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), Fatal> {
        self.spend(1, node.span)?;
        if anchor != 0 {
            let (weight, height) = measure(&node);
            self.spend(weight, node.span)?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), weight, height });
        }
        self.place(node)
    }

    fn place(&mut self, mut node: Node) -> Result<(), Fatal> {
        match self.stack.last_mut().map(|frame| &mut frame.content) {
            None => self.root = Some(node),
            Some(Open::List(items)) => items.push(node),
            Some(Open::Map(entries, pending)) => match pending.take() {
                None => *pending = Some(as_key(node, &mut self.problems)),
                Some(None) => {}
                Some(Some(key)) => {
                    if node.span.start >= node.span.end {
                        node.span = key.span; // nothing was written: point at the key instead
                    }
                    entries.push((key, node));
                }
            },
        }
        Ok(())
    }

    fn syntax(&self, error: &ScanError) -> Fatal {
        let mut start = error.marker().byte_offset().unwrap_or(self.text.len()).min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let width = self.text[start..].chars().next().map_or(0, char::len_utf8);
        let span = Span { file: self.file, start: clip(start), end: clip(start + width).max(1) };
        if *error.kind() == ErrorKind::RecursionLimitExceeded {
            return too_deep(span);
        }
        let problem = Problem::error("YAML_SYNTAX", span, format!("not valid YAML: {}", error.info()));
        Box::new(problem.help(syntax_help(error.kind(), &self.text[start..])))
    }
}

fn syntax_help(kind: &ErrorKind, rest: &str) -> &'static str {
    match kind {
        ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation | ErrorKind::TabNotAllowed => {
            "indent with blanks; YAML does not allow tabs there"
        }
        ErrorKind::UnknownAnchor | ErrorKind::MissingAnchorOrAliasName => {
            "to say a star, quote it: \"*\"; an alias needs an anchor `&name` before it"
        }
        _ if rest.starts_with('\t') => "indent with blanks; YAML does not allow tabs there",
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidIndentation => {
            "check the indentation of this line, and quote texts that contain `: `"
        }
        _ => "",
    }
}

fn too_deep(span: Span) -> Fatal {
    let message = format!("values are nested deeper than {INPUT_DEPTH_MAX} levels");
    Box::new(Problem::error("TOO_DEEP", span, message))
}

/// Keys are single words; `None` was reported.
fn as_key(node: Node, problems: &mut Vec<Problem>) -> Option<At<String>> {
    match node.kind {
        Kind::Scalar(text) if text == "<<" => {
            let problem = Problem::error("YAML_SYNTAX", node.span, "merge keys `<<` are not supported");
            problems.push(problem.help("write the properties out, or use an alias for a whole value"));
            None
        }
        Kind::Scalar(text) => Some(At::new(text, node.span)),
        _ => {
            let what = node.what();
            let message = format!("a key must be a name, not {what}");
            problems.push(Problem::error("YAML_SYNTAX", node.span, message));
            None
        }
    }
}

/// What a copy costs (values, plus one for each 16 bytes of text) and how deep it is. The depth is
/// at most `INPUT_DEPTH_MAX`, so recursion is safe.
fn measure(node: &Node) -> (usize, usize) {
    let join = |(weight, height): (usize, usize), (w, h): (usize, usize)| (weight + w, height.max(h + 1));
    match &node.kind {
        Kind::Null => (1, 0),
        Kind::Scalar(text) => (1 + text.len() / 16, 0),
        Kind::List(items) => items.iter().map(measure).fold((1, 1), join),
        Kind::Map(entries) => {
            let each = entries.iter().map(|(key, value)| {
                let (weight, height) = measure(value);
                (weight + 1 + key.value.len() / 16, height)
            });
            each.fold((1, 1), join)
        }
    }
}
