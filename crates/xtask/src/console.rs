//! A console block, taken apart: commands, and what each prints.

use crate::launch::Mode;
use crate::markdown::Block;

/// One command of a block, or what is done with one that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) kind: Kind,
    /// Its lines in the block: `$ cargo …`.
    pub(crate) shown: Vec<String>,
    /// What it prints.
    pub(crate) expected: Vec<String>,
    /// Where it stands in the chapter.
    pub(crate) line: usize,
    /// The exit code it is to have.
    pub(crate) code: i32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A command that runs to its end.
    Command(String),
    /// A command that keeps running.
    Background(String),
    /// `^C`
    Interrupt,
    /// What the running command prints next.
    More,
}

/// How the commands of a block are replayed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Replay {
    pub(crate) background: bool,
    pub(crate) mode: Mode,
    pub(crate) as_written: bool,
    code: i32,
}

impl Replay {
    /// What the directives of the block say.
    ///
    /// # Errors
    ///
    /// If one says nothing that is known.
    pub(crate) fn of(block: &Block) -> Result<Self, String> {
        let mut replay = Self::default();
        for directive in &block.directives {
            match (directive.name.as_str(), directive.value.as_str()) {
                ("varies", _) => {}
                ("exit", code) => {
                    let number = code.parse();
                    replay.code = number.map_err(|_| format!("`exit: {code}` is no exit code"))?;
                }
                ("replay", "background") => replay.background = true,
                ("replay", "real time") => replay.mode.real_time = true,
                ("replay", "alone") => replay.mode.alone = true,
                ("replay", "as written") => replay.as_written = true,
                (name, value) => {
                    return Err(format!(
                        "`{name}: {value}` is not known here; a console block can have \
                         `varies: PATTERN`, `exit: CODE`, `replay: background`, \
                         `replay: real time`, `replay: alone` and `replay: as written`"
                    ));
                }
            }
        }
        Ok(replay)
    }
}

/// The steps of a block.
///
/// # Errors
///
/// If a command line does not end, or nothing stands in the block.
pub(crate) fn steps(block: &Block, replay: &Replay) -> Result<Vec<Step>, String> {
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = block.lines.iter().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let mut shown = vec![line.clone()];
        let kind = if line.trim_end() == "^C" {
            Kind::Interrupt
        } else if let Some(command) = line.strip_prefix("$ ") {
            let mut command = command.trim_end().to_owned();
            while let Some(begun) = command.strip_suffix('\\') {
                let (_, next) = lines
                    .next()
                    .ok_or_else(|| format!("`{command}` goes on, but the block ends"))?;
                shown.push(next.clone());
                let next = next.strip_prefix("> ").unwrap_or(next);
                command = format!("{} {}", begun.trim_end(), next.trim());
            }
            Kind::Command(command)
        } else {
            match steps.last_mut() {
                Some(step) => step.expected.push(line.clone()),
                None => steps.push(Step {
                    kind: Kind::More,
                    shown: Vec::new(),
                    expected: vec![line.clone()],
                    line: block.line + 1,
                    code: 0,
                }),
            }
            continue;
        };
        steps.push(Step {
            kind,
            shown,
            expected: Vec::new(),
            line: block.line + 1 + index,
            code: 0,
        });
    }
    if let Some(last) = steps.last_mut() {
        last.code = replay.code;
    }
    run_on(&mut steps, replay.background);
    if steps.is_empty() {
        return Err("this console block shows nothing".to_owned());
    }
    Ok(steps)
}

/// Makes those commands background ones that keep running: the last one of such a block, and
/// those that `^C` ends.
fn run_on(steps: &mut [Step], last: bool) {
    for index in 0..steps.len() {
        let next = steps.get(index + 1).map(|step| &step.kind);
        let runs_on = match next {
            Some(next) => *next == Kind::Interrupt,
            None => last,
        };
        let step = &mut steps[index];
        if let (true, Kind::Command(command)) = (runs_on, &step.kind) {
            step.kind = Kind::Background(command.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markdown::Document;

    fn parse(directives: &str, block: &str) -> Result<Vec<Step>, String> {
        let text = format!("{directives}```console\n{block}\n```\n");
        let document = Document::parse("a.md", text);
        let block = &document.blocks[0];
        steps(block, &Replay::of(block)?)
    }

    #[test]
    fn a_block_is_commands_and_what_they_print() {
        let steps = parse(
            "<!-- exit: 3 -->\n",
            "$ cargo run -p a\none\n\ntwo\n$ curl \\\n    -i \\\n> http://x/\nthree",
        )
        .unwrap();
        assert_eq!(steps[0].kind, Kind::Command("cargo run -p a".to_owned()));
        assert_eq!(steps[0].expected, ["one", "", "two"]);
        assert_eq!((steps[0].line, steps[0].code), (3, 0));
        assert_eq!(steps[1].kind, Kind::Command("curl -i http://x/".to_owned()));
        assert_eq!(steps[1].shown.len(), 3);
        assert_eq!((steps[1].line, steps[1].code), (7, 3));
    }

    #[test]
    fn a_command_runs_on_if_the_directive_says_so_or_ctrl_c_ends_it() {
        let steps = parse("<!-- replay: background -->\n", "$ a\nready").unwrap();
        assert_eq!(steps[0].kind, Kind::Background("a".to_owned()));
        let steps = parse("", "$ a\nready\n^C\nbye\n$ b").unwrap();
        assert_eq!(steps[0].kind, Kind::Background("a".to_owned()));
        assert_eq!(steps[1].kind, Kind::Interrupt);
        assert_eq!(steps[2].kind, Kind::Command("b".to_owned()));
    }

    #[test]
    fn a_block_without_a_command_is_what_the_running_one_prints_next() {
        let steps = parse("", "GET / 200").unwrap();
        assert_eq!(steps[0].kind, Kind::More);
        assert_eq!(steps[0].expected, ["GET / 200"]);
    }

    #[test]
    fn mistakes_are_named() {
        assert!(parse("", "$ a \\").unwrap_err().contains("the block ends"));
        assert!(
            parse("<!-- exit: one -->\n", "$ a")
                .unwrap_err()
                .contains("no exit code")
        );
        assert!(
            parse("<!-- replay: fast -->\n", "$ a")
                .unwrap_err()
                .contains("`replay: fast`")
        );
        let empty = Document::parse("a.md", "```console\n```\n");
        assert!(steps(&empty.blocks[0], &Replay::default()).is_err());
    }
}
