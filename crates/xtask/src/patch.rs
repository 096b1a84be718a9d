//! A block of kind `diff`: what a reader is told to change.

use crate::markdown::Block;

/// The changes to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Patch {
    /// The file, from the repository root.
    pub(crate) path: String,
    hunks: Vec<Hunk>,
}

/// Lines that stand together in the file, and what becomes of them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hunk {
    /// Where it stands in the chapter.
    line: usize,
    old: Vec<String>,
    new: Vec<String>,
}

/// What is wrong with a diff, and on which line of the chapter.
pub(crate) type Mistake = (usize, String);

/// Takes a diff block apart.
///
/// # Errors
///
/// If it does not begin with `--- PATH`, or changes nothing.
pub(crate) fn parse(block: &Block) -> Result<Vec<Patch>, Mistake> {
    let mut patches: Vec<Patch> = Vec::new();
    for (index, line) in block.lines.iter().enumerate() {
        let number = block.line + 1 + index;
        if let Some(path) = line.strip_prefix("--- ") {
            patches.push(Patch {
                path: path.trim().to_owned(),
                hunks: vec![Hunk::at(number)],
            });
            continue;
        }
        let Some(patch) = patches.last_mut() else {
            return Err((number, "a diff begins with `--- PATH`".to_owned()));
        };
        if line.starts_with("+++ ") {
            continue;
        }
        if line.trim() == "..." || line.starts_with("@@") {
            patch.hunks.push(Hunk::at(number));
            continue;
        }
        let Some(hunk) = patch.hunks.last_mut() else {
            continue;
        };
        // An editor may have taken the blank of a blank line.
        let (sign, text) = line.split_at_checked(1).unwrap_or((" ", ""));
        let text = text.trim_end().to_owned();
        match sign {
            "-" => hunk.old.push(text),
            "+" => hunk.new.push(text),
            " " => {
                hunk.old.push(text.clone());
                hunk.new.push(text);
            }
            _ => {
                let message = "a line of a diff begins with `-`, `+` or a blank".to_owned();
                return Err((number, message));
            }
        }
    }
    for patch in &mut patches {
        patch.hunks.retain(|hunk| hunk.old != hunk.new);
    }
    if patches.is_empty() || patches.iter().any(|patch| patch.hunks.is_empty()) {
        return Err((block.line, "this diff changes nothing".to_owned()));
    }
    Ok(patches)
}

impl Hunk {
    fn at(line: usize) -> Self {
        Self {
            line,
            old: Vec::new(),
            new: Vec::new(),
        }
    }
}

impl Patch {
    /// The text after the change.
    ///
    /// # Errors
    ///
    /// If a hunk fits no place of the text, or several.
    pub(crate) fn apply(&self, text: &str) -> Result<String, Mistake> {
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        let mut changes = Vec::new();
        for hunk in &self.hunks {
            changes.push((self.place(hunk, &lines)?, hunk));
        }
        changes.sort_by_key(|(at, _)| *at);
        let mut new: Vec<&str> = Vec::new();
        let mut from = 0;
        for (at, hunk) in changes {
            if at < from {
                return Err((hunk.line, "two parts of this diff overlap".to_owned()));
            }
            new.extend(&lines[from..at]);
            new.extend(hunk.new.iter().map(String::as_str));
            from = at + hunk.old.len();
        }
        new.extend(&lines[from..]);
        Ok(new.join("\n") + "\n")
    }

    fn place(&self, hunk: &Hunk, lines: &[&str]) -> Result<usize, Mistake> {
        let Some(first) = hunk.old.first() else {
            let message = "a diff shows at least one line that stands in the file".to_owned();
            return Err((hunk.line, message));
        };
        let last = (lines.len() + 1).saturating_sub(hunk.old.len());
        let places: Vec<usize> = (0..last)
            .filter(|at| lines[*at..].iter().zip(&hunk.old).all(|(a, b)| a == b))
            .collect();
        match places[..] {
            [place] => Ok(place),
            [] => Err((
                hunk.line,
                format!(
                    "this diff does not apply: {} has no place with `{}` and what follows it",
                    self.path,
                    first.trim()
                ),
            )),
            _ => Err((
                hunk.line,
                format!(
                    "this diff fits {} places of {}: show more lines around it",
                    places.len(),
                    self.path
                ),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markdown::Document;

    const FILE: &str = "\
fn main() {
    let a = 1;

    print(a);
    print(a);
}
";

    fn patch(diff: &str) -> Result<String, Mistake> {
        let document = Document::parse("a.md", format!("```diff\n{diff}\n```\n"));
        parse(&document.blocks[0])?[0].apply(FILE)
    }

    #[test]
    fn a_diff_changes_its_one_place() {
        let new = patch("--- a.rs\n     let a = 1;\n\n-    print(a);\n+    show(a);").unwrap();
        assert_eq!(new, FILE.replacen("print", "show", 1));
    }

    #[test]
    fn parts_are_separated_by_dots_or_at_signs() {
        for separator in ["...", "@@ main @@"] {
            let diff = format!(
                "--- a.rs\n+++ a.rs\n-fn main() {{\n+fn other() {{\n{separator}\n     print(a);\n-}}\n+}}//"
            );
            let new = patch(&diff).unwrap();
            assert!(new.starts_with("fn other() {\n"), "{new}");
            assert!(new.ends_with("\n}//\n"), "{new}");
        }
    }

    #[test]
    fn a_diff_that_does_not_apply_says_so() {
        let (line, message) = patch("--- a.rs\n-    let a = 2;\n+    let a = 3;").unwrap_err();
        assert_eq!(line, 2);
        assert!(
            message.contains("a.rs has no place with `let a = 2;`"),
            "{message}"
        );
    }

    #[test]
    fn a_diff_that_fits_two_places_says_so() {
        let (_, message) = patch("--- a.rs\n-    print(a);\n+    show(a);").unwrap_err();
        assert!(message.contains("fits 2 places of a.rs"), "{message}");
    }

    #[test]
    fn a_diff_names_its_file_and_changes_something() {
        let (_, message) = patch("-a\n+b").unwrap_err();
        assert_eq!(message, "a diff begins with `--- PATH`");
        let (_, message) = patch("--- a.rs\n fn main() {").unwrap_err();
        assert_eq!(message, "this diff changes nothing");
        let (_, message) = patch("--- a.rs\n+fn main() {").unwrap_err();
        assert!(message.contains("at least one line"), "{message}");
    }

    #[test]
    fn parts_may_not_overlap() {
        let diff = "--- a.rs\n     let a = 1;\n-\n...\n \n-    print(a);";
        let (_, message) = patch(diff).unwrap_err();
        assert!(message.contains("overlap"), "{message}");
    }
}
