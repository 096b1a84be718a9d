//! A chapter, taken apart: its blocks, headings, links and pictures, each with its place.

use std::ops::Range;

use pulldown_cmark::{
    BrokenLink, CodeBlockKind, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd,
};

/// A Markdown file.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its path from the repository root, with `/` on every system.
    pub path: String,
    /// Its source.
    pub text: String,
    /// Its fenced code blocks, in order.
    pub blocks: Vec<Block>,
    /// Its headings, in order.
    pub headings: Vec<Heading>,
    /// What its links point at: inline links, reference links and those in HTML.
    pub links: Vec<Link>,
    /// Its pictures.
    pub images: Vec<Image>,
    /// The names that its HTML gives to places: `<a id="…">`.
    pub html_anchors: Vec<String>,
    /// References such as `[text][name]` whose definition is missing.
    pub broken_references: Vec<Link>,
    /// For each line, whether it belongs to a code block.
    code_lines: Vec<bool>,
}

/// A fenced code block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The first word of its info string.
    pub language: String,
    /// The line of its opening fence.
    pub line: usize,
    /// Its lines, without the indentation of the list or quotation that it stands in.
    pub lines: Vec<String>,
    /// What stands before each of its lines.
    pub prefix: String,
    /// The bytes of its lines in the file.
    pub content: Range<usize>,
    /// The comments on the lines directly above it.
    pub directives: Vec<Directive>,
    /// Whether its closing fence is missing.
    pub unclosed: bool,
}

impl Block {
    /// What stands in the file when the block has these lines.
    pub(crate) fn source(&self, lines: &[String]) -> String {
        lines
            .iter()
            .map(|line| format!("{}\n", format!("{}{line}", self.prefix).trim_end()))
            .collect()
    }

    /// The values of the directive `name`.
    pub(crate) fn directive<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.directives
            .iter()
            .filter(move |directive| directive.name == name)
            .map(|directive| directive.value.as_str())
    }
}

/// A comment that speaks to the checks: `<!-- name: value -->`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// What stands before the colon.
    pub name: String,
    /// What stands after it.
    pub value: String,
    /// Where it stands.
    pub line: usize,
}

/// A heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// 1 for `#`.
    pub level: usize,
    /// Its text without markup.
    pub text: String,
    /// Where it stands.
    pub line: usize,
}

/// A link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where it points, as written.
    pub target: String,
    /// Where it stands.
    pub line: usize,
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its file, as written.
    pub target: String,
    /// What is read aloud in its stead.
    pub alt: String,
    /// Where it stands.
    pub line: usize,
    /// The comments on the lines directly above it.
    pub directives: Vec<Directive>,
}

