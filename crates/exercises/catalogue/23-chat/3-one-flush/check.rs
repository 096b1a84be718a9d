use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use exercises::{check, same, wrong};
use futures::StreamExt as _;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::exercise::write;

/// Counts the writes to the socket that took something.
struct Counted {
    socket: DuplexStream,
    writes: Rc<Cell<usize>>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        if matches!(written, Poll::Ready(Ok(_))) {
            self.writes.set(self.writes.get() + 1);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[derive(Default)]
struct Written {
    texts: Vec<String>,
    /// How long after it was put into the queue the last text of each burst arrived.
    late: Vec<Duration>,
    is_closed: bool,
    writes: usize,
}

/// Puts bursts of texts into the queue, ten seconds apart.
async fn written(bursts: &[usize]) -> Written {
    let (here, there) = tokio::io::duplex(1 << 20);
    let writes = Rc::new(Cell::new(0));
    let socket = Counted {
        socket: here,
        writes: writes.clone(),
    };
    let socket = WebSocketStream::from_raw_socket(socket, Role::Server, None).await;
    let mut guest = WebSocketStream::from_raw_socket(there, Role::Client, None).await;
    let (queue, texts) = mpsc::channel(2000);
    let begin = Instant::now();
    let filling = async {
        let mut number = 0;
        for burst in bursts {
            for _ in 0..*burst {
                let _ = queue.try_send(number.to_string());
                number += 1;
            }
            sleep(Duration::from_secs(10)).await;
        }
        drop(queue);
    };
    let reading = async {
        let (mut written, mut times) = (Written::default(), Vec::new());
        while let Some(Ok(message)) = guest.next().await {
            match message {
                Message::Text(text) => {
                    written.texts.push(text.to_string());
                    times.push(begin.elapsed());
                }
                Message::Close(_) => written.is_closed = true,
                _ => {}
            }
        }
        (written, times)
    };
    let writing = async {
        // The first burst waits already when the writer begins.
        sleep(Duration::from_millis(1)).await;
        write(texts, socket).await
    };
    let ((), result, (mut written, times)) = tokio::join!(filling, writing, reading);
    same("whether `write` ended well", result.is_ok(), true);
    let mut last = 0;
    for (index, burst) in bursts.iter().enumerate() {
        last += burst;
        let said = Duration::from_secs(10) * u32::try_from(index).unwrap();
        if let Some(time) = times.get(last.wrapping_sub(1)) {
            written.late.push(time.saturating_sub(said));
        }
    }
    written.writes = writes.get();
    written
}

fn must_be_complete(written: &Written, texts: usize) {
    same(
        "whether the texts have come in order, each once",
        written
            .texts
            .iter()
            .cloned()
            .eq((0..texts).map(|number| number.to_string())),
        true,
    );
    same("whether the connection was closed", written.is_closed, true);
}

#[test]
fn what_waits_is_written_at_once() {
    check(async {
        let written = written(&[1000]).await;
        must_be_complete(&written, 1000);
        if written.writes >= 1000 {
            wrong(
                "send-only-queues",
                format!(
                    "1000 texts waited in the queue, and there were {} writes to the socket.",
                    written.writes
                ),
            );
        }
        assert!(
            written.writes <= 12,
            "1000 texts waited in the queue, and there were {} writes to the socket. With one for \
             what waits there are two or three, and one for the close.",
            written.writes
        );
    });
}

#[test]
fn a_text_that_comes_alone_does_not_wait() {
    check(async {
        let written = written(&[1, 3, 1]).await;
        let late = written.late.iter().max().copied().unwrap_or_default();
        assert!(
            late <= Duration::from_secs(1),
            "A text was put into the queue, alone, and arrived {:.0} s later.",
            late.as_secs_f64()
        );
        must_be_complete(&written, 5);
    });
}

#[test]
fn bursts_of_any_size_arrive_when_they_are_said() {
    check(async {
        let written = written(&[50, 20, 130]).await;
        let late = written.late.iter().max().copied().unwrap_or_default();
        if late > Duration::from_secs(1) {
            let belief = if written
                .late
                .first()
                .is_some_and(|late| *late < Duration::from_secs(1))
            {
                "a-batch-has-a-size"
            } else {
                "feed-writes-in-the-end"
            };
            wrong(
                belief,
                format!(
                    "Of bursts of 50, 20 and 130 texts, a text arrived {:.0} s after it was said.",
                    late.as_secs_f64()
                ),
            );
        }
        must_be_complete(&written, 200);
    });
}

#[test]
fn an_empty_queue_closes_the_connection() {
    check(async {
        must_be_complete(&written(&[]).await, 0);
    });
}
