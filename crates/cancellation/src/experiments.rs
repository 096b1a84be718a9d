//! What the laboratory is asked: eight operations, and what must not be lost.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use cancellation::{Cut, Report, drop_at_every_await};
use futures::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::{Mutex, mpsc};
use tokio::task::yield_now;
use tokio_util::codec::{FramedRead, LengthDelimitedCodec};

/// What an experiment finds: nothing missing, or what is.
type Verdict = Result<(), String>;

/// Every operation, dropped at each of its awaits.
pub(crate) async fn all() -> Vec<Report> {
    vec![
        drop_at_every_await("send", async |cut| messages(cut, send_all).await).await,
        drop_at_every_await("reserve, then send", async |cut| {
            messages(cut, reserve_and_send_all).await
        })
        .await,
        drop_at_every_await("receive", receive).await,
        drop_at_every_await("read exactly", read_exactly).await,
        drop_at_every_await("framed read", framed_read).await,
        drop_at_every_await("lock", lock).await,
        drop_at_every_await("transfer", async |cut| money(cut, transfer).await).await,
        drop_at_every_await("transfer at once", async |cut| {
            money(cut, transfer_at_once).await
        })
        .await,
    ]
}

/// `send` takes the message, so it leaves the outbox first. Dropped, the future takes it along.
async fn send_all(sender: &mpsc::Sender<String>, outbox: &mut VecDeque<String>) {
    while let Some(message) = outbox.pop_front() {
        if sender.send(message).await.is_err() {
            return;
        }
    }
}

/// Waits for a place with empty hands. What follows the await does not wait.
async fn reserve_and_send_all(sender: &mpsc::Sender<String>, outbox: &mut VecDeque<String>) {
    while !outbox.is_empty() {
        let Ok(place) = sender.reserve().await else {
            return;
        };
        if let Some(message) = outbox.pop_front() {
            place.send(message);
        }
    }
}

/// Two messages through a channel with one place: the second has to wait for the receiver.
/// Each message must arrive, or be in the outbox still.
async fn messages(
    cut: &Cut,
    operation: impl AsyncFn(&mpsc::Sender<String>, &mut VecDeque<String>),
) -> Verdict {
    let messages = ["one", "two"].map(String::from);
    let mut outbox = VecDeque::from(messages.clone());
    let (sender, mut receiver) = mpsc::channel(1);
    let sending = async {
        cut.run(operation(&sender, &mut outbox)).await;
        drop(sender); // so that the receiver's loop ends
    };
    let receiving = async {
        let mut inbox = Vec::new();
        yield_now().await;
        while let Some(message) = receiver.recv().await {
            inbox.push(message);
        }
        inbox
    };
    let ((), mut found) = tokio::join!(biased; sending, receiving);
    found.extend(outbox);
    if found == messages {
        Ok(())
    } else {
        Err("loses its message".to_owned())
    }
}

/// The message must have been received, or be in the channel still.
async fn receive(cut: &Cut) -> Verdict {
    let (sender, mut receiver) = mpsc::channel(1);
    let send = async move {
        yield_now().await;
        sender.send(1).await.is_ok()
    };
    let (message, _) = tokio::join!(biased; cut.run(receiver.recv()), send);
    match message.flatten().or(receiver.recv().await) {
        Some(1) => Ok(()),
        _ => Err("loses its message".to_owned()),
    }
}

const MESSAGE: &[u8; 8] = b"good day";

/// One end of a connection on which `bytes` arrive in pieces of three, each a little later.
fn arriving(bytes: Vec<u8>) -> (DuplexStream, impl Future<Output = ()>) {
    let (mut theirs, ours) = duplex(64);
    let writing = async move {
        for piece in bytes.chunks(3) {
            yield_now().await;
            if theirs.write_all(piece).await.is_err() {
                return;
            }
        }
    };
    (ours, writing)
}

/// Reads eight bytes into an array of its own. The rest must be found in the connection.
async fn read_exactly(cut: &Cut) -> Verdict {
    let (mut connection, writing) = arriving(MESSAGE.to_vec());
    let reading = async {
        let read = cut.run(async {
            let mut message = [0; 8];
            connection.read_exact(&mut message).await.map(|_| message)
        });
        if let Some(Ok(message)) = read.await {
            return message.to_vec();
        }
        // Dropped. What can the next one still read?
        let mut rest = Vec::new();
        let _ = connection.read_to_end(&mut rest).await;
        rest
    };
    let (found, ()) = tokio::join!(biased; reading, writing);
    match MESSAGE.len() - found.len() {
        0 => Ok(()),
        lost => Err(format!("loses {lost} bytes")),
    }
}

