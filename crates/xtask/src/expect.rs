//! Expected output against what was printed.
//!
//! A line `...` stands for any lines, `[..]` for any text within a line, and what a pattern of
//! `<!-- varies: PATTERN -->` matches is compared by its form only.

use regex::Regex;

use crate::diff;

const ANY_LINES: &str = "...";
const ANY_TEXT: &str = "[..]";

/// What is compared by its form.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// Each pattern, and what stands in its place.
    forms: Vec<(Regex, String)>,
}

impl Rules {
    /// Rules with the patterns of a chapter, beside those that every program needs: the seconds
    /// that a test took, the number of a thread.
    ///
    /// # Errors
    ///
    /// If one is no regular expression, or would match the empty text.
    pub(crate) fn new<'a>(varies: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut forms = Vec::new();
        for (index, pattern) in varies.into_iter().enumerate() {
            let regex = Regex::new(pattern)
                .map_err(|error| format!("`{pattern}` is no regular expression: {error}"))?;
            if regex.is_match("") {
                return Err(format!(
                    "`{pattern}` matches the empty text, hence everywhere"
                ));
            }
            // `\u{1}` cannot stand in a chapter.
            forms.push((regex, format!("\u{1}{index}")));
        }
        for (pattern, form) in [
            (r"finished in \d+\.\d+s", "finished in 0.00s"),
            (
                r"thread '([^']*)' \(\d+\) panicked",
                "thread '$1' (1) panicked",
            ),
        ] {
            let regex = Regex::new(pattern).map_err(|error| error.to_string())?;
            forms.push((regex, form.to_owned()));
        }
        Ok(Self { forms })
    }

    /// The line with a placeholder for each thing that varies.
    pub(crate) fn form(&self, line: &str) -> String {
        let mut line = line.trim_end().to_owned();
        for (regex, form) in &self.forms {
            line = regex.replace_all(&line, form.as_str()).into_owned();
        }
        line
    }

    /// Whether `printed` is all of what is expected and nothing else.
    pub(crate) fn matches(&self, expected: &[&str], printed: &[&str]) -> bool {
        let printed: Vec<String> = printed.iter().map(|line| self.form(line)).collect();
        forms_match(&self.forms_of(expected), &printed)
    }

    /// With how many of the first printed lines the expectation is met, if it is yet.
    pub(crate) fn met_by_first(&self, expected: &[&str], printed: &[&str]) -> Option<usize> {
        let expected = self.forms_of(expected);
        let printed: Vec<String> = printed.iter().map(|line| self.form(line)).collect();
        (0..=printed.len()).find(|count| forms_match(&expected, &printed[..*count]))
    }

    fn forms_of(&self, lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| self.form(line)).collect()
    }

    /// The expectation made true: lines that still hold stay as they are written, with their
    /// measured values and wildcards; the others become what was printed.
    pub(crate) fn mend(&self, expected: &[&str], printed: &[&str]) -> Vec<String> {
        let mut mended = Vec::new();
        let (mut e, mut p) = (0, 0);
        let end = [(expected.len(), printed.len())];
        for (next_e, next_p) in self.held(expected, printed).into_iter().chain(end) {
            mended.extend(region(&expected[e..next_e], &printed[p..next_p]));
            if let Some(held) = expected.get(next_e) {
                mended.push((*held).to_owned());
            }
            (e, p) = (next_e + 1, next_p + 1);
        }
        mended
    }

    /// The pairs of lines that still hold, in order: a longest common subsequence.
    fn held(&self, expected: &[&str], printed: &[&str]) -> Vec<(usize, usize)> {
        let (rows, columns) = (expected.len(), printed.len());
        let forms: Vec<String> = printed.iter().map(|line| self.form(line)).collect();
        let mut hold = vec![vec![false; columns]; rows];
        let mut longest = vec![vec![0_usize; columns + 1]; rows + 1];
        for e in (0..rows).rev() {
            let form = self.form(expected[e]);
            for p in (0..columns).rev() {
                hold[e][p] = !is_any_lines(expected[e]) && text_matches(&form, &forms[p]);
                longest[e][p] = if hold[e][p] {
                    longest[e + 1][p + 1] + 1
                } else {
                    longest[e + 1][p].max(longest[e][p + 1])
                };
            }
        }
        let mut pairs = Vec::new();
        let (mut e, mut p) = (0, 0);
        while e < rows && p < columns {
            if hold[e][p] {
                pairs.push((e, p));
                (e, p) = (e + 1, p + 1);
            } else if longest[e + 1][p] >= longest[e][p + 1] {
                e += 1;
            } else {
                p += 1;
            }
        }
        pairs
    }

    /// How the printed lines differ from the expected ones.
    pub(crate) fn difference(&self, expected: &[&str], printed: &[&str]) -> String {
        let mended = self.mend(expected, printed);
        let mended: Vec<&str> = mended.iter().map(String::as_str).collect();
        if mended == expected {
            diff::short(expected, printed)
        } else {
            diff::short(expected, &mended)
        }
    }

    /// The patterns of the chapter that match none of its expected lines.
    pub(crate) fn unused(&self, expected: &[&str]) -> Vec<&str> {
        self.forms
            .iter()
            .filter(|(_, form)| form.starts_with('\u{1}'))
            .filter(|(regex, _)| !expected.iter().any(|line| regex.is_match(line)))
            .map(|(regex, _)| regex.as_str())
            .collect()
    }
}