/// One thing of a chapter, in the order of reading.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item<'a> {
    Heading(&'a Heading),
    Block(&'a Block),
}

impl Document {
    /// Takes the Markdown file at `path` apart.
    #[must_use]
    pub fn parse(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self::parse_text(path.into(), text.into())
    }

    fn parse_text(path: String, text: String) -> Self {
        let lines = Lines::of(&text);
        let mut found = Found::default();
        let mut broken = Vec::new();
        let note_broken = |link: BrokenLink<'_>| {
            // `[text]` alone is ordinary text more often than not: an index, a table name.
            if matches!(link.link_type, LinkType::Reference | LinkType::Collapsed) {
                broken.push((link.reference.to_string(), link.span.start));
            }
            None
        };
        let options = Options::ENABLE_TABLES
            | Options::ENABLE_FOOTNOTES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_TASKLISTS
            | Options::ENABLE_GFM;
        let parser = Parser::new_with_broken_link_callback(&text, options, Some(note_broken));
        for (event, range) in parser.into_offset_iter() {
            found.take(&event, range, &lines);
        }
        let broken_references = broken
            .into_iter()
            .map(|(target, at)| Link {
                target,
                line: lines.number(at),
            })
            .collect();
        let mut code_lines = vec![false; lines.starts.len() + 1];
        for block in &found.blocks {
            let end = block.line + block.lines.len() + 1;
            let last = end.min(code_lines.len() - 1);
            code_lines[block.line..=last].fill(true);
        }
        Self {
            path,
            blocks: found.blocks,
            headings: found.headings,
            links: found.links,
            images: found.images,
            html_anchors: found.html_anchors,
            broken_references,
            code_lines,
            text,
        }
    }

    /// Its lines that stand in no code block, with their numbers.
    pub(crate) fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
            .filter(|(number, _)| !self.code_lines[*number])
    }

    /// All comments that speak to the checks, wherever they stand.
    pub(crate) fn directives(&self) -> Vec<Directive> {
        self.prose()
            .filter_map(|(number, line)| directive(line, number))
            .collect()
    }

    /// Headings and blocks as a reader meets them.
    pub(crate) fn items(&self) -> Vec<Item<'_>> {
        let headings = self.headings.iter().map(Item::Heading);
        let mut items: Vec<_> = headings
            .chain(self.blocks.iter().map(Item::Block))
            .collect();
        items.sort_by_key(|item| match item {
            Item::Heading(heading) => heading.line,
            Item::Block(block) => block.line,
        });
        items
    }

    /// The anchors that a link into this file can name, by GitHub's rules.
    #[must_use]
    pub fn anchors(&self) -> Vec<String> {
        let mut anchors: Vec<String> = Vec::new();
        for heading in &self.headings {
            let slug = slug(&heading.text);
            let mut anchor = slug.clone();
            let mut again = 0;
            while anchors.contains(&anchor) {
                again += 1;
                anchor = format!("{slug}-{again}");
            }
            anchors.push(anchor);
        }
        anchors.extend(self.html_anchors.iter().cloned());
        anchors
    }
}

/// What GitHub makes of a heading: lower case, no punctuation, hyphens for spaces.
fn slug(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c => c.is_alphanumeric().then_some(c),
        })
        .collect()
}

/// Where each line begins.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        let mut starts: Vec<usize> = std::iter::once(0).chain(ends).collect();
        if starts.len() > 1 && starts.last() == Some(&text.len()) {
            starts.pop();
        }
        Self { text, starts }
    }

    /// The line, from 1, of the byte at `at`.
    fn number(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at)
    }

    /// The bytes of line `number`, its line ending included.
    fn range(&self, number: usize) -> Range<usize> {
        let start = self.starts[number - 1];
        let end = self.starts.get(number).copied();
        start..end.unwrap_or(self.text.len())
    }

    fn line(&self, number: usize) -> &'a str {
        self.text[self.range(number)].trim_end_matches(['\n', '\r'])
    }

    /// The directives on the lines directly above line `number`.
    fn directives_above(&self, number: usize) -> Vec<Directive> {
        let mut above: Vec<Directive> = (1..number)
            .rev()
            .map(|above| (above, self.line(above)))
            .take_while(|(_, line)| {
                let line = line.trim_start_matches(['>', ' ']).trim_end();
                line.starts_with("<!--") && line.ends_with("-->")
            })
            .filter_map(|(above, line)| directive(line, above))
            .collect();
        above.reverse();
        above
    }
}

/// The directive in a line: `<!-- exit: 1 -->`. Other comments are none.
fn directive(line: &str, number: usize) -> Option<Directive> {
    let line = line.trim_start_matches(['>', ' ']).trim_end();
    let comment = line.strip_prefix("<!--")?.strip_suffix("-->")?.trim();
    let (name, value) = comment.split_once(':')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase());
    is_name.then(|| Directive {
        name: name.to_owned(),
        value: value.trim().to_owned(),
        line: number,
    })
}

/// What has been met so far, and what is open.
#[derive(Default)]
struct Found {
    blocks: Vec<Block>,
    headings: Vec<Heading>,
    links: Vec<Link>,
    images: Vec<Image>,
    html_anchors: Vec<String>,
    open_heading: Option<Heading>,
    open_image: Option<Image>,
}

