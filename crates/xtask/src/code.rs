//! Code blocks: each names its file, and stands in it.

use crate::diff;
use crate::findings::{Findings, Mend, Problem};
use crate::items::{count_items, end_of_items, indent, is_attached, is_open};
use crate::markdown::{Block, Document};

/// Blocks in these languages are claims about a file of the repository.
const LANGUAGES: [&str; 4] = ["rust", "python", "toml", "json"];

/// Other names of them, under which a block would go unchecked.
const ALIASES: [(&str, &str); 5] = [
    ("rs", "rust"),
    ("Rust", "rust"),
    ("py", "python"),
    ("Python", "python"),
    ("python3", "python"),
];

/// Checks every code block of a chapter. `read` gives the text of a file of the repository.
pub fn check(document: &Document, read: impl Fn(&str) -> Option<String>) -> Findings {
    let mut findings = Findings::default();
    for block in &document.blocks {
        if block.unclosed {
            let problem = Problem::new(&document.path, block.line, "this code block is not closed");
            findings.problems.push(problem);
        }
        if let Some((alias, language)) = ALIASES.iter().find(|(alias, _)| *alias == block.language)
        {
            let message = format!("write ```{language} for ```{alias}, so that it is checked");
            let problem = Problem::new(&document.path, block.line, message);
            findings.problems.push(problem);
        }
        if LANGUAGES.contains(&block.language.as_str()) {
            findings.checked += 1;
            if let Err(problem) = check_block(document, block, &read) {
                findings.problems.push(problem);
            }
        }
    }
    findings
}

fn check_block(
    document: &Document,
    block: &Block,
    read: &impl Fn(&str) -> Option<String>,
) -> Result<(), Problem> {
    let problem = |message: String| Problem::new(&document.path, block.line, message);
    let Some(path) = block.lines.first().and_then(|line| file_comment(line)) else {
        let comment = if block.language == "python" || block.language == "toml" {
            "#"
        } else {
            "//"
        };
        return Err(problem(format!(
            "a {} block begins with a comment that names its file: `{comment} crates/NAME/…`",
            block.language
        )));
    };
    let Some(text) = read(path) else {
        return Err(problem(format!("there is no file {path}")));
    };
    let file: Vec<&str> = text.lines().collect();
    let pieces = pieces(&block.lines[1..]);
    let mut from = 0;
    for piece in &pieces {
        if let Some(end) = find(piece.code, &file, from) {
            from = end;
            continue;
        }
        // The fence, the comment, and then the code.
        let line = block.line + 2 + piece.line;
        let drifted = Drifted {
            document,
            block,
            path,
            file: &file,
            from,
            pieces: &pieces,
        };
        return Err(drifted.problem(piece, line));
    }
    Ok(())
}

/// The file that the first line of a block names: `// crates/gather/src/main.rs`.
fn file_comment(line: &str) -> Option<&str> {
    let line = line.trim();
    let comment = line.strip_prefix("//").or_else(|| line.strip_prefix('#'))?;
    let path = comment.strip_prefix(' ')?.trim();
    let is_path = !path.contains(char::is_whitespace) && path.contains('.') && path != ELISION;
    is_path.then_some(path)
}

const ELISION: &str = "...";

fn is_elision(line: &str) -> bool {
    matches!(line.trim(), "// ..." | "# ...")
}

/// Lines between two elisions, which stand together in the file.
#[derive(Clone, Copy, Debug)]
struct Piece<'a> {
    code: &'a [String],
    /// The index of its first line among the block's lines after the comment.
    line: usize,
    /// Whether an elision follows: then the piece may end in the middle of an item.
    cut: bool,
}

fn pieces(lines: &[String]) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for end in 0..=lines.len() {
        if end < lines.len() && !is_elision(&lines[end]) {
            continue;
        }
        let blank = |line: &&String| line.trim().is_empty();
        let skip = lines[start..end].iter().take_while(blank).count();
        let keep = lines[start..end].iter().rev().take_while(blank).count();
        if start + skip < end {
            pieces.push(Piece {
                code: &lines[start + skip..end - keep],
                line: start + skip,
                cut: end < lines.len(),
            });
        }
        start = end + 1;
    }
    pieces
}