/// What replaces expected lines of which none holds. Where they elided some, as many lines as
/// stood before and after the elision are shown.
fn region(expected: &[&str], printed: &[&str]) -> Vec<String> {
    let elisions: Vec<usize> = (0..expected.len())
        .filter(|at| is_any_lines(expected[*at]))
        .collect();
    let owned = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
    let (Some(first), Some(last)) = (elisions.first(), elisions.last()) else {
        return owned(printed);
    };
    let (before, after) = (*first, expected.len() - 1 - last);
    if printed.len() < before + after {
        return owned(printed);
    }
    let mut lines: Vec<String> = owned(&printed[..before]);
    lines.push(expected[*first].to_owned());
    lines.extend(owned(&printed[printed.len() - after..]) as Vec<String>);
    lines
}

/// Whether the lines are all of what is expected. The usual way to match a wildcard: at a mismatch,
/// the last one takes one line more.
fn forms_match(expected: &[String], printed: &[String]) -> bool {
    let (mut e, mut p) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if e < expected.len() && is_any_lines(&expected[e]) {
            retry = Some((e, p));
            e += 1;
        } else if p < printed.len() && e < expected.len() && text_matches(&expected[e], &printed[p])
        {
            e += 1;
            p += 1;
        } else if p == printed.len() && e == expected.len() {
            return true;
        } else {
            match retry {
                Some((star, taken)) if taken < printed.len() => {
                    retry = Some((star, taken + 1));
                    e = star + 1;
                    p = taken + 1;
                }
                _ => return false,
            }
        }
    }
}

fn is_any_lines(line: &str) -> bool {
    line.trim() == ANY_LINES
}