impl Found {
    fn take(&mut self, event: &Event<'_>, range: Range<usize>, lines: &Lines<'_>) {
        let line = lines.number(range.start);
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                self.blocks.push(block(info, range, lines));
            }
            Event::Start(Tag::Heading { level, .. }) => {
                self.open_heading = Some(Heading {
                    level: depth(*level),
                    text: String::new(),
                    line,
                });
            }
            Event::End(TagEnd::Heading(_)) => self.headings.extend(self.open_heading.take()),
            Event::Start(Tag::Link { dest_url, .. }) => self.links.push(Link {
                target: dest_url.to_string(),
                line,
            }),
            Event::Start(Tag::Image { dest_url, .. }) => {
                self.open_image = Some(Image {
                    target: dest_url.to_string(),
                    alt: String::new(),
                    line,
                    directives: lines.directives_above(line),
                });
            }
            Event::End(TagEnd::Image) => self.images.extend(self.open_image.take()),
            Event::Text(text) | Event::Code(text) => {
                if let Some(image) = &mut self.open_image {
                    image.alt.push_str(text);
                } else if let Some(heading) = &mut self.open_heading {
                    heading.text.push_str(text);
                }
            }
            Event::SoftBreak => {
                if let Some(image) = &mut self.open_image {
                    image.alt.push(' ');
                }
            }
            Event::Html(html) | Event::InlineHtml(html) => self.html(html, line, lines),
            _ => {}
        }
    }

    /// HTML is not parsed: what a chapter uses of it is a link, a place or a picture in one tag.
    fn html(&mut self, html: &str, line: usize, lines: &Lines<'_>) {
        if html.trim_start().starts_with("<!--") {
            return;
        }
        for tag in html.split('<').skip(1) {
            let tag = tag.split('>').next().unwrap_or_default();
            self.html_anchors
                .extend(attribute(tag, "id").or_else(|| attribute(tag, "name")));
            if let Some(target) = attribute(tag, "href") {
                self.links.push(Link { target, line });
            }
            if let Some(target) = attribute(tag, "src") {
                self.images.push(Image {
                    target,
                    alt: attribute(tag, "alt").unwrap_or_default(),
                    line,
                    directives: lines.directives_above(line),
                });
            }
        }
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}="))?;
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    rest[1..].split(quote).next().map(str::to_owned)
}

