//! What the lesson claims of the whole pipeline.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use indicatif::ProgressBar;
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::chunks::{Chunks, Input, Source};
use crate::countries::{Refused, Service};
use crate::pipeline::{Options, run};
use crate::record::{Bad, LONGEST_LINE, parse};
use crate::report::Report;
use crate::{batch, countries, generate};

const GOOD: &[u8] = br#"{"client":"a","path":"/","status":200,"bytes":1,"micros":1}"#;

static SAMPLE: &[u8] = include_bytes!("../sample.ndjson");

fn service() -> Service {
    Arc::new(|client| countries::service(client).boxed())
}

fn input(name: &str, bytes: &[u8]) -> Input {
    let bytes = std::io::Cursor::new(bytes.to_vec());
    Input {
        name: name.to_owned(),
        source: Source::Other(Box::new(bytes)),
    }
}

fn chunks(inputs: Vec<Input>, size: usize) -> Chunks {
    Chunks::new(inputs, CancellationToken::new(), ProgressBar::hidden()).of_size(size)
}

async fn report(inputs: Vec<Input>, size: usize, bad: Option<&Path>) -> Report {
    let options = Options {
        bad: bad.map(|path| path.display().to_string()),
        top: 5,
        jobs: 2,
        lookups: 10,
    };
    let names = inputs.iter().map(|input| input.name.clone()).collect();
    let report = run(names, chunks(inputs, size), service(), &options).await;
    let report = report.unwrap();
    assert!(report.is_balanced());
    report
}

#[test]
fn the_sample_is_what_the_generator_makes_and_has_each_kind_of_bad_line() {
    let mut made = Vec::new();
    let options = generate::Options {
        lines: 300,
        size: u64::MAX,
        seed: 4,
        bad: 0.08,
    };
    generate::write(&mut made, &options).unwrap();
    assert!(
        made == SAMPLE,
        "cargo run -p pipeline -- generate --lines 300 --bad-share 0.08 --seed 4 \
         > crates/pipeline/sample.ndjson"
    );
    let verdicts: Vec<Bad> = SAMPLE
        .split(|byte| *byte == b'\n')
        .filter_map(|line| parse(line).err())
        .collect();
    for kind in Bad::ALL {
        // What is cut off is no JSON by itself: only its place tells.
        assert!(kind == Bad::CutOff || verdicts.contains(&kind), "{kind:?}");
    }
}

#[test]
fn the_generator_ends_at_a_size_and_makes_no_bad_lines_if_told_so() {
    let mut made = Vec::new();
    let options = generate::Options {
        lines: u64::MAX,
        size: 50_000,
        seed: 3,
        bad: 0.0,
    };
    generate::write(&mut made, &options).unwrap();
    assert!((50_000..50_400).contains(&made.len()), "{}", made.len());
    let lines = made.strip_suffix(b"\n").unwrap().split(|b| *b == b'\n');
    for line in lines {
        assert!(parse(line).is_ok(), "{}", String::from_utf8_lossy(line));
    }
}

/// The report and the file of bad lines do not depend on how the input is cut, nor on which chunk
/// was parsed first.
#[tokio::test(start_paused = true)]
async fn the_size_of_the_chunks_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.txt");
    let mut results = Vec::new();
    for size in [LONGEST_LINE + 1, 20_000, 40_000, 1 << 19] {
        let inputs = vec![input("a", SAMPLE), input("b", SAMPLE)];
        let report = report(inputs, size, Some(&bad)).await;
        results.push((report.to_string(), std::fs::read(&bad).unwrap()));
    }
    let (report, bad) = &results[0];
    assert!(
        report.starts_with("602 lines = 536 good + 66 bad\n"),
        "{report}"
    );
    assert_eq!(batch::lines(bad).count(), 66);
    for other in &results[1..] {
        assert_eq!(&other.0, report);
        assert!(&other.1 == bad);
    }
}

