//! Whether two programs print the same, or differ as has been recorded.

use std::fmt;

use serde::Deserialize;

use crate::diff;
use crate::expect::{Rules, text_matches};

/// A difference that is meant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// What Rust prints, with `[..]` for any text; nothing, if Python alone prints a line.
    pub rust: String,
    /// What Python prints.
    pub python: String,
    /// The reason, for a reader.
    pub why: String,
}

/// How two twins compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They print the same lines.
    Same,
    /// They differ as recorded: the reasons.
    Differs(Vec<String>),
    /// They differ otherwise, or could not be run.
    Failed(String),
    /// Something is missing here, which has been said.
    Skipped,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => write!(f, "same"),
            Self::Skipped => write!(f, "skipped"),
            Self::Differs(reasons) => {
                write!(f, "differs, as recorded")?;
                reasons.iter().try_for_each(|why| write!(f, "\n  - {why}"))
            }
            Self::Failed(message) => {
                write!(f, "FAIL")?;
                message
                    .lines()
                    .try_for_each(|line| write!(f, "\n    {line}"))
            }
        }
    }
}

/// One line, or the several that a recorded difference names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Unit {
    text: String,
    /// Which recorded difference it is part of.
    recorded: Option<usize>,
}

/// Compares what both have printed.
pub(crate) fn judge(
    rust: &[String],
    python: &[String],
    differs: &[Difference],
    rules: &Rules,
) -> Verdict {
    let rust = units(rust, differs, |one| (&one.rust, &one.python));
    let python = units(python, differs, |one| (&one.python, &one.rust));
    let token = |unit: &Unit| match unit.recorded {
        Some(index) => format!("<recorded difference {}>", index + 1),
        None => rules.form(&unit.text),
    };
    let both = |units: &[Unit]| -> Vec<Unit> {
        let two_sided = |unit: &&Unit| {
            unit.recorded.is_none_or(|index| {
                !differs[index].rust.is_empty() && !differs[index].python.is_empty()
            })
        };
        units.iter().filter(two_sided).cloned().collect()
    };
    let (rust_both, python_both) = (both(&rust), both(&python));
    let (rust_tokens, python_tokens): (Vec<_>, Vec<_>) = (
        rust_both.iter().map(token).collect(),
        python_both.iter().map(token).collect(),
    );
    if rust_tokens != python_tokens {
        let old: Vec<&str> = rust_tokens.iter().map(String::as_str).collect();
        let new: Vec<&str> = python_tokens.iter().map(String::as_str).collect();
        return Verdict::Failed(format!("- Rust, + Python\n{}", diff::short(&old, &new)));
    }
    let unneeded: Vec<&Difference> = differs
        .iter()
        .enumerate()
        .filter(|(index, _)| {
            let named = |units: &[Unit]| units.iter().any(|unit| unit.recorded == Some(*index));
            let mut pairs = rust_both.iter().zip(&python_both);
            let differ = pairs.any(|(a, b)| {
                a.recorded == Some(*index) && rules.form(&a.text) != rules.form(&b.text)
            });
            let one_sided = differs[*index].rust.is_empty() || differs[*index].python.is_empty();
            !(differ || one_sided && (named(&rust) || named(&python)))
        })
        .map(|(_, difference)| difference)
        .collect();
    if let Some(difference) = unneeded.first() {
        return Verdict::Failed(format!(
            "recorded, but no longer so: rust `{}`, python `{}`",
            difference.rust, difference.python
        ));
    }
    if differs.is_empty() {
        Verdict::Same
    } else {
        Verdict::Differs(differs.iter().map(|one| one.why.clone()).collect())
    }
}

/// The lines of one side, with those that a recorded difference names put together. `sides` gives
/// the pattern of this side and that of the other.
fn units(
    lines: &[String],
    differs: &[Difference],
    sides: impl Fn(&Difference) -> (&String, &String),
) -> Vec<Unit> {
    let mut units = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let recorded = differs.iter().enumerate().find_map(|(index, difference)| {
            let (pattern, _) = sides(difference);
            let pattern: Vec<&str> = pattern.lines().collect();
            let here = lines.get(at..at + pattern.len())?;
            let mut pairs = pattern.iter().zip(here);
            let matches = !pattern.is_empty() && pairs.all(|(one, line)| text_matches(one, line));
            matches.then_some((index, pattern.len()))
        });
        let length = recorded.map_or(1, |(_, length)| length);
        units.push(Unit {
            text: lines[at..at + length].join("\n"),
            recorded: recorded.map(|(index, _)| index),
        });
        at += length;
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(rust: &str, python: &str) -> Difference {
        Difference {
            rust: rust.to_owned(),
            python: python.to_owned(),
            why: "because".to_owned(),
        }
    }

    fn verdict(rust: &str, python: &str, differs: &[Difference]) -> Verdict {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let rules = Rules::new([r"port \d+"]).unwrap();
        judge(&lines(rust), &lines(python), differs, &rules)
    }

    fn failure(verdict: Verdict) -> String {
        match verdict {
            Verdict::Failed(message) => message,
            other => panic!("not a failure: {other:?}"),
        }
    }

    #[test]
    fn the_same_lines_are_the_same() {
        assert_eq!(verdict("a\nb", "a\nb", &[]), Verdict::Same);
        assert_eq!(verdict("port 1", "port 22", &[]), Verdict::Same);
    }

    #[test]
    fn other_lines_fail_with_a_diff() {
        let message = failure(verdict("a\nb", "a\nc", &[]));
        assert_eq!(message, "- Rust, + Python\n a\n-b\n+c");
        failure(verdict("a", "a\nb", &[]));
    }

    #[test]
    fn a_recorded_difference_is_allowed_where_it_is_recorded() {
        let differs = [difference(
            "the future is [..] bytes",
            "the coroutine is [..] bytes",
        )];
        assert_eq!(
            verdict(
                "a\nthe future is 24 bytes",
                "a\nthe coroutine is 200 bytes",
                &differs
            ),
            Verdict::Differs(vec!["because".to_owned()])
        );
        failure(verdict(
            "the future is 24 bytes\na",
            "a\nthe coroutine is 200 bytes",
            &differs,
        ));
        failure(verdict(
            "a\nthe future is 24 bytes",
            "a\nthe coroutine is big",
            &differs,
        ));
        failure(verdict("the future is 24 bytes", "", &differs));
    }

    #[test]
    fn a_line_of_one_side_only_can_be_recorded() {
        let differs = [difference("", "RuntimeWarning: [..]")];
        assert_eq!(
            verdict("a", "RuntimeWarning: never awaited\na", &differs),
            Verdict::Differs(vec!["because".to_owned()])
        );
    }

    #[test]
    fn several_lines_can_be_one_difference() {
        let differs = [difference("a\nb", "c")];
        assert_eq!(
            verdict("x\na\nb\ny", "x\nc\ny", &differs),
            Verdict::Differs(vec!["because".to_owned()])
        );
        failure(verdict("x\nb\na\ny", "x\nc\ny", &differs));
    }

    #[test]
    fn a_recorded_difference_that_is_gone_fails() {
        let message = failure(verdict("a", "a", &[difference("b", "c")]));
        assert_eq!(message, "recorded, but no longer so: rust `b`, python `c`");
        failure(verdict("a 1", "a 1", &[difference("a [..]", "a [..]")]));
        failure(verdict("a", "a", &[difference("", "b")]));
    }
}
