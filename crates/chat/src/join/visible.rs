//! What others wrote, made harmless for a terminal, and folded to its width.
//!
//! A terminal obeys what it prints: `ESC [ 2 J` clears the screen, others change its title or its
//! colours, and in some they have run commands. The server refuses control characters; but who
//! prints cannot know who runs the server.

use std::fmt::Write as _;

/// `text` with nothing in it that a terminal obeys. Newlines stay.
///
/// Control characters become pictures of themselves (`␛`), or their number where there is no
/// picture. So do the characters that turn the direction of writing: between them, `exe.txt` may be
/// `txt.exe`.
pub(super) fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => visible.push(c),
            '\t' => visible.push_str("    "),
            // U+2400 and what follows are pictures of the first 32.
            '\0'..='\x1f' => visible.extend(char::from_u32(0x2400 + u32::from(c))),
            '\x7f' => visible.push('␡'),
            '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                let _ = write!(visible, "<U+{:04X}>", u32::from(c));
            }
            _ => visible.push(c),
        }
    }
    visible
}

/// What `head: text` fills, row by row, each at most `columns` wide.
///
/// Every row but the first begins with two blanks. So a text of several lines cannot pretend that
/// one of them was said by somebody else.
pub(super) fn rows(text: &str, columns: usize) -> Vec<String> {
    const INDENT: usize = 2;
    let mut rows: Vec<String> = Vec::new();
    for line in text.split('\n') {
        let mut rest = line;
        loop {
            let indent = if rows.is_empty() { 0 } else { INDENT };
            let cut = fitting(rest, columns.saturating_sub(indent).max(2));
            let row = format!("{:indent$}{}", "", &rest[..cut]);
            rows.push(row.trim_end().to_owned());
            rest = rest[cut..].trim_start_matches(' ');
            if rest.is_empty() {
                break;
            }
        }
    }
    rows
}

/// Where to cut `text`, so that what is before fits: behind a blank if there is one.
fn fitting(text: &str, columns: usize) -> usize {
    let mut width = 0;
    let mut blank = None;
    for (at, c) in text.char_indices() {
        width += cells(c);
        if width > columns {
            // At least one character, or it would never end.
            return blank.unwrap_or(at.max(c.len_utf8()));
        }
        if c == ' ' {
            blank = Some(at + 1);
        }
    }
    text.len()
}

/// How many columns `c` takes at most. Too many only breaks a line sooner; too few would let it run
/// into the next row.
fn cells(c: char) -> usize {
    if c < '\u{1100}' { 1 } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let hostile: String = ('\0'..='\u{2fff}').collect();
        let visible = visible(&hostile);
        let is_obeyed = |c: char| c.is_control() && c != '\n';
        assert!(!visible.contains(is_obeyed), "{visible:?}");
        assert_eq!(
            super::visible("\x1b[2J\u{9b}1m\u{202e}a\tb"),
            "␛[2J<U+009B>1m<U+202E>a    b"
        );
        assert_eq!(super::visible("Zoë שלום 👋"), "Zoë שלום 👋");
    }

    #[test]
    fn rows_fit_and_only_the_first_begins_at_the_edge() {
        assert_eq!(
            rows("Ada: one two three\nBob: no", 12),
            ["Ada: one", "  two three", "  Bob: no"]
        );
        assert_eq!(rows("Ada: ", 80), ["Ada:"]);
        assert_eq!(rows("", 80), [""]);
        assert_eq!(rows("a\n\nb", 80), ["a", "", "  b"]);
        for columns in [0, 1, 2, 3, 7, 20, usize::MAX] {
            let text = "Ada: 小明小明小明 and a wordthatislongerthantherow 🦀🦀🦀";
            let rows = rows(text, columns);
            let width = |row: &String| row.chars().map(cells).sum::<usize>();
            assert!(
                rows.iter().all(|row| width(row) <= columns.max(4)),
                "{rows:#?}"
            );
            let letters = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
            assert_eq!(letters(&rows.concat()), letters(text));
        }
    }
}
