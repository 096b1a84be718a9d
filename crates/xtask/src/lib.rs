//! The maintainer's commands, and the checks behind them.
//!
//! Every claim of the README and of the chapters is executed: code stands in the file that its
//! block names ([`code`]), commands print what is shown ([`replay`]), also after the changes that
//! a chapter asks for, pictures are what their commands draw ([`picture`]), links lead somewhere
//! ([`links`]), questions have answers ([`form`]), and each lesson prints what its Python twin
//! prints ([`twins`]). `cargo xtask tutorials` and the tests of this package run the same checks.
//!
//! # For who writes a chapter
//!
//! **Code.** A block of kind `rust`, `python`, `toml` or `json` begins with a comment that names
//! its file from the repository root (`// crates/gather/src/main.rs`, `# crates/gather/gather.py`)
//! and stands in it verbatim; how far it is indented does not matter. A line `// ...` or `# ...`
//! leaves something out. What stands in no file is a block of kind `text`.
//!
//! **Commands.** A `console` block is replayed from the repository root: `$ ` begins a command, a
//! `\` at its end continues it, what follows is its standard output (with `2>&1` also its standard
//! error). A line `...` stands for any lines, `[..]` for any text in a line. `cargo run`, `test`,
//! `build`, `check`, `clippy` with `-p NAME`, `cargo xtask`, `cargo tree`, `python3` and `curl` are
//! replayed; `NAME=value` before a command, `< FILE`, and `echo` or `printf` with `|` work; there is
//! no shell. Commands that nobody checks belong in a block of kind `sh`.
//!
//! Where a lesson's `--help` offers `--instant`, the lesson and its Python programs run in virtual
//! time, although the chapter does not say so; where it offers `--port`, on a free port, which
//! reads 8080 in the chapter.
//!
//! Comments on the lines directly above a block say how it is replayed:
//!
//! | comment | meaning |
//! |---|---|
//! | `<!-- varies: REGEX -->` | what matches is compared by its form; `--write` leaves it as it is |
//! | `<!-- exit: N -->` | the exit code of the last command, if it is not 0 |
//! | `<!-- replay: background -->` | the command runs on, once it has printed these lines |
//! | `<!-- replay: real time -->` | without `--instant`; at most fifteen seconds, for a machine under load |
//! | `<!-- replay: alone -->` | built with the features of its own manifest, as `cargo run -p` does it; for sizes of types. Above a diff: so is the changed copy |
//! | `<!-- replay: as written -->` | the change above no longer holds |
//!
//! A line `^C` ends the command that runs; what it then prints follows. A block without a command
//! is what the running command prints next.
//!
//! **Changes.** A `diff` block begins with `--- PATH`; its lines begin with a blank, `-` or `+`; a
//! line `...` or `@@` separates parts. Each part fits one place of the file. The commands that
//! follow run a changed copy, until the next heading or the next diff. A change that does not
//! compile is shown with `$ cargo build -p NAME 2>&1` and `<!-- exit: 101 -->`: cargo's own lines
//! (`Compiling`, `Finished`) are left out.
//!
//! **Pictures.** `<!-- picture: COMMAND -->` directly above `![what it shows](pictures/NAME.svg)`,
//! once for each picture. The command has `--timeline=tutorials/pictures/NAME.svg`, also where it
//! is the recorder of Python. A screenshot is a `.png`: `<!-- screenshot: FILE -->` above it names
//! the test that takes it, in a browser and with `WRITE_SCREENSHOTS=1`.

mod build;
pub mod cli;
pub mod code;
mod command;
mod console;
mod diff;
mod expect;
mod experiment;
mod findings;
pub mod form;
mod items;
mod launch;
pub mod links;
mod markdown;
mod parallel;
mod patch;
pub mod picture;
mod process;
mod project;
pub mod recording;
pub mod replay;
mod request;
pub mod slides;
mod stand_ins;
pub mod tutorials;
pub mod twins;
mod verdict;

pub use findings::{Findings, Mend, Problem};
pub use markdown::{Block, Directive, Document, Heading, Image, Link};
pub use project::{Package, Project};