/// A piece of a line, or a line feed.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => Just(GOOD.to_vec()),
        4 => Just(b"\n".to_vec()),
        1 => Just(b"\r\n".to_vec()),
        1 => Just(b"{\"client\"".to_vec()),
        1 => Just(vec![b'x'; LONGEST_LINE / 2]),
        2 => vec(any::<u8>(), 0..20),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is read: each line is counted once, and each bad one is in the file with its number
    /// and its bytes.
    #[test]
    fn nothing_is_lost(pieces in vec(piece(), 0..60)) {
        let text = pieces.concat();
        let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        lines.pop_if(|last| last.is_empty()); // what follows the last line feed

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad.txt");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let inputs = vec![input("in", &text)];
        let size = LONGEST_LINE + 1;
        let report = runtime.block_on(report(inputs, size, Some(&path))).to_string();

        let file = std::fs::read(path).unwrap();
        let mut bad_lines = 0;
        for entry in file.split(|byte| *byte == b'\n').filter(|entry| !entry.is_empty()) {
            let mut fields = entry.splitn(3, |byte| *byte == b'\t');
            let place = str::from_utf8(fields.next().unwrap()).unwrap();
            let number: usize = place.strip_prefix("in:").unwrap().parse().unwrap();
            prop_assert!(!fields.next().unwrap().is_empty());
            prop_assert_eq!(fields.next().unwrap(), lines[number - 1]);
            bad_lines += 1;
        }
        let good = lines.iter().filter(|line| parse(line).is_ok()).count();
        let expected = format!("{} lines = {good} good + {bad_lines} bad\n", lines.len());
        prop_assert!(report.starts_with(&expected), "{} {}", expected, report);
        prop_assert_eq!(lines.len(), good + bad_lines);
    }
}

/// Lines without end.
struct Endless(Arc<AtomicUsize>);

impl AsyncRead for Endless {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        while buf.remaining() > GOOD.len() {
            buf.put_slice(GOOD);
            buf.put_slice(b"\n");
        }
        let rest = buf.remaining();
        buf.put_slice(&b"\n".repeat(rest));
        self.0.fetch_add(1, Ordering::Relaxed);
        std::task::Poll::Ready(Ok(()))
    }
}

/// No stage stores without limit: if the service does not answer, the reading stops.
#[tokio::test(start_paused = true)]
async fn a_service_that_hangs_stops_the_reading() {
    let reads = Arc::new(AtomicUsize::new(0));
    let source = Source::Other(Box::new(Endless(Arc::clone(&reads))));
    let inputs = vec![Input {
        name: "endless".to_owned(),
        source,
    }];
    let hanging: Service = Arc::new(|_| std::future::pending::<Result<_, Refused>>().boxed());
    let options = Options {
        bad: None,
        top: 5,
        jobs: 2,
        lookups: 10,
    };
    let run = run(Vec::new(), chunks(inputs, 1000), hanging, &options);
    assert!(timeout(Duration::from_secs(5), run).await.is_err());
    // Eight batches wait for the service, and at most two are parsed or parsing.
    let reads = reads.load(Ordering::Relaxed);
    assert!((8..=10).contains(&reads), "{reads}");
}

/// Why the pipeline carries its errors through `buffered`: what was read before one is not lost.
#[tokio::test(start_paused = true)]
async fn try_buffered_tells_of_an_error_before_what_came_before_it() {
    let job = |number: u32| async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok::<u32, &str>(number)
    };
    let source = || stream::iter([Ok(1), Ok(2), Err("broken")]);

    let overtaken: Vec<_> = source().map_ok(job).try_buffered(3).collect().await;
    assert_eq!(overtaken[0], Err("broken"));

    let in_order = source().map(|number| async move { job(number?).await });
    let in_order: Vec<_> = in_order.buffered(3).collect().await;
    assert_eq!(in_order, [Ok(1), Ok(2), Err("broken")]);
}
