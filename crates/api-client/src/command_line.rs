//! The flags, and which URLs to fetch.

use std::fs;
use std::io;
use std::iter;
use std::time::Duration;

use common::Stage;

use crate::Limits;

/// More requests than this are refused: every outcome is kept for the report.
const MOST_REQUESTS: usize = 1_000_000;

/// What the command line asks for. Without URLs the list is empty.
///
/// Ends the program with one line and exit code 2 if it makes no sense.
pub(crate) async fn read() -> (Stage, Limits, Vec<String>) {
    let stage = Stage::new(
        "Fetches URLs, many at once, through one shared client, and reports in their order.\n\
         Without URLs it starts three endpoints of its own and asks those.",
    )
    .arguments(
        "URL...",
        "what to fetch, http or https; - reads a list from standard input",
    )
    .option(
        "--file",
        "FILE",
        "fetch what FILE lists, one URL a line; skips blank lines and #",
    )
    .option(
        "--concurrency",
        "N",
        "at most N requests at the same time (default 100)",
    )
    .option(
        "--timeout",
        "SECONDS",
        "time limit of each request, body included (default 30)",
    )
    .option(
        "--max-bytes",
        "N",
        "longest body that is accepted (default 10485760: 10 MiB)",
    )
    .option("--repeat", "N", "fetch the whole list N times (default 1)")
    .switch("--quiet", "report failures and the summary only")
    .switch(
        "--one-by-one",
        "await each call before the next is made (the mistake of article 3)",
    )
    .switch(
        "--per-request-client",
        "make a new client for each request (the mistake of article 1)",
    )
    .switch(
        "--trouble",
        "ask endpoints that misbehave, each in its own way (try --timeout 2)",
    )
    .real_io()
    .begin()
    .await;
    let limits = Limits {
        concurrency: stage.value("--concurrency").unwrap_or(100),
        timeout: stage
            .seconds("--timeout")
            .unwrap_or(Duration::from_secs(30)),
        max_bytes: stage.value("--max-bytes").unwrap_or(10 * 1024 * 1024),
    };
    if limits.concurrency == 0 || limits.timeout.is_zero() {
        stage.usage_error("--concurrency and --timeout must be above 0, or nothing can be fetched");
    }
    let urls = urls(&stage);
    (stage, limits, urls)
}

/// The URLs that the command line names: its arguments, then those in `--file`. In both, `-` is
/// standard input.
///
/// Ends the program with one line and exit code 2 if a list cannot be read or has no URL in it.
fn urls(stage: &Stage) -> Vec<String> {
    let mut urls = Vec::new();
    for argument in stage.positional() {
        if argument == "-" {
            urls.extend(read_list(stage, argument));
        } else {
            urls.push(argument.clone());
        }
    }
    if let Some(file) = stage.value::<String>("--file") {
        urls.extend(read_list(stage, &file));
    }
    if stage.is_on("--trouble") && !urls.is_empty() {
        stage.usage_error("--trouble brings its own URLs; leave out either it or yours");
    }
    urls
}

fn read_list(stage: &Stage, file: &str) -> Vec<String> {
    // Blocking, and harmless here: nothing else runs yet.
    let text = match file {
        "-" => io::read_to_string(io::stdin()),
        file => fs::read_to_string(file),
    };
    let name = if file == "-" { "standard input" } else { file };
    let urls = match text {
        Ok(text) => in_text(&text),
        Err(error) => stage.usage_error(format_args!("cannot read {name}: {error}")),
    };
    if urls.is_empty() {
        stage.usage_error(format_args!("there is no URL in {name}; write one a line"));
    }
    urls
}

/// One URL a line. Blank lines and lines that begin with `#` are skipped.
pub(crate) fn in_text(text: &str) -> Vec<String> {
    // Windows' Notepad marks the beginning of a file.
    let text = text.trim_start_matches('\u{feff}');
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// The whole list as often as `--repeat` says.
///
/// Ends the program with one line and exit code 2 if that is never, or too often.
pub(crate) fn repeated<'u>(stage: &Stage, urls: &'u [String]) -> Vec<&'u str> {
    let times = stage.value("--repeat").unwrap_or(1);
    let requests = urls.len().saturating_mul(times);
    if requests == 0 || requests > MOST_REQUESTS {
        stage.usage_error(format_args!(
            "--repeat {times} makes {requests} requests; from 1 to {MOST_REQUESTS} are possible"
        ));
    }
    let lists = iter::repeat_n(urls, times);
    lists.flatten().map(String::as_str).collect()
}
