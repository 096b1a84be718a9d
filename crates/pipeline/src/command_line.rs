//! What the user asks for.

use std::fs::{self, File};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use common::Stage;

use crate::chunks::{Input, Source};
use crate::generate;
use crate::pipeline;
use crate::report::harmless;
use crate::streams;

/// What to do.
pub(crate) enum Command {
    /// Read inputs and report.
    Analyse,
    /// Make a log, into a file or to standard output.
    Generate(generate::Options, Option<String>),
    /// Show these parts of the lesson on streams.
    Streams(Vec<&'static str>),
}

/// What is read when no input is named.
static SAMPLE: &[u8] = include_bytes!("../sample.ndjson");

/// As many threads as tokio has for blocking work.
const MOST_JOBS: usize = 512;

const ANALYSE: [&str; 5] = ["--bad", "--top", "--lookups", "--jobs", "--stats"];
const GENERATE: [&str; 5] = ["--output", "--lines", "--size", "--seed", "--bad-share"];

pub(crate) async fn stage() -> Stage {
    Stage::new("A pipeline over access logs of any size: read, parse, look up, add up.")
        .arguments(
            "FILE...",
            "logs with a JSON object in each line, `-` for standard input (default: a sample); \
             or `generate`, to make a log; or `streams PART...`, to see what streams do",
        )
        .option(
            "--bad",
            "FILE",
            "set bad lines aside in FILE; `-` prints them",
        )
        .option("--top", "N", "list N pages (default 5)")
        .option(
            "--lookups",
            "N",
            "at most N lookups at a time (default 100)",
        )
        .option(
            "--jobs",
            "N",
            "parse N chunks at a time (default: two for each core)",
        )
        .switch("--stats", "say on standard error how fast it was")
        .option(
            "--output",
            "FILE",
            "generate: into FILE, not to standard output",
        )
        .option("--lines", "N", "generate: N lines (default 1000)")
        .option(
            "--size",
            "SIZE",
            "generate: as many lines as fill SIZE, such as 10MB or 1GB",
        )
        .option("--seed", "N", "generate: another log (default 1)")
        .option(
            "--bad-share",
            "SHARE",
            "generate: the share of bad lines (default 0.01)",
        )
        .begin()
        .await
}

/// Which of its three things the program is to do.
pub(crate) fn command(stage: &Stage) -> Command {
    let words = stage.positional();
    let first = words.first().map(String::as_str);
    let foreign: Vec<&str> = match first {
        Some("generate") => ANALYSE.to_vec(),
        Some("streams") => [&ANALYSE[..], &GENERATE].concat(),
        _ => GENERATE.to_vec(),
    };
    if let Some(flag) = foreign.iter().find(|flag| stage.is_on(flag)) {
        stage.usage_error(format_args!("{flag} has no meaning here; see --help"));
    }
    match first {
        Some("generate") => {
            let options = generate_options(stage, &words[1..]);
            Command::Generate(options, stage.value("--output"))
        }
        Some("streams") => Command::Streams(parts(stage, &words[1..])),
        _ => Command::Analyse,
    }
}

fn parts(stage: &Stage, words: &[String]) -> Vec<&'static str> {
    let known = |word: &String| {
        let part = streams::PARTS.into_iter().find(|part| part == word);
        part.unwrap_or_else(|| {
            let parts = streams::PARTS.join(", ");
            stage.usage_error(format_args!("there is no part {word:?}, only {parts}"))
        })
    };
    if words.is_empty() {
        return streams::PARTS.to_vec();
    }
    words.iter().map(known).collect()
}

