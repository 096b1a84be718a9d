//! Reads inputs of any size in pieces of whole lines.
//!
//! A task for each line would cost more than the line. A *chunk* of half a megabyte has some
//! thousands of lines, and what a task, a thread and a wake-up cost is divided by as many.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};

use futures::{Stream, stream};
use indicatif::ProgressBar;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio_util::sync::CancellationToken;

use crate::record::LONGEST_LINE;

/// How many bytes a chunk has at most.
pub(crate) const CHUNK: usize = 512 * 1024;

// A line that is longer than a chunk is cut in parts, and each of them must be too long by itself.
const _: () = assert!(LONGEST_LINE < CHUNK);

/// What is read.
pub(crate) struct Input {
    /// What people call it.
    pub(crate) name: String,
    pub(crate) source: Source,
}

pub(crate) enum Source {
    File(PathBuf),
    StandardInput,
    BuiltIn(&'static [u8]),
    #[cfg(test)]
    Other(Box<dyn AsyncRead + Send + Unpin>),
}

/// A piece of one input.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// Which input, counted from 0.
    pub(crate) input: usize,
    pub(crate) shape: Shape,
    pub(crate) bytes: Vec<u8>,
}

/// What a chunk is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Whole lines, each with its line feed. The last one may lack it, at the end of the input.
    Lines,
    /// A part of a line that does not fit into a chunk.
    Part { first: bool, last: bool },
}

/// Why the reading ended before the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// It was told to stop.
    Stopped,
    /// Something is wrong, in one line.
    Failed(String),
}

/// Reads one input after the other.
pub(crate) struct Chunks {
    inputs: std::vec::IntoIter<Input>,
    /// How many inputs were begun.
    begun: usize,
    name: String,
    /// What is read from.
    open: Box<dyn AsyncRead + Send + Unpin>,
    /// Whether the end of it was reached.
    is_over: bool,
    /// Why there will be no more, once that is so.
    broken: Option<Broken>,
    /// What was read and not handed out.
    buffer: Vec<u8>,
    /// Whether `buffer` begins in a line of which a part was handed out.
    in_a_line: bool,
    size: usize,
    /// Chunks come back to be filled again: memory is asked for a few times, not a thousand times.
    spare: (Sender<Vec<u8>>, Receiver<Vec<u8>>),
    stop: CancellationToken,
    progress: ProgressBar,
}

impl Chunks {
    /// Reads `inputs` until `stop` is cancelled, and tells `progress` how many bytes it has read.
    pub(crate) fn new(inputs: Vec<Input>, stop: CancellationToken, progress: ProgressBar) -> Self {
        Self {
            inputs: inputs.into_iter(),
            begun: 0,
            name: String::new(),
            open: Box::new(tokio::io::empty()),
            is_over: true,
            broken: None,
            buffer: Vec::new(),
            in_a_line: false,
            size: CHUNK,
            spare: channel(),
            stop,
            progress,
        }
    }

    /// The same with chunks of another size, so that a test need not have megabytes.
    #[cfg(test)]
    pub(crate) fn of_size(mut self, size: usize) -> Self {
        self.size = size;
        self
    }

    /// Where the memory of a chunk is handed in when the chunk is done with.
    pub(crate) fn spare(&self) -> Sender<Vec<u8>> {
        self.spare.0.clone()
    }

    /// The chunks as a stream. It reads when it is polled, so it reads no faster than somebody takes
    /// what it has read.
    pub(crate) fn stream(self) -> impl Stream<Item = Result<Chunk, Broken>> + Send {
        stream::try_unfold(self, |mut chunks| async {
            let chunk = chunks.next().await?;
            Ok(chunk.map(|chunk| (chunk, chunks)))
        })
    }

    /// The next chunk, or `None` at the end of the last input.
    async fn next(&mut self) -> Result<Option<Chunk>, Broken> {
        loop {
            if self.broken.is_none() {
                if self.is_over && self.buffer.is_empty() && !self.open_next().await? {
                    return Ok(None);
                }
                self.fill().await;
            }
            // What was read before it broke is handed out, up to the last whole line.
            if let Some(chunk) = self.cut() {
                return Ok(Some(chunk));
            }
            if let Some(broken) = self.broken.take() {
                return Err(broken);
            }
        }
    }

