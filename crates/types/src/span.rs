//! Where in the input something was said.

use std::ops::Deref;

/// An input file, by its position in the list of files that were read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct FileId(pub u16);

/// A range of bytes of one input file. The empty default means "not from a file".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Span {
    /// Which file.
    pub file: FileId,
    /// First byte, from 0.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// True for things that no input file says: implied objects, defaults.
    pub fn is_none(self) -> bool {
        self.end == 0
    }
}

/// A value and the place that says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct At<T> {
    /// What was said.
    pub value: T,
    /// Where.
    pub span: Span,
}

impl<T> At<T> {
    /// A value with its place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// The same place, another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> At<U> {
        At { value: f(self.value), span: self.span }
    }
}

impl<T> Deref for At<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

/// A value that no file says, such as a default.
impl<T> From<T> for At<T> {
    fn from(value: T) -> Self {
        Self { value, span: Span::default() }
    }
}
