//! Slides for a class, made from a chapter.
//!
//! What a class looks at goes on a slide: questions, code, commands with their output, pictures,
//! tables, and what to remember. What a chapter explains in sentences becomes the notes of the
//! slide, for who speaks. A question's answer is a slide of its own, behind the vote.
//!
//! A file holds everything, pictures included: it opens in a browser without a network.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

use crate::markdown::Document;

/// How many lines of code a slide holds. More goes on the next one.
const LINES: usize = 26;

/// A slide, while it is made: in HTML.
#[derive(Debug, Default)]
struct Slide {
    title: String,
    shown: String,
    notes: String,
    /// The lines of code that it shows; a picture counts as half of a slide.
    lines: usize,
}

/// Where the walk through a chapter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Before the first section: what the chapter is about.
    Opening,
    Question,
    /// Inside `<details>`.
    Answer,
    /// What to remember.
    Summary,
    Text,
}

/// Makes the slides of a chapter: one page of HTML. `pictures` is the folder that its links are
/// relative to.
///
/// # Errors
///
/// If a picture cannot be read.
pub fn html(chapter: &Document, folder: &Path) -> Result<String, String> {
    let slides = slides(chapter, folder)?;
    let title = chapter.headings.first();
    let title = title.map_or("", |heading| heading.text.as_str());
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n",
        escaped(title)
    );
    let count = slides.len();
    for (index, slide) in slides.into_iter().enumerate() {
        let number = index + 1;
        page.push_str(&format!(
            "<section id=\"{number}\" aria-label=\"Slide {number} of {count}\">\n<h2>{}</h2>\n\
             <div class=\"shown\">\n{}</div>\n<footer>{} · {number} of {count}</footer>\n",
            slide.title,
            slide.shown,
            escaped(title)
        ));
        if !slide.notes.is_empty() {
            page.push_str(&format!("<aside>\n{}</aside>\n", slide.notes));
        }
        page.push_str("</section>\n");
    }
    page.push_str(&format!(
        "<p id=\"help\">→ next, ← back, n notes, Home first</p>\n<script>\n{SCRIPT}</script>\n\
         </body>\n</html>\n"
    ));
    Ok(page)
}

/// One thing of a chapter that stands by itself: a paragraph, a list, a block of code.
struct Piece<'a> {
    events: Vec<Event<'a>>,
    level: Option<HeadingLevel>,
}

fn slides(chapter: &Document, folder: &Path) -> Result<Vec<Slide>, String> {
    let mut made: Vec<Slide> = Vec::new();
    let mut part = Part::Opening;
    let mut before_answer = Part::Text;
    for piece in pieces(&chapter.text) {
        let rendered = || {
            let mut text = String::new();
            html::push_html(&mut text, piece.events.iter().cloned());
            text
        };
        if let Some(level) = piece.level {
            let inner = &piece.events[1..piece.events.len() - 1];
            let mut title = String::new();
            html::push_html(&mut title, inner.iter().cloned());
            if level > HeadingLevel::H1 {
                part = match title.as_str() {
                    "Remember" => Part::Summary,
                    title if title.starts_with("Predict") => Part::Question,
                    _ => Part::Text,
                };
            }
            made.push(Slide {
                title: title.trim().to_owned(),
                ..Slide::default()
            });
            continue;
        }
        let Some(slide) = made.last_mut() else {
            continue;
        };
        match &piece.events[0] {
            Event::Start(Tag::HtmlBlock) => {
                let source = text_of(&piece.events);
                if source.contains("<details>") {
                    before_answer = part;
                    part = Part::Answer;
                    let title = format!("{}: answer", slide.title);
                    made.push(Slide {
                        title,
                        ..Slide::default()
                    });
                }
                if source.contains("</details>") {
                    part = before_answer;
                }
            }
            Event::Start(Tag::CodeBlock(_)) => {
                let lines = text_of(&piece.events).lines().count();
                show(&mut made, &rendered(), lines);
            }
            Event::Start(Tag::Table(_)) => show(&mut made, &rendered(), LINES / 2),
            Event::Start(Tag::Paragraph) if picture(&piece.events).is_some() => {
                if let Some((target, alt)) = picture(&piece.events) {
                    let image = image(&folder.join(&target), &alt)?;
                    show(&mut made, &image, LINES / 2);
                }
            }
            _ if part == Part::Text => slide.notes.push_str(&rendered()),
            _ => slide.shown.push_str(&rendered()),
        }
    }
    // A section that explains only has nothing to be looked at: its notes join the next slide.
    let mut slides: Vec<Slide> = Vec::new();
    let mut waiting = String::new();
    for mut slide in made {
        if slide.shown.is_empty() {
            let title = &slide.title;
            waiting.push_str(&format!("<h3>{title}</h3>\n{}", slide.notes));
            continue;
        }
        slide.notes = std::mem::take(&mut waiting) + &slide.notes;
        slides.push(slide);
    }
    if let Some(last) = slides.last_mut() {
        last.notes.push_str(&waiting);
    }
    Ok(slides)
}