    async fn open_next(&mut self) -> Result<bool, Broken> {
        let Some(input) = self.inputs.next() else {
            return Ok(false);
        };
        self.begun += 1;
        self.name = input.name;
        self.is_over = false;
        self.open = match input.source {
            Source::File(path) => match File::open(path).await {
                Ok(file) => Box::new(file),
                Err(error) => return Err(self.cannot_read(&error)),
            },
            Source::StandardInput => Box::new(tokio::io::stdin()),
            Source::BuiltIn(bytes) => Box::new(bytes),
            #[cfg(test)]
            Source::Other(open) => open,
        };
        Ok(true)
    }

    /// Reads until the buffer is full, or the input ends, or something breaks.
    async fn fill(&mut self) {
        self.buffer.reserve_exact(self.size - self.buffer.len());
        while self.buffer.len() < self.size && !self.is_over {
            // Asked here as well: `run_until_cancelled` polls the read first, and what is always
            // ready would never be stopped.
            if self.stop.is_cancelled() {
                self.broken = Some(Broken::Stopped);
                return;
            }
            let room = self.size - self.buffer.len();
            let mut room = (&mut self.open).take(room as u64);
            // `read_buf` is cancel safe: dropped, it has read nothing. So what was read before is
            // in the buffer, however long the next byte takes to come.
            let read = self
                .stop
                .run_until_cancelled(room.read_buf(&mut self.buffer));
            match read.await {
                Some(Ok(0)) => self.is_over = true,
                Some(Ok(read)) => self.progress.inc(read as u64),
                Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Some(Err(error)) => {
                    self.broken = Some(self.cannot_read(&error));
                    return;
                }
                None => {}
            }
        }
    }

    fn cannot_read(&self, error: &io::Error) -> Broken {
        Broken::Failed(format!("cannot read {}: {error}", self.name))
    }