/// The same eight bytes, with their length in four bytes before them. `FramedRead` collects what
/// has arrived in a buffer of its own, which outlives the future that `next` returns.
async fn framed_read(cut: &Cut) -> Verdict {
    let mut frame = vec![0, 0, 0, 8];
    frame.extend(MESSAGE);
    let (connection, writing) = arriving(frame);
    let mut frames = FramedRead::new(connection, LengthDelimitedCodec::new());
    let reading = async {
        match cut.run(frames.next()).await {
            Some(frame) => frame,
            None => frames.next().await,
        }
    };
    match tokio::join!(biased; reading, writing) {
        (Some(Ok(message)), ()) if message[..] == MESSAGE[..] => Ok(()),
        _ => Err("loses its message".to_owned()),
    }
}

/// Two want the lock. Whoever asked first must get it first.
async fn lock(cut: &Cut) -> Verdict {
    let lock = Mutex::new(());
    let (asked, got) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
    let ask = async |name| {
        if !asked.borrow().contains(&name) {
            asked.borrow_mut().push(name);
        }
        let guard = lock.lock().await;
        got.borrow_mut().push(name);
        guard
    };
    let held = lock.lock().await;
    let release = async {
        yield_now().await;
        drop(held);
    };
    let ours = async {
        if cut.run(ask("ours")).await.is_none() {
            yield_now().await; // something else is done first, as in the loop of a `select!`
            drop(ask("ours").await);
        }
    };
    let theirs = async {
        drop(ask("theirs").await);
    };
    tokio::join!(biased; ours, theirs, release);
    if asked == got {
        Ok(())
    } else {
        Err("loses its place in the queue".to_owned())
    }
}

/// Two steps with an await between them.
async fn transfer(from: &Cell<u32>, to: &Cell<u32>) {
    from.set(from.get() - 50);
    write_to_journal().await;
    to.set(to.get() + 50);
}

/// Every await first, then both steps: between them nobody can drop the future.
async fn transfer_at_once(from: &Cell<u32>, to: &Cell<u32>) {
    write_to_journal().await;
    from.set(from.get() - 50);
    to.set(to.get() + 50);
}

/// Stands in for a database.
async fn write_to_journal() {
    yield_now().await;
}

async fn money(cut: &Cut, operation: impl AsyncFn(&Cell<u32>, &Cell<u32>)) -> Verdict {
    let (from, to) = (Cell::new(100), Cell::new(100));
    cut.run(operation(&from, &to)).await;
    match from.get() + to.get() {
        200 => Ok(()),
        sum => Err(format!("loses {} of the money", 200 - sum)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message so far, kept where dropping a future does not reach it.
    struct Messages {
        connection: DuplexStream,
        buffer: Vec<u8>,
    }

    impl Messages {
        async fn next(&mut self) -> Option<Vec<u8>> {
            while self.buffer.len() < MESSAGE.len() {
                if self.connection.read_buf(&mut self.buffer).await.ok()? == 0 {
                    return None;
                }
            }
            Some(self.buffer.drain(..MESSAGE.len()).collect())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_buffer_of_ones_own_loses_nothing() {
        let report = drop_at_every_await("own buffer", async |cut| {
            let (connection, writing) = arriving(MESSAGE.to_vec());
            let mut messages = Messages {
                connection,
                buffer: Vec::new(),
            };
            let reading = async {
                match cut.run(messages.next()).await {
                    Some(message) => message,
                    None => messages.next().await,
                }
            };
            let (message, ()) = tokio::join!(biased; reading, writing);
            match message {
                Some(message) if message == MESSAGE => Ok(()),
                _ => Err("loses its message".to_owned()),
            }
        });
        let report = report.await.to_string();
        assert_eq!(report, "own buffer         keeps everything (3 awaits)");
    }

    #[tokio::test(start_paused = true)]
    async fn write_all_tried_again_says_things_twice() {
        let report = drop_at_every_await("write all", async |cut| {
            // Three bytes fit; then it waits for the reader.
            let (mut ours, mut theirs) = duplex(3);
            let writing = async move {
                if cut.run(ours.write_all(MESSAGE)).await.is_none() {
                    let _ = ours.write_all(MESSAGE).await;
                }
            };
            let reading = async {
                let mut found = Vec::new();
                yield_now().await;
                let _ = theirs.read_to_end(&mut found).await;
                found
            };
            let ((), found) = tokio::join!(biased; writing, reading);
            match found.len() - MESSAGE.len() {
                0 => Ok(()),
                more => Err(format!("says {more} bytes twice")),
            }
        });
        let expected = "write all          says 3 bytes twice if dropped at await 1, \
                        says 6 bytes twice if dropped at await 2";
        assert_eq!(report.await.to_string(), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn what_each_operation_loses() {
        let table: Vec<String> = all().await.iter().map(Report::to_string).collect();
        let expected = [
            "send               loses its message if dropped at await 1",
            "reserve, then send keeps everything (1 await)",
            "receive            keeps everything (1 await)",
            "read exactly       loses 3 bytes if dropped at await 2, loses 6 bytes if dropped at await 3",
            "framed read        keeps everything (4 awaits)",
            "lock               loses its place in the queue if dropped at await 1",
            "transfer           loses 50 of the money if dropped at await 1",
            "transfer at once   keeps everything (1 await)",
        ];
        assert_eq!(table, expected);
    }
}