/// Puts something on the last slide, or on another one with the same title if that is full.
fn show(made: &mut Vec<Slide>, shown: &str, lines: usize) {
    let Some(last) = made.last_mut() else {
        return;
    };
    if last.lines > 0 && last.lines + lines > LINES {
        let title = last.title.clone();
        made.push(Slide {
            title,
            ..Slide::default()
        });
    }
    if let Some(last) = made.last_mut() {
        let size = match lines {
            0..=14 => "",
            15..=30 => " class=\"long\"",
            _ => " class=\"longer\"",
        };
        last.shown.push_str(&format!("<div{size}>{shown}</div>\n"));
        last.lines += lines;
    }
}

/// A chapter in pieces, without the comments that speak to the checks.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_GFM;
    let mut pieces = Vec::new();
    let mut events: Vec<Event<'_>> = Vec::new();
    let mut depth = 0_usize;
    for event in Parser::new_ext(text, options) {
        match &event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            _ => {}
        }
        let is_heading = match &event {
            Event::End(TagEnd::Heading(level)) if depth == 0 => Some(*level),
            _ => None,
        };
        // A link leads to another file, which the slides do not have; an answer in a list keeps
        // its text and loses the fold.
        let is_left_out = match &event {
            Event::Start(Tag::Link { .. }) | Event::End(TagEnd::Link) => true,
            Event::Html(html) | Event::InlineHtml(html) => {
                depth > 1 || html.trim_start().starts_with("<!--")
            }
            _ => false,
        };
        if !is_left_out {
            events.push(event);
        }
        if depth == 0 && !events.is_empty() {
            pieces.push(Piece {
                events: std::mem::take(&mut events),
                level: is_heading,
            });
        }
    }
    pieces
}