/// Where in the file, from line `from` on, the piece ends that stands there verbatim.
fn find(piece: &[String], file: &[&str], from: usize) -> Option<usize> {
    let piece: Vec<&str> = piece.iter().map(String::as_str).collect();
    let piece = dedent(&piece);
    let last = file.len().checked_sub(piece.len())?;
    (from..=last)
        .find(|start| dedent(&file[*start..start + piece.len()]) == piece)
        .map(|start| start + piece.len())
}

/// The lines without the indentation that all of them have, and without trailing blanks.
fn dedent<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let common = lines.iter().filter_map(|line| indent(line)).min();
    let common = common.unwrap_or(0);
    lines
        .iter()
        .map(|line| line.get(common..).unwrap_or_default().trim_end())
        .collect()
}

/// A block of which a piece is not in its file.
struct Drifted<'a> {
    document: &'a Document,
    block: &'a Block,
    path: &'a str,
    file: &'a [&'a str],
    /// Where the piece before it ends in the file.
    from: usize,
    pieces: &'a [Piece<'a>],
}

impl Drifted<'_> {
    /// What to say of the first piece that is not in the file, and how the whole block is mended.
    fn problem(&self, piece: &Piece<'_>, line: usize) -> Problem {
        let first = piece.code.first().map_or("", |line| line.trim());
        let problem = |message| Problem::new(&self.document.path, line, message);
        let Some(new) = self.now(piece, self.from) else {
            return problem(format!(
                "this is not in {}, nor is one place that begins with `{first}`",
                self.path
            ));
        };
        let old: Vec<&str> = piece.code.iter().map(String::as_str).collect();
        let new: Vec<&str> = new.lines.iter().map(String::as_str).collect();
        let message = format!(
            "{} now reads otherwise\n{}",
            self.path,
            diff::short(&old, &new)
        );
        match self.rewritten() {
            Some(text) => problem(message).mended_by(Mend::Text {
                range: self.block.content.clone(),
                text,
            }),
            None => problem(message),
        }
    }

    /// The block's source with every piece as it now stands in the file.
    fn rewritten(&self) -> Option<String> {
        let mut lines: Vec<String> = Vec::new();
        let mut taken = 0;
        let mut from = 0;
        for piece in self.pieces {
            let begin = piece.line + 1;
            lines.extend_from_slice(&self.block.lines[taken..begin]);
            if let Some(end) = find(piece.code, self.file, from) {
                lines.extend_from_slice(piece.code);
                from = end;
            } else {
                let now = self.now(piece, from)?;
                lines.extend(now.lines);
                from = now.end;
            }
            taken = begin + piece.code.len();
        }
        lines.extend_from_slice(&self.block.lines[taken..]);
        Some(self.block.source(&lines))
    }

    /// The piece as it now stands in the file.
    fn now(&self, piece: &Piece<'_>, from: usize) -> Option<Now> {
        let start = self.begins(piece, from)?;
        let old: Vec<&str> = piece.code.iter().map(String::as_str).collect();
        let base = indent(old[0]).unwrap_or(0);
        let leaves = old.iter().filter_map(|line| indent(line)).any(|i| i < base);
        let end = if piece.cut || leaves || is_open(old[old.len() - 1]) {
            // A piece of an item: as many lines as it had.
            (start + old.len()).min(self.file.len())
        } else {
            let items = count_items(&old);
            end_of_items(self.file, start, items)
        };
        let shift = indent(self.file[start]).unwrap_or(0);
        let lines = self.file[start..end]
            .iter()
            .map(|line| {
                let own = indent(line).unwrap_or(0);
                let indented = (own + base).saturating_sub(shift);
                format!("{}{}", " ".repeat(indented), line.trim())
                    .trim_end()
                    .to_owned()
            })
            .collect();
        Some(Now { lines, end })
    }

    /// Where the piece begins in the file: at its first line, or at what its first line of code
    /// declares. Only if there is one such place.
    fn begins(&self, piece: &Piece<'_>, from: usize) -> Option<usize> {
        let first = piece.code.first()?.trim();
        let whole = |line: &str| line.trim() == first;
        if let Some(start) = only(self.file, from, whole) {
            return Some(start);
        }
        let code = piece.code.iter().map(|line| line.trim());
        let declaration = code.into_iter().find(|line| !is_attached(line))?;
        let signature = signature(declaration)?;
        let declares = |line: &str| {
            line.trim()
                .strip_prefix(signature)
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        };
        let mut start = only(self.file, from, declares)?;
        // If the piece shows the comments and attributes, the new one does.
        while is_attached(first) && start > from && is_attached(self.file[start - 1].trim()) {
            start -= 1;
        }
        Some(start)
    }
}

