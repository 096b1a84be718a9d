//! The pipeline: read, parse, look up, add up.
//!
//! ```text
//! chunks ──> parse, in parallel ──> countries, asked at once ──> report
//!            .map().buffered()      .map().buffered()
//! ```
//!
//! Nothing here pushes. The loop at the end asks the last stream for a batch, that one asks the
//! stream before it, and so on up to the file. Each stage holds a fixed number of batches, so the
//! memory does not depend on the size of the input.

use std::pin::pin;

use futures::StreamExt as _;
use tokio::task::spawn_blocking;

use crate::bad::BadFile;
use crate::batch::Batch;
use crate::chunks::{Broken, Chunk, Chunks};
use crate::countries::{Countries, Country, Service};
use crate::report::Report;

/// How many batches may wait for their countries, for each one that is parsed. A lookup takes up to
/// 20 ms, and in this time a core parses about eight chunks: with fewer places, the cores would wait
/// for the network.
const WAITING: usize = 4;

/// How the pipeline is to run.
pub(crate) struct Options {
    /// The file in which bad lines are set aside; `-` is standard output.
    pub(crate) bad: Option<String>,
    /// How many pages the report lists.
    pub(crate) top: usize,
    /// How many chunks are parsed at the same time. More than one for each core: one that is done
    /// keeps its place until those before it are done.
    pub(crate) jobs: usize,
    /// How many lookups are under way at the same time.
    pub(crate) lookups: usize,
}

/// Reads all chunks and reports on them. If something breaks on the way, the report is of what was
/// read until then, and says so.
///
/// # Errors
///
/// If the file for the bad lines cannot be made, before anything is read.
pub(crate) async fn run(
    names: Vec<String>,
    chunks: Chunks,
    service: Service,
    options: &Options,
) -> Result<Report, String> {
    let mut report = Report::new(names, options.top);
    let mut bad_file = match &options.bad {
        Some(name) => Some(BadFile::create(name).await?),
        None => None,
    };
    let mut countries = Countries::new(service, options.lookups);
    let spare = chunks.spare();

    {
        let batches = chunks
            .stream()
            .map(parse)
            // Ordered, because the number of a line is the number of lines before it.
            .buffered(options.jobs)
            .map(|batch| look_up(batch, &mut countries))
            .buffered(WAITING * options.jobs);
        let mut batches = pin!(batches);
        while let Some(next) = batches.next().await {
            let (mut batch, countries) = match next {
                Ok(next) => next,
                Err(broken) => {
                    report.broken = Some(broken);
                    break;
                }
            };
            // While this waits for the disk, nobody polls `batches`. What is under way in there are
            // threads and tasks, and they go on; only nothing new is begun.
            if let Some(file) = &mut bad_file {
                let before = report.lines_before(&batch);
                if let Err(why) = file.add(report.name(&batch), before, &batch).await {
                    report.broken = Some(Broken::Failed(why));
                    break;
                }
            }
            report.add(&mut batch, &countries);
            let _ = spare.send(batch.bytes); // Nobody fills it again, if all is read.
        }
    }

    if let Some(file) = bad_file
        && let Err(why) = file.finish().await
    {
        report.broken = Some(Broken::Failed(why));
    }
    report.lookups = countries.lookups();
    Ok(report)
}

/// Parses a chunk on a thread for blocking work: this one has lookups to attend to.
async fn parse(chunk: Result<Chunk, Broken>) -> Result<Batch, Broken> {
    let chunk = chunk?;
    let batch = spawn_blocking(move || Batch::of(chunk)).await;
    batch.map_err(|error| Broken::Failed(format!("cannot parse a chunk: {error}")))
}

/// Asks for the countries of a batch: now, in order. The future that it returns waits for them, and
/// many of these futures can wait at a time.
fn look_up(
    batch: Result<Batch, Broken>,
    countries: &mut Countries,
) -> impl Future<Output = Result<(Batch, Vec<Country>), Broken>> + use<> {
    let asked = batch.map(|batch| (countries.of(&batch.clients), batch));
    async {
        let (countries, batch) = asked?;
        Ok((batch, countries.await))
    }
}
