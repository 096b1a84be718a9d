//! The form of a chapter: questions have answers, and comments to the checks are heard.

use crate::findings::{Findings, Problem};
use crate::markdown::{Document, Heading};

/// The comments that the checks understand.
const DIRECTIVES: [&str; 5] = ["exit", "picture", "replay", "screenshot", "varies"];

/// Checks the form of a chapter.
#[must_use]
pub fn check(document: &Document) -> Findings {
    let mut findings = Findings::default();
    for (start, end) in questions(document) {
        findings.checked += 1;
        if let Err(message) = answered(document, start, end) {
            let problem = Problem::new(&document.path, start, message);
            findings.problems.push(problem);
        }
    }
    let of_blocks = document.blocks.iter().flat_map(|block| {
        let console = block.language == "console";
        let diff = block.language == "diff";
        let heard = move |name: &str| console || diff && name == "replay";
        let directives = block.directives.iter();
        directives.filter(move |directive| heard(&directive.name))
    });
    let of_images = document.images.iter().flat_map(|image| {
        let known = |name: &str| ["picture", "screenshot", "varies"].contains(&name);
        let directives = image.directives.iter();
        directives.filter(move |directive| known(&directive.name))
    });
    let heard: Vec<_> = of_blocks.chain(of_images).collect();
    for directive in document.directives() {
        if DIRECTIVES.contains(&directive.name.as_str()) && !heard.contains(&&directive) {
            let message = format!(
                "nobody hears `{}: {}`: it stands directly above no block or picture that it fits",
                directive.name, directive.value
            );
            let problem = Problem::new(&document.path, directive.line, message);
            findings.problems.push(problem);
        }
    }
    findings
}

/// The lines of each question: from a heading or paragraph `Predict` to the next heading of the
/// same or a higher level.
fn questions(document: &Document) -> Vec<(usize, usize)> {
    let end_after = |line: usize, level: usize| {
        let next = |heading: &&Heading| heading.line > line && heading.level <= level;
        document.headings.iter().find(next)
    };
    let last = document.text.lines().count() + 1;
    let headings = document.headings.iter();
    let headings = headings
        .filter(|heading| heading.text.starts_with("Predict"))
        .map(|heading| (heading.line, heading.level));
    let paragraphs = document.prose().filter_map(|(line, text)| {
        let is_question = text.trim_start().starts_with("**Predict") && text.contains("Predict");
        is_question.then_some((line, 6))
    });
    let mut questions: Vec<_> = headings
        .chain(paragraphs)
        .map(|(line, level)| (line, end_after(line, level).map_or(last, |next| next.line)))
        .collect();
    questions.sort_unstable();
    questions
}

fn answered(document: &Document, start: usize, end: usize) -> Result<(), String> {
    let lines: Vec<&str> = document
        .prose()
        .filter(|(line, _)| (start..end).contains(line))
        .map(|(_, text)| text)
        .collect();
    let text = lines.join("\n");
    let folded = text.split_once("<details>");
    let Some((answer, _)) = folded.and_then(|(_, rest)| rest.split_once("</details>")) else {
        return Err("this question has no answer in <details> … </details>".to_owned());
    };
    let Some((_, answer)) = answer.split_once("</summary>") else {
        return Err("this answer has no <summary>".to_owned());
    };
    if answer.trim().is_empty() {
        return Err("this answer is empty".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        let findings = check(&Document::parse("a.md", text));
        findings.problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_question_has_a_folded_answer() {
        let answer = "<details><summary>Answer</summary>\n\n**a.**\n\n</details>\n";
        let question = format!("## Predict\n\nWhat?\n\n{answer}\n## Run\n");
        assert!(messages(&question).is_empty());
        assert!(messages(&format!("**Predict** What?\n\n{answer}")).is_empty());

        let unanswered = messages("## Predict\n\nWhat?\n\n## Run\n\n<details></details>\n");
        assert_eq!(
            unanswered,
            ["a.md:1: this question has no answer in <details> … </details>"]
        );
        assert!(messages("**Predict.** What?\n")[0].contains("no answer"));
        let empty = "## Predict\n\n<details><summary>Answer</summary>\n\n</details>\n";
        assert!(messages(empty)[0].contains("is empty"));
    }

    #[test]
    fn a_comment_to_the_checks_stands_where_it_is_heard() {
        assert!(messages("<!-- exit: 1 -->\n```console\n$ a\n```\n").is_empty());
        assert!(messages("<!-- picture: a -->\n![b](c.svg)\n").is_empty());
        assert!(messages("<!-- Source: nobody's business -->\n").is_empty());
        let too_far = messages("<!-- exit: 1 -->\n\n```console\n$ a\n```\n");
        assert!(too_far[0].starts_with("a.md:1: nobody hears `exit: 1`"));
        let wrong_block = messages("<!-- varies: x -->\n```text\nx\n```\n");
        assert!(wrong_block[0].contains("nobody hears"));
        let no_picture = messages("<!-- exit: 1 -->\n![b](c.svg)\n");
        assert!(no_picture[0].contains("nobody hears"));
    }
}