struct Now {
    lines: Vec<String>,
    /// The line of the file after it.
    end: usize,
}

fn only(file: &[&str], from: usize, wanted: impl Fn(&str) -> bool) -> Option<usize> {
    let mut places = (from..file.len()).filter(|at| wanted(file[*at]));
    let place = places.next()?;
    places.next().is_none().then_some(place)
}

/// `async fn fetch_data` of `async fn fetch_data(task: usize) -> String {`.
fn signature(line: &str) -> Option<&str> {
    let end = line.find(['(', ':', '{', '=', '<'])?;
    let signature = line[..end].trim_end();
    (signature.len() >= 4).then_some(signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
use std::time::Duration;

/// Stands in for a request.
async fn fetch_data(task: usize) -> String {
    println!(\"Start {task}\");
    if task > 3 {
        wait().await;
    } else {
        no();
    }
    format!(\"task {task}\")
}

fn together<T>(
    tasks: T,
) -> Vec<String>
where
    T: Copy,
{
    all()
}

#[tokio::main]
async fn main() {
    together(5);
}
";

    const PYTHON: &str = "\
import asyncio


@decorated
async def fetch_data(
    task,
):
    await asyncio.sleep(2)

    return task


async def main():
    pass
";

    fn read(path: &str) -> Option<String> {
        match path {
            "crates/a/src/main.rs" => Some(FILE.to_owned()),
            "crates/a/a.py" => Some(PYTHON.to_owned()),
            _ => None,
        }
    }

    fn check_text(text: &str) -> Vec<Problem> {
        check(&Document::parse("tutorials/a.md", text), read).problems
    }

    fn rust(code: &str) -> String {
        format!("```rust\n// crates/a/src/main.rs\n{code}\n```\n")
    }

    fn python(code: &str) -> String {
        format!("```python\n# crates/a/a.py\n{code}\n```\n")
    }

    /// The chapter after `--write`.
    fn mended(text: &str) -> String {
        let problems = check_text(text);
        let [problem] = &problems[..] else {
            panic!("one problem, not {problems:?}");
        };
        let Some(Mend::Text { range, text: new }) = &problem.mend else {
            panic!("not mendable: {problem}");
        };
        let mut text = text.to_owned();
        text.replace_range(range.clone(), new);
        assert_eq!(check_text(&text), [], "mending must make it true");
        text
    }

    #[test]
    fn code_that_stands_in_its_file_is_true() {
        assert_eq!(
            check_text(&rust("async fn main() {\n    together(5);\n}")),
            []
        );
        assert_eq!(check_text(&rust("println!(\"Start {task}\");")), []);
        assert_eq!(check_text(&python("async def main():\n    pass")), []);
    }

    #[test]
    fn code_that_drifted_is_not() {
        let problems = check_text(&rust("async fn main() {\n    together(6);\n}"));
        assert_eq!(problems[0].line, 3);
        assert_eq!(
            problems[0].message,
            "crates/a/src/main.rs now reads otherwise\n async fn main() {\n-    together(6);\n+    together(5);\n }"
        );
    }

    #[test]
    fn lines_that_are_apart_in_the_file_need_an_elision() {
        let apart = "use std::time::Duration;\nasync fn main() {";
        assert_eq!(check_text(&rust(apart)).len(), 1);
        let elided = "use std::time::Duration;\n\n// ...\n\nasync fn main() {";
        assert_eq!(check_text(&rust(elided)), []);
        let inside = "async fn fetch_data(task: usize) -> String {\n    // ...\n    format!(\"task {task}\")\n}";
        assert_eq!(check_text(&rust(inside)), []);
        let in_wrong_order = "async fn main() {\n// ...\nuse std::time::Duration;";
        assert_eq!(check_text(&rust(in_wrong_order)).len(), 1);
    }

    #[test]
    fn a_block_names_a_file_that_exists() {
        let problems = check_text("```rust\nfn main() {}\n```\n");
        assert!(
            problems[0]
                .message
                .contains("begins with a comment that names its file")
        );
        let problems = check_text("```json\n{}\n```\n");
        assert!(problems[0].message.contains("begins with a comment"));
        let problems = check_text("```rust\n// crates/b/src/main.rs\nfn main() {}\n```\n");
        assert_eq!(problems[0].message, "there is no file crates/b/src/main.rs");
    }

    #[test]
    fn no_other_name_of_a_language_escapes_the_check() {
        let problems = check_text("```rs\nfn main() {}\n```\n");
        assert!(problems[0].message.starts_with("write ```rust for ```rs"));
        let problems = check_text("```rust,ignore\nfn main() {}\n```\n");
        assert!(problems[0].message.contains("names its file"));
        assert_eq!(check_text("```text\nanything\n```\n"), []);
    }

    #[test]
    fn a_block_without_an_end_is_a_mistake() {
        let problems = check_text("```rust\n// crates/a/src/main.rs\nasync fn main() {\n");
        assert!(problems[0].message.contains("not closed"));
    }

    #[test]
    fn a_function_is_taken_anew_to_its_end() {
        let old = "async fn fetch_data(task: u8) -> String {\n    old();\n}";
        assert_eq!(
            mended(&rust(old)),
            rust(&FILE.lines().skip(3).take(9).collect::<Vec<_>>().join("\n"))
        );
    }

    #[test]
    fn where_clauses_and_parameters_on_their_own_lines_belong_to_the_function() {
        let old = "fn together<T>(tasks: T) {\n    old()\n}";
        let new = mended(&rust(old));
        assert!(new.contains("{\n    all()\n}\n```"), "{new}");
        assert!(!new.contains("main()"), "{new}");
    }

    #[test]
    fn comments_are_taken_if_they_were_shown() {
        let old = "/// Was other.\nasync fn fetch_data(task: u8) -> String {\n    old();\n}";
        assert!(mended(&rust(old)).contains("rs\n/// Stands in"));
    }

    #[test]
    fn several_items_stay_several() {
        let old = "fn together<T>(old: T) {\n}\n\n#[tokio::main]\nasync fn main() {\n    old();\n}";
        let new = mended(&rust(old));
        assert!(new.contains("fn together<T>(\n"), "{new}");
        assert!(new.ends_with("    together(5);\n}\n```\n"), "{new}");
    }

    #[test]
    fn python_is_taken_to_the_end_of_its_indentation() {
        let old = "@decorated\nasync def fetch_data(task):\n    return old";
        let new = mended(&python(old));
        assert!(
            new.contains("):\n    await asyncio.sleep(2)\n\n    return task\n```"),
            "{new}"
        );
    }

    #[test]
    fn the_piece_before_an_elision_keeps_its_length() {
        let old = "async fn fetch_data(task: u8) -> String {\n    // ...\n    format!(\"task {task}\")\n}";
        let new = mended(&rust(old));
        assert!(
            new.contains("async fn fetch_data(task: usize) -> String {\n    // ...\n    format!"),
            "{new}"
        );
    }

    #[test]
    fn a_block_in_a_list_keeps_its_indentation() {
        let old = "1. See:\n\n   ```rust\n   // crates/a/src/main.rs\n   async fn main() {\n       together(6);\n   }\n   ```\n";
        assert_eq!(mended(old), old.replace('6', "5"));
    }

    #[test]
    fn what_cannot_be_found_again_is_left_to_a_person() {
        let problems = check_text(&rust("fn gone() {\n}"));
        assert_eq!(problems[0].mend, None);
        assert!(
            problems[0]
                .message
                .contains("nor is one place that begins with `fn gone() {`")
        );
    }
}