fn text_of(events: &[Event<'_>]) -> String {
    let texts = events.iter().filter_map(|event| match event {
        Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => Some(text.as_ref()),
        _ => None,
    });
    texts.collect()
}

/// The picture that a paragraph consists of: its file and what it shows.
fn picture(events: &[Event<'_>]) -> Option<(String, String)> {
    let is_empty = |event: &Event<'_>| match event {
        Event::Text(text) => text.trim().is_empty(),
        Event::SoftBreak | Event::Html(_) | Event::InlineHtml(_) => true,
        _ => false,
    };
    let inside = events.get(1..events.len().checked_sub(1)?)?;
    let mut inside = inside.iter().skip_while(|event| is_empty(event));
    let Some(Event::Start(Tag::Image { dest_url, .. })) = inside.next() else {
        return None;
    };
    Some((dest_url.to_string(), text_of(events)))
}

/// A picture as part of the page.
fn image(file: &Path, alt: &str) -> Result<String, String> {
    let alt = escaped(alt);
    let unreadable = |error| format!("cannot read {}: {error}", file.display());
    if file.extension().is_some_and(|extension| extension == "png") {
        let png = BASE64.encode(fs::read(file).map_err(unreadable)?);
        return Ok(format!(
            "<img alt=\"{alt}\" src=\"data:image/png;base64,{png}\">\n"
        ));
    }
    let svg = fs::read_to_string(file).map_err(unreadable)?;
    let mut encoded = String::with_capacity(svg.len() * 2);
    for character in svg.chars() {
        match character {
            '\n' | '\r' => encoded.push(' '),
            '%' | '#' | '"' | '<' | '>' | '&' | '\'' => {
                encoded.push_str(&format!("%{:02X}", u32::from(character)));
            }
            other => encoded.push(other),
        }
    }
    Ok(format!(
        "<img alt=\"{alt}\" src=\"data:image/svg+xml;charset=utf-8,{encoded}\">\n"
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

const STYLE: &str = "\
:root { color-scheme: light dark; font: 22px/1.4 system-ui, sans-serif; }
body { margin: 0; }
section { display: none; box-sizing: border-box; min-height: 100vh; padding: 2rem 3rem 3rem; position: relative; }
section:target, body:not(:has(section:target)) section:first-of-type { display: block; }
h2 { margin: 0 0 1rem; font-size: 1.5rem; }
pre { margin: 0 0 .8rem; padding: .7rem 1rem; overflow-x: auto; border-radius: .4rem; background: light-dark(#f2f3f5, #1f2227); font: .82rem/1.35 ui-monospace, monospace; }
.long pre { font-size: .7rem; }
.longer pre { font-size: .55rem; }
code { font-family: ui-monospace, monospace; }
img { display: block; max-width: 100%; max-height: 72vh; margin: 0 auto 1rem; background: light-dark(#fff, #15181c); }
table { border-collapse: collapse; font-size: .75rem; }
th, td { padding: .25rem .7rem; border: 1px solid light-dark(#ccc, #555); text-align: left; vertical-align: top; }
li { margin: .3rem 0; }
footer { position: absolute; bottom: .7rem; right: 3rem; font-size: .6rem; opacity: .7; }
aside { display: none; margin-top: 1.5rem; padding: 1rem 1.5rem; border-left: .3rem solid light-dark(#4477aa, #88bbee); background: light-dark(#f7f9fc, #1a2028); font-size: .8rem; }
.notes aside { display: block; }
#help { position: fixed; bottom: .2rem; left: 3rem; margin: 0; font-size: .6rem; opacity: .7; }
@media print {
  section { display: block; min-height: 0; break-after: page; }
  aside { display: block; }
  #help { display: none; }
}
";

const SCRIPT: &str = "\
const count = document.querySelectorAll('section').length;
const at = () => Number(location.hash.slice(1)) || 1;
const go = (n) => { location.hash = Math.min(Math.max(n, 1), count); scrollTo(0, 0); };
addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const next = { ArrowRight: at() + 1, PageDown: at() + 1, ' ': at() + 1, ArrowLeft: at() - 1, PageUp: at() - 1, Home: 1, End: count };
  if (event.key in next) { event.preventDefault(); go(next[event.key]); }
  if (event.key === 'n') document.body.classList.toggle('notes');
});
";

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<Slide> {
        slides(&Document::parse("a.md", text), Path::new(".")).unwrap_or_default()
    }

    #[test]
    fn sentences_are_notes_and_code_is_shown() {
        let slides = of("# 1. A\n\nWhat it is.\n\n## Run\n\nLook:\n\n```console\n$ a\n```\n");
        assert_eq!(slides.len(), 2);
        assert!(slides[0].shown.contains("What it is."));
        assert!(slides[1].shown.contains("$ a"));
        assert!(slides[1].notes.contains("Look:") && !slides[1].shown.contains("Look:"));
    }

    #[test]
    fn an_answer_is_behind_its_question() {
        let slides = of(
            "# A\n\nx\n\n## Predict\n\nWhich?\n\n- **a.** one\n- **b.** two\n\n\
             <details><summary>Answer</summary>\n\n**b.** Because.\n\n</details>\n\n## Run\n\n`x`\n",
        );
        let titles: Vec<&str> = slides.iter().map(|slide| slide.title.as_str()).collect();
        assert_eq!(titles, ["A", "Predict", "Predict: answer"]);
        assert!(slides[1].shown.contains("two") && !slides[1].shown.contains("Because"));
        assert!(slides[2].shown.contains("Because"));
        // What stands behind the last slide is not lost.
        assert!(slides[2].notes.contains("<h3>Run</h3>"));
    }

    #[test]
    fn a_full_slide_is_continued() {
        let code = format!("```rust\n{}```\n", "line\n".repeat(20));
        let slides = of(&format!("# A\n\nx\n\n## Code\n\n{code}\n{code}"));
        let titles: Vec<&str> = slides.iter().map(|slide| slide.title.as_str()).collect();
        assert_eq!(titles, ["A", "Code", "Code"]);
    }

    #[test]
    fn comments_to_the_checks_are_not_shown() {
        let slides = of("# A\n\nx\n\n<!-- exit: 1 -->\n```console\n$ a\n```\n");
        assert!(!slides[0].shown.contains("exit"), "{slides:?}");
    }
}