fn depth(level: HeadingLevel) -> usize {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

fn block(info: &str, range: Range<usize>, lines: &Lines<'_>) -> Block {
    let line = lines.number(range.start);
    let opening = lines.line(line);
    let indent = opening.find(['`', '~']).unwrap_or(0);
    // What stands before the lines is what stands before the fence, with a list marker blank.
    let blank = |c| if c == '>' { c } else { ' ' };
    let prefix: String = opening[..indent].chars().map(blank).collect();
    let fence: String = opening[indent..]
        .chars()
        .take_while(|c| matches!(c, '`' | '~'))
        .collect();
    let last = lines.number(range.end.saturating_sub(1)).max(line);
    let ending = lines.line(last).trim_start_matches(['>', ' ']).trim_end();
    let closed =
        last > line && ending.starts_with(&fence) && ending.chars().all(|c| matches!(c, '`' | '~'));
    let end = if closed { last } else { last + 1 };
    let content = (line + 1..end).map(|number| unprefixed(lines.line(number), &prefix).to_owned());
    let begin = lines.range(line).end;
    let finish = if end > line + 1 {
        lines.range(end - 1).end
    } else {
        begin
    };
    Block {
        language: info
            .split([' ', ',', '\t'])
            .next()
            .unwrap_or_default()
            .to_owned(),
        line,
        lines: content.collect(),
        content: begin..finish,
        directives: lines.directives_above(line),
        unclosed: !closed,
        prefix,
    }
}

/// The line without the prefix; a line that is indented less, such as a blank one, loses what it
/// has of it.
fn unprefixed<'a>(line: &'a str, prefix: &str) -> &'a str {
    let mut rest = line;
    for c in prefix.chars() {
        match rest.strip_prefix(c) {
            Some(shorter) => rest = shorter,
            None => break,
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAPTER: &str = "\
# 3. Many at once: `gather`

Text with a [link](02-coroutine.md#run), a [second one][two] and a [third][].

<!-- varies: \\d+ MB -->
<!-- exit: 1 -->
```console
$ cargo run -p gather
12 MB
```

1. An item:

   ```rust,ignore
   // a.rs
   fn main() {

       run();
   }
   ```

> ```text
> quoted
> ```

<!-- picture: cargo run -p gather -->
![Five *rows*](pictures/gather.svg)

## Run

## Run

<a id=\"here\"></a> <a href=\"../README.md\">up</a>

[two]: ../README.md
";

    #[test]
    fn blocks_know_their_lines_their_place_and_their_directives() {
        let document = Document::parse("tutorials/03.md", CHAPTER);
        let [console, rust, text] = &document.blocks[..] else {
            panic!("three blocks, not {:?}", document.blocks);
        };
        assert_eq!(console.language, "console");
        assert_eq!(console.line, 7);
        assert_eq!(console.lines, ["$ cargo run -p gather", "12 MB"]);
        assert_eq!(console.directive("varies").collect::<Vec<_>>(), ["\\d+ MB"]);
        assert_eq!(console.directive("exit").collect::<Vec<_>>(), ["1"]);

        assert_eq!(rust.language, "rust");
        assert_eq!(rust.prefix, "   ");
        assert_eq!(rust.lines[3], "    run();");
        assert_eq!(rust.lines[2], "");
        assert!(!rust.unclosed);

        assert_eq!(text.lines, ["quoted"]);
        assert_eq!(text.prefix, "> ");
    }

    #[test]
    fn a_block_written_back_as_it_is_leaves_the_file_as_it_is() {
        let document = Document::parse("a.md", CHAPTER);
        for block in &document.blocks {
            assert_eq!(
                block.source(&block.lines),
                CHAPTER[block.content.clone()],
                "{block:?}"
            );
        }
    }

    #[test]
    fn headings_links_and_pictures() {
        let document = Document::parse("a.md", CHAPTER);
        assert_eq!(document.headings[0].text, "3. Many at once: gather");
        assert_eq!(
            document.anchors(),
            ["3-many-at-once-gather", "run", "run-1", "here"]
        );
        let targets: Vec<_> = document.links.iter().map(|link| &link.target[..]).collect();
        assert_eq!(
            targets,
            ["02-coroutine.md#run", "../README.md", "../README.md"]
        );
        assert_eq!(document.broken_references[0].target, "third");
        assert_eq!(document.broken_references[0].line, 3);
        let image = &document.images[0];
        assert_eq!(image.alt, "Five rows");
        assert_eq!(image.directives[0].value, "cargo run -p gather");
    }

    #[test]
    fn a_block_that_is_not_closed_is_known() {
        let document = Document::parse("a.md", "```rust\n// a.rs\n");
        assert!(document.blocks[0].unclosed);
        assert_eq!(document.blocks[0].lines, ["// a.rs"]);
    }

    #[test]
    fn github_keeps_letters_of_every_language_and_underscores() {
        assert_eq!(
            slug("What's `spawn_blocking`? Ümlaut – so"),
            "whats-spawn_blocking-ümlaut--so"
        );
    }

    #[test]
    fn prose_leaves_code_out() {
        let document = Document::parse("a.md", "a\n```text\nb\n```\nc\n");
        let prose: Vec<_> = document.prose().collect();
        assert_eq!(prose, [(1, "a"), (5, "c")]);
    }
}