/// Whether `text` is `pattern`, in which `[..]` stands for any text.
pub(crate) fn text_matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split(ANY_TEXT);
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(varies: &[&str]) -> Rules {
        Rules::new(varies.iter().copied()).unwrap()
    }

    #[test]
    fn output_is_compared_exactly() {
        let rules = rules(&[]);
        assert!(rules.matches(&["a", "b"], &["a", "b"]));
        assert!(!rules.matches(&["a", "b"], &["a", "b", "c"]));
        assert!(!rules.matches(&["a", "b", "c"], &["a", "b"]));
        assert!(!rules.matches(&["a", "b"], &["b", "a"]));
        assert!(!rules.matches(&["together: 2.0 s"], &["together: 2.1 s"]));
    }

    #[test]
    fn three_dots_are_any_lines() {
        let rules = rules(&[]);
        assert!(rules.matches(&["a", "...", "z"], &["a", "b", "c", "z"]));
        assert!(rules.matches(&["a", "...", "z"], &["a", "z"]));
        assert!(rules.matches(&["...", "b", "...", "b"], &["a", "b", "c", "b", "x", "b"]));
        assert!(rules.matches(&["..."], &[]));
        assert!(!rules.matches(&["a", "...", "z"], &["a", "z", "y"]));
        assert!(!rules.matches(&["a", "...", "m", "...", "z"], &["a", "b", "z"]));
    }

    #[test]
    fn dots_in_brackets_are_any_text_of_a_line() {
        assert!(text_matches(
            "the future is [..] bytes",
            "the future is 24 bytes"
        ));
        assert!(text_matches("[..]b[..]d", "abcd"));
        assert!(!text_matches(
            "the future is [..] bytes",
            "the future is 24 bits"
        ));
        assert!(!text_matches("a[..]a", "a"));
        assert!(!text_matches("a", "ab"));
    }

    #[test]
    fn what_varies_is_compared_by_its_form() {
        let rules = rules(&[r"\d+\.\d s", r"\d+ MB"]);
        assert!(rules.matches(&["1.9 s, 12 MB"], &["2.3 s, 9 MB"]));
        assert!(!rules.matches(&["1.9 s, 12 MB"], &["fast, 9 MB"]));
        assert!(!rules.matches(&["1.9 s, 12 MB"], &["12 MB, 1.9 s"]));
    }

    #[test]
    fn a_pattern_must_be_one_and_must_be_needed() {
        assert!(
            Rules::new(["("])
                .unwrap_err()
                .contains("no regular expression")
        );
        assert!(
            Rules::new(["x*"])
                .unwrap_err()
                .contains("matches the empty text")
        );
        let rules = rules(&[r"\d+ MB", r"\d+ GB"]);
        assert_eq!(rules.unused(&["12 MB"]), [r"\d+ GB"]);
    }

    #[test]
    fn durations_of_tests_and_numbers_of_threads_always_vary() {
        let rules = rules(&[]);
        assert!(rules.matches(
            &[
                "test result: ok. 1 passed; finished in 0.00s",
                "thread 'main' (7) panicked at a.rs"
            ],
            &[
                "test result: ok. 1 passed; finished in 0.12s",
                "thread 'main' (99) panicked at a.rs"
            ],
        ));
        assert!(!rules.matches(
            &["thread 'main' (7) panicked"],
            &["thread 'other' (7) panicked"]
        ));
    }

    #[test]
    fn the_first_lines_can_meet_an_expectation_before_all_have_come() {
        let rules = rules(&[]);
        assert_eq!(rules.met_by_first(&["a", "...", "c"], &["a", "b"]), None);
        assert_eq!(
            rules.met_by_first(&["a", "...", "c"], &["a", "b", "c", "d"]),
            Some(3)
        );
    }

    #[test]
    fn mending_keeps_what_still_holds() {
        let rules = rules(&[r"\d+ MB"]);
        assert_eq!(
            rules.mend(&["a [..]", "9 MB", "old"], &["a b", "12 MB", "new", "more"]),
            ["a [..]", "9 MB", "new", "more"]
        );
    }

    #[test]
    fn mending_keeps_an_elision_where_it_was() {
        let rules = rules(&[]);
        let mended = rules.mend(
            &["first", "...", "last: 1"],
            &["first", "b", "c", "d", "last: 2"],
        );
        assert_eq!(mended, ["first", "...", "last: 2"]);
        let printed = ["one", "2", "3", "4"];
        assert_eq!(
            rules.mend(&["a", "...", "b"], &printed),
            ["one", "...", "4"]
        );
    }

    #[test]
    fn a_difference_shows_what_would_be_written() {
        let rules = rules(&[]);
        let difference = rules.difference(&["a", "...", "z: 1"], &["a", "b", "z: 2"]);
        assert_eq!(difference, " a\n ...\n-z: 1\n+z: 2");
    }
}
