//! Lines of at most 100 columns.

/// Widest line.
pub(crate) const COLUMNS: usize = 100;

/// `first` and then `text`, broken at blanks; further lines are indented by `indent`.
pub(crate) fn wrap(first: &str, text: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.trim_end().split(' ') {
        let width = line.chars().count() + usize::from(!empty) + word.chars().count();
        if width > COLUMNS && !empty {
            out.push_str(line.trim_end());
            out.push('\n');
            line = " ".repeat(indent);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    out.push_str(line.trim_end());
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_at_blanks_and_keeps_long_words_whole() {
        let text = wrap("  a  ", &"word ".repeat(30), 5);
        assert!(text.lines().all(|l| l.len() <= COLUMNS));
        assert!(text.lines().skip(1).all(|l| l.starts_with("     word")));
        assert_eq!(wrap("", &"x".repeat(120), 2).trim().len(), 120);
    }
}
