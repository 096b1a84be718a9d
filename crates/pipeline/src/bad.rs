//! Where bad lines are set aside.

use std::io;

use tokio::fs::File;
use tokio::io::{AsyncWrite, AsyncWriteExt as _, BufWriter};

use crate::batch::Batch;
use crate::chunks::Shape;
use crate::record::Bad;

/// A file with a line for each bad line: where it was and what is wrong with it, a tab, and its
/// bytes as they came.
///
/// `cut -f3-` gives the bad lines alone, so that what was repaired can be read again.
pub(crate) struct BadFile {
    /// What people call it.
    name: String,
    file: BufWriter<Box<dyn AsyncWrite + Unpin>>,
    /// Whether the last line in it is not complete.
    in_a_line: bool,
}

impl BadFile {
    /// Makes the file, or empties it; `-` is standard output.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) async fn create(name: &str) -> Result<Self, String> {
        let file: Box<dyn AsyncWrite + Unpin> = match name {
            "-" => Box::new(tokio::io::stdout()),
            path => Box::new(File::create(path).await.map_err(|e| cannot(path, &e))?),
        };
        Ok(Self {
            name: name.to_owned(),
            file: BufWriter::with_capacity(64 * 1024, file),
            in_a_line: false,
        })
    }

    /// Adds the bad lines of a batch of the input `name`, of which `before` lines came earlier.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub(crate) async fn add(
        &mut self,
        name: &str,
        before: u64,
        batch: &Batch,
    ) -> Result<(), String> {
        let written = self.write(name, before, batch).await;
        written.map_err(|error| cannot(&self.name, &error))
    }

    async fn write(&mut self, name: &str, before: u64, batch: &Batch) -> io::Result<()> {
        if let Shape::Part { first, last } = batch.shape {
            if first {
                let head = head(name, before + 1, Bad::TooLong);
                self.file.write_all(head.as_bytes()).await?;
            }
            let line = batch.bytes.strip_suffix(b"\n").unwrap_or(&batch.bytes);
            self.file.write_all(line).await?;
            self.in_a_line = true;
            if last {
                self.end_line().await?;
            }
        }
        for (line, bad, bytes) in batch.bad_lines() {
            let head = head(name, before + line, bad);
            self.file.write_all(head.as_bytes()).await?;
            self.file.write_all(bytes).await?;
            self.file.write_all(b"\n").await?;
        }
        Ok(())
    }

    async fn end_line(&mut self) -> io::Result<()> {
        if self.in_a_line {
            self.file.write_all(b"\n").await?;
            self.in_a_line = false;
        }
        Ok(())
    }

    /// Writes what is still in memory. Only now it is known that everything is in the file: `write`
    /// hands the bytes to a thread, and it is a later call that hears of an error.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub(crate) async fn finish(mut self) -> Result<(), String> {
        let ended = self.end_line().await;
        let written = match ended {
            Ok(()) => self.file.flush().await,
            error => error,
        };
        written.map_err(|error| cannot(&self.name, &error))
    }
}

fn cannot(name: &str, error: &io::Error) -> String {
    format!("cannot write {name}: {error}")
}

fn head(name: &str, line: u64, bad: Bad) -> String {
    format!("{name}:{line}\t{}\t", bad.name())
}