    /// Takes from the buffer what can be handed out.
    fn cut(&mut self) -> Option<Chunk> {
        let (first, len) = (!self.in_a_line, self.buffer.len());
        let (end, shape) = if self.in_a_line {
            let end = memchr::memchr(b'\n', &self.buffer).map(|at| at + 1);
            let last = end.is_some() || self.is_over;
            (end.unwrap_or(len), Shape::Part { first, last })
        } else if self.is_over {
            (len, Shape::Lines)
        } else {
            match memchr::memrchr(b'\n', &self.buffer) {
                Some(at) => (at + 1, Shape::Lines),
                None if len == self.size => (len, Shape::Part { first, last: false }),
                None => return None,
            }
        };
        let ends_a_line = matches!(shape, Shape::Part { last: true, .. });
        if end == 0 && !ends_a_line {
            return None;
        }
        self.in_a_line = matches!(shape, Shape::Part { last: false, .. });
        let mut next = self.spare.1.try_recv().unwrap_or_default();
        next.clear();
        next.reserve_exact(self.size);
        next.extend_from_slice(&self.buffer[end..]);
        self.buffer.truncate(end);
        Some(Chunk {
            input: self.begun - 1,
            shape,
            bytes: std::mem::replace(&mut self.buffer, next),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io::Error;
    use std::pin::pin;
    use std::task::Poll;

    use futures::StreamExt as _;
    use tokio::io::{AsyncWriteExt as _, ReadBuf, duplex};

    use super::*;

    /// Gives what it has in pieces of at most so many bytes, and then perhaps an error.
    struct Trickle {
        bytes: VecDeque<u8>,
        piece: usize,
        error: Option<Error>,
    }

    impl AsyncRead for Trickle {
        fn poll_read(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let most = self.piece.min(buf.remaining());
            let most = most.min(self.bytes.len());
            let piece: Vec<u8> = self.bytes.drain(..most).collect();
            buf.put_slice(&piece);
            match self.error.take_if(|_| piece.is_empty()) {
                Some(error) => Poll::Ready(Err(error)),
                None => Poll::Ready(Ok(())),
            }
        }
    }

    fn trickle(bytes: &[u8], piece: usize, error: Option<Error>) -> Input {
        other(Trickle {
            bytes: VecDeque::from(bytes.to_vec()),
            piece,
            error,
        })
    }

    fn other(open: impl AsyncRead + Send + Unpin + 'static) -> Input {
        Input {
            name: "input".to_owned(),
            source: Source::Other(Box::new(open)),
        }
    }

    fn chunks(inputs: Vec<Input>, size: usize) -> Chunks {
        let progress = ProgressBar::hidden();
        Chunks::new(inputs, CancellationToken::new(), progress).of_size(size)
    }

    /// The chunks, and how it ended.
    async fn all(chunks: Chunks) -> (Vec<Chunk>, Result<(), Broken>) {
        let mut found = Vec::new();
        let mut stream = pin!(chunks.stream());
        while let Some(chunk) = stream.next().await {
            match chunk {
                Ok(chunk) => found.push(chunk),
                Err(broken) => return (found, Err(broken)),
            }
        }
        (found, Ok(()))
    }

    fn bytes(chunks: &[Chunk]) -> Vec<u8> {
        chunks
            .iter()
            .flat_map(|chunk| chunk.bytes.clone())
            .collect()
    }

    /// All sizes of chunks and reads give the same lines, and no chunk is larger than it may be.
    #[tokio::test]
    async fn a_line_is_whole_or_in_parts_wherever_it_is_cut() {
        let texts: [&[u8]; 7] = [
            b"",
            b"a",
            b"\n",
            b"\n\n\n",
            b"one\ntwo\nthree\n",
            b"short\na line that is longer than most chunks\nshort\n\nlast",
            b"no line feed at all",
        ];
        for text in texts {
            for (size, piece) in (1..30).flat_map(|size| [(size, 1), (size, 3), (size, 100)]) {
                let inputs = vec![trickle(text, piece, None), trickle(text, piece, None)];
                let (found, end) = all(chunks(inputs, size)).await;
                assert_eq!(end, Ok(()));
                assert_eq!(bytes(&found), [text, text].concat(), "{size} {piece}");
                let mut in_a_line = false;
                for (place, chunk) in found.iter().enumerate() {
                    assert!(chunk.bytes.len() <= size);
                    let next = found.get(place + 1);
                    let ends_input = next.is_none_or(|next| next.input != chunk.input);
                    match chunk.shape {
                        Shape::Lines => {
                            assert!(!in_a_line && !chunk.bytes.is_empty());
                            assert!(chunk.bytes.ends_with(b"\n") || ends_input);
                        }
                        Shape::Part { first, last } => {
                            assert_eq!(first, !in_a_line);
                            let feeds = memchr::memchr_iter(b'\n', &chunk.bytes).count();
                            assert_eq!(feeds == 1 || ends_input, last);
                            in_a_line = !last;
                        }
                    }
                    assert!(!(ends_input && in_a_line));
                }
            }
        }
    }

    #[tokio::test]
    async fn memory_is_that_of_the_chunks() {
        let text = "a line\n".repeat(1000);
        let mut chunks = chunks(vec![trickle(text.as_bytes(), 50, None)], 64);
        let spare = chunks.spare();
        let mut addresses = std::collections::BTreeSet::new();
        while let Some(chunk) = chunks.next().await.unwrap() {
            assert_eq!(chunk.bytes.capacity(), 64);
            addresses.insert(chunk.bytes.as_ptr());
            spare.send(chunk.bytes).unwrap();
        }
        // The one that is being filled, and the one that was handed out.
        assert!(addresses.len() <= 3, "{}", addresses.len());
    }

    #[tokio::test]
    async fn what_was_read_before_an_error_is_handed_out() {
        let error = Error::other("the disk is on fire");
        let inputs = vec![trickle(b"one\ntwo\nthr", 5, Some(error))];
        let (found, end) = all(chunks(inputs, 100)).await;
        assert_eq!(bytes(&found), b"one\ntwo\n");
        let why = "cannot read input: the disk is on fire".to_owned();
        assert_eq!(end, Err(Broken::Failed(why)));
    }

    #[tokio::test(start_paused = true)]
    async fn told_to_stop_while_it_waits_it_hands_out_the_whole_lines() {
        let (mut writer, reader) = duplex(100);
        writer.write_all(b"one\ntwo\nthr").await.unwrap();
        let stop = CancellationToken::new();
        let chunks = Chunks::new(
            vec![other(reader), trickle(b"never", 9, None)],
            stop.clone(),
            ProgressBar::hidden(),
        );
        tokio::spawn(async move {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            stop.cancel();
        });
        let (found, end) = all(chunks).await;
        assert_eq!(bytes(&found), b"one\ntwo\n");
        assert_eq!(end, Err(Broken::Stopped));
        drop(writer);
    }

    #[tokio::test]
    async fn told_to_stop_too_late_it_has_read_everything() {
        let mut chunks = chunks(vec![trickle(b"one\n", 9, None)], 100);
        assert!(chunks.next().await.unwrap().is_some());
        chunks.stop.cancel();
        assert!(chunks.next().await.unwrap().is_none());
    }
}
