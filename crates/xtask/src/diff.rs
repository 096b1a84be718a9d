//! Short diffs for messages.

use similar::{ChangeTag, TextDiff};

/// A message is read in a terminal: what a longer diff says, the first lines say too.
const MOST_LINES: usize = 24;

/// What `--write` would change, as a unified diff without headers: `-` stands in the tutorial now.
pub(crate) fn short(old: &[&str], new: &[&str]) -> String {
    let diff = TextDiff::from_slices(old, new);
    let mut lines = Vec::new();
    for (number, group) in diff.grouped_ops(2).iter().enumerate() {
        if number > 0 {
            lines.push("...".to_owned());
        }
        for op in group {
            for change in diff.iter_changes(op) {
                let sign = match change.tag() {
                    ChangeTag::Delete => '-',
                    ChangeTag::Insert => '+',
                    ChangeTag::Equal => ' ',
                };
                lines.push(format!("{sign}{}", change.value()));
            }
        }
    }
    beginning(lines)
}

/// The lines, or the first of them and how many more there are.
pub(crate) fn beginning(lines: impl IntoIterator<Item = impl Into<String>>) -> String {
    let mut lines: Vec<String> = lines.into_iter().map(Into::into).collect();
    let more = lines.len().saturating_sub(MOST_LINES);
    if more > 1 {
        lines.truncate(MOST_LINES);
        lines.push(format!("({more} more lines)"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_changes_and_two_lines_around() {
        let old = ["a", "b", "c", "d", "e", "f"];
        let new = ["a", "b", "c", "X", "e", "f"];
        assert_eq!(short(&old, &new), " b\n c\n-d\n+X\n e\n f");
    }

    #[test]
    fn a_long_diff_says_how_much_is_left_out() {
        let new: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        let new: Vec<&str> = new.iter().map(String::as_str).collect();
        let diff = short(&[], &new);
        assert_eq!(diff.lines().count(), MOST_LINES + 1);
        assert!(diff.ends_with("(76 more lines)"));
    }
}
