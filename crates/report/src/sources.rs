//! The input files: from byte ranges to `file:line:column`.

use vnetsim_types::{FileId, Span};

/// A place as editors and CI services mark it: lines and columns from 1, columns in characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Mark {
    /// The file, as it was named.
    pub file: String,
    /// Line of the first character.
    pub line: usize,
    /// Its column.
    pub column: usize,
    /// Line of the last character.
    pub end_line: usize,
    /// One past its column.
    pub end_column: usize,
}

impl Mark {
    /// The first character of a file: for what has no line of its own.
    pub fn start_of(file: &str) -> Self {
        Self { file: file.to_owned(), line: 1, column: 1, end_line: 1, end_column: 1 }
    }
}

/// Paths and contents of the files that were read, by [`FileId`].
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<(String, String)>,
}

impl Sources {
    /// Adds a file and gives its id. Bytes that are not UTF-8 are shown as replacement characters.
    pub fn add(&mut self, path: impl Into<String>, bytes: &[u8]) -> FileId {
        self.files.push((path.into(), String::from_utf8_lossy(bytes).into_owned()));
        FileId((self.files.len() - 1) as u16)
    }

    /// Path and text of a file.
    pub fn file(&self, id: FileId) -> Option<(&str, &str)> {
        self.files.get(usize::from(id.0)).map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Line and column, both from 1, columns in characters. `None` for the empty span.
    pub fn line_column(&self, span: Span) -> Option<(usize, usize)> {
        let (_, text) = self.file(span.file).filter(|_| !span.is_none())?;
        let before = text.get(..span.start as usize)?;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Some((before.matches('\n').count() + 1, before[line_start..].chars().count() + 1))
    }

    /// `file:line:column`; `None` for the empty span.
    pub fn place(&self, span: Span) -> Option<String> {
        let (line, column) = self.line_column(span)?;
        let (path, _) = self.file(span.file)?;
        Some(format!("{path}:{line}:{column}"))
    }

    /// Where `span` begins and ends, blanks at its end left out; `None` for the empty span.
    pub fn mark(&self, span: Span) -> Option<Mark> {
        let (line, column) = self.line_column(span)?;
        let (file, text) = self.file(span.file)?;
        let marked = text.get(span.start as usize..span.end as usize).unwrap_or_default().trim_end();
        let end = Span { start: span.start + marked.len() as u32, ..span };
        let (end_line, end_column) = self.line_column(end)?;
        Some(Mark { file: file.to_owned(), line, column, end_line, end_column })
    }

    /// The line's text in `room` characters: from its start if all of it fits, else from the marked place on. Nothing when
    /// a long path leaves no room to speak of.
    pub fn excerpt(&self, span: Span, room: usize) -> String {
        const ROOM_MIN: usize = 8;
        if room < ROOM_MIN {
            return String::new();
        }
        let whole = self.line_text(span).unwrap_or_default();
        if whole.chars().count() <= room {
            return whole.to_owned();
        }
        let marked =
            self.file(span.file).and_then(|(_, text)| text.get(span.start as usize..)).unwrap_or_default();
        let rest = marked.lines().next().unwrap_or_default();
        // Enough of what stands before to fill the room.
        let before = whole.chars().count().saturating_sub(rest.chars().count());
        let skip = before.min(whole.chars().count().saturating_sub(room.saturating_sub(4)));
        let dots = if skip > 0 { "... " } else { "" };
        let shown: String = whole.chars().skip(skip).take(room - dots.len()).collect();
        format!("{dots}{}", shown.trim_end())
    }

    /// The line's text, without the indentation.
    pub fn line_text(&self, span: Span) -> Option<&str> {
        let (_, text) = self.file(span.file).filter(|_| !span.is_none())?;
        let start = text.get(..span.start as usize)?.rfind('\n').map_or(0, |at| at + 1);
        text[start..].lines().next().map(str::trim)
    }
}
