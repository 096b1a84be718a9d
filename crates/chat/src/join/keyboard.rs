//! Lines of the standard input, read by a thread of its own.
//!
//! Not `tokio::io::stdin()`: that reads on a thread of the runtime's pool, and at its end the runtime
//! waits for this thread, which waits for somebody to press Enter. For a thread of ours nobody waits.

use std::io::{self, BufRead, Read as _};
use std::thread;

use tokio::sync::mpsc;

/// The longest line that is read whole, in bytes. What is longer cannot be sent anyway; its rest is
/// thrown away, so that an endless line takes no more memory than this.
const LONGEST: u64 = 64 * 1024;

/// The lines of the standard input, without their ends. `None` follows the last one.
///
/// At most one is read ahead: whoever writes into our pipe waits while the server does not take more.
pub(super) fn lines() -> mpsc::Receiver<String> {
    let (tx, rx) = mpsc::channel(1);
    // If there can be no thread, there is nothing to read: `tx` is dropped, and `None` follows.
    let _ = thread::Builder::new()
        .name("keyboard".into())
        .spawn(move || {
            let mut input = io::stdin().lock();
            while let Ok(Some(line)) = next_line(&mut input) {
                if tx.blocking_send(line).is_err() {
                    return;
                }
            }
        });
    rx
}

/// `None` at the end.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if input.take(LONGEST).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    } else {
        skip_line(input)?;
    }
    // A terminal may be set to another encoding. What it is then is shown to everyone as `�`.
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let here = input.fill_buf()?;
        let (used, found) = match here.iter().position(|&byte| byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (here.len(), here.is_empty()),
        };
        input.consume(used);
        if found {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut input: &[u8]) -> Vec<String> {
        std::iter::from_fn(|| next_line(&mut input).unwrap()).collect()
    }

    #[test]
    fn lines_end_as_on_any_system() {
        assert_eq!(all(b"one\ntwo\r\n\nlast"), ["one", "two", "", "last"]);
        assert_eq!(all(b""), [""; 0]);
        assert_eq!(all(b"\xffa\n"), ["\u{fffd}a"]);
    }

    #[test]
    fn an_endless_line_is_cut() {
        let mut input = vec![b'a'; 300_000];
        input.extend(b"\nnext\n");
        let lines = all(&input);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].len() as u64, LONGEST);
        assert_eq!(lines[1], "next");
    }
}