fn generate_options(stage: &Stage, words: &[String]) -> generate::Options {
    if let Some(word) = words.first() {
        stage.usage_error(format_args!(
            "generate takes no {word:?}; --output names a file"
        ));
    }
    let lines: Option<NonZero<u64>> = stage.value("--lines");
    let size = stage.value::<String>("--size").map(|text| {
        bytes(&text).unwrap_or_else(|| {
            stage.usage_error(format_args!(
                "--size cannot be {text:?}: it takes bytes, kB, MB or GB, such as 10MB"
            ))
        })
    });
    let bad: f64 = stage.value("--bad-share").unwrap_or(0.01);
    if !(0.0..=1.0).contains(&bad) {
        stage.usage_error("--bad-share is from 0 to 1, such as 0.01");
    }
    generate::Options {
        // Whichever is named is the limit. Without either, a thousand lines.
        lines: match (lines, size) {
            (Some(lines), _) => lines.get(),
            (None, Some(_)) => u64::MAX,
            (None, None) => 1000,
        },
        size: size.unwrap_or(u64::MAX),
        seed: stage.value("--seed").unwrap_or(1),
        bad,
    }
}

/// `1000`, `20kB`, `10MB`, `1GB`.
fn bytes(text: &str) -> Option<u64> {
    let units = [("kB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000)];
    let unit = units
        .iter()
        .find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)));
    let (number, unit) = unit.unwrap_or((text, 1));
    let bytes = number.parse::<u64>().ok()?.checked_mul(unit)?;
    (bytes > 0).then_some(bytes)
}

/// The inputs and how to treat them.
///
/// # Errors
///
/// If one of them cannot be read, or is where the bad lines would go. It is better told now than
/// after an hour of reading the others.
pub(crate) fn inputs(stage: &Stage) -> Result<(Vec<Input>, pipeline::Options), String> {
    let most = |flag: &str, default: usize, limit: usize| {
        let number: usize = stage.value(flag).unwrap_or(default);
        if !(1..=limit).contains(&number) {
            stage.usage_error(format_args!("{flag} is from 1 to {limit}"));
        }
        number
    };
    let cores = available_parallelism().map_or(1, NonZero::get);
    let options = pipeline::Options {
        bad: stage.value("--bad"),
        top: stage.value("--top").unwrap_or(5),
        // Each of them takes two to three megabytes.
        jobs: most("--jobs", (2 * cores).min(MOST_JOBS), MOST_JOBS),
        lookups: most("--lookups", 100, 10_000),
    };
    let names = stage.positional();
    if names.is_empty() {
        let sample = Input {
            name: "sample.ndjson".to_owned(),
            source: Source::BuiltIn(SAMPLE),
        };
        return Ok((vec![sample], options));
    }
    let bad = options.bad.as_deref().map(Path::new);
    let inputs = names.iter().map(|name| input(name, bad));
    Ok((inputs.collect::<Result<_, _>>()?, options))
}

fn input(name: &str, bad: Option<&Path>) -> Result<Input, String> {
    let (source, path) = match name {
        "-" => (Source::StandardInput, Path::new("/dev/stdin")),
        path => (Source::File(PathBuf::from(path)), Path::new(path)),
    };
    if bad.is_some_and(|bad| is_same(bad, path)) {
        return Err(format!("--bad {name} would overwrite what is to be read"));
    }
    if name != "-" {
        let cannot = |error| format!("cannot read {name}: {error}");
        let about = fs::metadata(path).map_err(cannot)?;
        if about.is_dir() {
            return Err(format!("cannot read {name}: it is a directory"));
        }
        // A pipe must not be opened twice: its writer would notice.
        if about.is_file() {
            File::open(path).map_err(cannot)?;
        }
    }
    let name = match name {
        "-" => "(standard input)".to_owned(),
        name => name.chars().map(harmless).collect(),
    };
    Ok(Input { name, source })
}

/// Whether two paths name one file. To write a file that does not exist harms nobody.
#[cfg(unix)]
fn is_same(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let (Ok(a), Ok(b)) = (fs::metadata(a), fs::metadata(b)) else {
        return false;
    };
    a.is_file() && (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// Whether two paths name one file. To write a file that does not exist harms nobody.
#[cfg(not(unix))]
fn is_same(a: &Path, b: &Path) -> bool {
    match (fs::canonicalize(a), fs::canonicalize(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, expected) in [
            ("1000", Some(1000)),
            ("20kB", Some(20_000)),
            ("1GB", Some(1_000_000_000)),
            ("0", None),
            ("-1", None),
            ("1.5GB", None),
            ("GB", None),
            ("99999999999GB", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
