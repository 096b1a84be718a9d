//! Trades of a CSV file, in the order of its lines.
//!
//! The header is `time,symbol,price,volume`. A time is RFC 3339 or milliseconds since 1970
//! ([`crate::time::parse`]); price and volume are positive decimal numbers. Blank lines and lines
//! that begin with `#` say nothing. Any other line that is no trade is counted, and the first one is
//! kept with its number: one bad line among a million is no reason to lose the rest.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use tokio::fs::File;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::time;
use crate::trade::{Symbol, Trade, decimal};

/// The first line of a file.
pub const HEADER: &str = "time,symbol,price,volume";

/// The longest line in bytes. Without a limit, a file without line ends would fill the memory.
const LONGEST: usize = 1000;

/// How many symbols a file may have: each costs memory until the end.
const MOST_SYMBOLS: usize = 1000;

/// Why a file cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be read.
    #[error("cannot read {file}: {why}")]
    Io {
        /// As it was named.
        file: String,
        /// What the system says.
        why: io::Error,
    },
    /// It has another header than [`HEADER`], or none.
    #[error("{file} does not begin with the header {HEADER}")]
    Header {
        /// As it was named.
        file: String,
    },
}

/// Lines that were no trades.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bad {
    /// How many.
    pub lines: u64,
    /// The first one: its number, counted from 1, and what is wrong with it.
    pub first: Option<(u64, String)>,
}

/// A file that is being read.
#[derive(Debug)]
pub struct Replay {
    file: BufReader<File>,
    line: Vec<u8>,
    line_number: u64,
    delivered: u64,
    symbols: BTreeSet<Symbol>,
    bad: Bad,
}

impl Replay {
    /// Opens a file, and reads its header.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or has another header.
    pub async fn open(file: &str) -> Result<Self, OpenError> {
        let failed = |why| OpenError::Io {
            file: file.to_owned(),
            why,
        };
        let mut replay = Self {
            file: BufReader::with_capacity(
                64 * 1024,
                File::open(Path::new(file)).await.map_err(failed)?,
            ),
            line: Vec::new(),
            line_number: 0,
            delivered: 0,
            symbols: BTreeSet::new(),
            bad: Bad::default(),
        };
        replay.next_line().await.map_err(failed)?;
        // Some programs put an invisible mark at the beginning of a file.
        if replay.line.starts_with("\u{feff}".as_bytes()) {
            replay.line.drain(..3);
        }
        while says_nothing(&replay.line) && replay.next_line().await.map_err(failed)? {}
        if trim(&replay.line) != HEADER.as_bytes() {
            return Err(OpenError::Header {
                file: file.to_owned(),
            });
        }
        Ok(replay)
    }

    /// The next trade; `None` at the end of the file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read any further.
    pub async fn next(&mut self) -> io::Result<Option<Trade>> {
        while self.next_line().await? {
            if says_nothing(&self.line) {
                continue;
            }
            match self.parse() {
                Ok(trade) => {
                    self.delivered += 1;
                    return Ok(Some(trade));
                }
                Err(what) => {
                    self.bad.lines += 1;
                    self.bad.first.get_or_insert((self.line_number, what));
                }
            }
        }
        Ok(None)
    }

    /// The lines so far that were no trades.
    #[must_use]
    pub fn bad(&self) -> &Bad {
        &self.bad
    }

    /// Reads a line into `self.line`, without its end and with at most one byte more than is allowed.
    /// Whether there was one.
    async fn next_line(&mut self) -> io::Result<bool> {
        self.line.clear();
        self.line_number += 1;
        let mut is_there = false;
        loop {
            let buffer = self.file.fill_buf().await?;
            if buffer.is_empty() {
                return Ok(is_there);
            }
            is_there = true;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let piece = &buffer[..end.unwrap_or(buffer.len())];
            let room = LONGEST + 1 - self.line.len();
            self.line.extend_from_slice(&piece[..piece.len().min(room)]);
            let used = piece.len() + usize::from(end.is_some());
            self.file.consume(used);
            if end.is_some() {
                return Ok(true);
            }
        }
    }

    fn parse(&mut self) -> Result<Trade, String> {
        if self.line.len() > LONGEST {
            return Err(format!("it is longer than {LONGEST} bytes"));
        }
        let mut fields = trim(&self.line).split(|byte| *byte == b',').map(trim);
        let four = [fields.next(), fields.next(), fields.next(), fields.next()];
        let (&[Some(time), Some(symbol), Some(price), Some(volume)], None) = (&four, fields.next())
        else {
            let found = self.line.split(|byte| *byte == b',').count();
            return Err(format!("expected 4 fields, found {found}"));
        };
        let time = time::parse(time)?;
        let symbol = Symbol::new(symbol)
            .ok_or("a symbol has 1 to 16 letters, digits, dots, hyphens or underscores")?;
        let price = decimal(price, 9).ok_or("the price is no positive number")?;
        let volume = decimal(volume, 12).ok_or("the volume is no positive number")?;
        if !self.symbols.contains(&symbol) {
            if self.symbols.len() == MOST_SYMBOLS {
                return Err(format!("there are already {MOST_SYMBOLS} symbols"));
            }
            self.symbols.insert(symbol);
        }
        Ok(Trade {
            number: self.delivered,
            time,
            // Nobody wrote down when it arrived.
            arrival: time,
            symbol,
            price,
            volume,
        })
    }
}

fn says_nothing(line: &[u8]) -> bool {
    let line = trim(line);
    line.is_empty() || line.starts_with(b"#")
}

/// Without blanks, tabs and carriage returns around it.
fn trim(text: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| b" \t\r\n".contains(byte);
    let start = text.iter().position(|byte| !is_blank(byte));
    let end = text.iter().rposition(|byte| !is_blank(byte));
    match (start, end) {
        (Some(start), Some(end)) => &text[start..=end],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    async fn read(content: &[u8]) -> Result<(Vec<Trade>, Bad), OpenError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        let mut replay = Replay::open(file.path().to_str().unwrap()).await?;
        let mut trades = Vec::new();
        while let Some(trade) = replay.next().await.unwrap() {
            trades.push(trade);
        }
        Ok((trades, replay.bad))
    }

    #[tokio::test]
    async fn a_file_with_everything() {
        let long = "x".repeat(200_000);
        let content = format!(
            "\u{feff}# made by hand\r\n\r\n{HEADER}\r\n1000,ACME,1.5,2\r\n\n# a remark\n \
             2000 , BOLT , 3 , 4 \n{long}\n3000,ACME,0,1\n4000,ACME,1\n5000,ACME,1,1,1\n6000,A B,1,1\n\
             7000,\u{e4},1,1\n8000,ACME,1,-1\nnoon,ACME,1,1\n9000,ACME,2,1"
        );
        let (trades, bad) = read(content.as_bytes()).await.unwrap();
        let seen: Vec<_> = trades.iter().map(|t| (t.number, t.time, t.price)).collect();
        assert_eq!(
            seen,
            [(0, 1000, 15_000), (1, 2000, 30_000), (2, 9000, 20_000)]
        );
        assert_eq!(bad.lines, 8);
        assert_eq!(
            bad.first,
            Some((8, "it is longer than 1000 bytes".to_owned()))
        );
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_line() {
        for (line, expected) in [
            ("1000,ACME,1", "expected 4 fields, found 3"),
            ("1000,ACME,1,1,", "expected 4 fields, found 5"),
            (
                "1000,,1,1",
                "a symbol has 1 to 16 letters, digits, dots, hyphens or underscores",
            ),
            (
                "-1,ACME,1,1",
                "the time is neither RFC 3339 nor milliseconds since 1970",
            ),
            ("1000,ACME,\"1\",1", "the price is no positive number"),
            ("1000,ACME,1,0", "the volume is no positive number"),
        ] {
            let content = format!("{HEADER}\n{line}\n");
            let (trades, bad) = read(content.as_bytes()).await.unwrap();
            assert_eq!(trades, []);
            assert_eq!(bad.first, Some((2, expected.to_owned())), "{line}");
        }
    }

    #[tokio::test]
    async fn at_most_a_thousand_symbols() {
        let lines: String = (0..1002)
            .map(|n| format!("1,S{n},1,1\n2,S0,1,1\n"))
            .collect();
        let (trades, bad) = read(format!("{HEADER}\n{lines}").as_bytes()).await.unwrap();
        assert_eq!(trades.len(), 1000 + 1002);
        assert_eq!(bad.lines, 2);
        assert_eq!(bad.first.unwrap().1, "there are already 1000 symbols");
    }

    #[tokio::test]
    async fn another_header() {
        for content in ["", "\n", "# nothing\n", "symbol,time\n", "1000,ACME,1,1\n"] {
            let error = read(content.as_bytes()).await.unwrap_err();
            assert!(matches!(error, OpenError::Header { .. }), "{content:?}");
        }
        let missing = Replay::open("no/such/file.csv").await.unwrap_err();
        assert!(
            missing
                .to_string()
                .starts_with("cannot read no/such/file.csv: ")
        );
    }
}
