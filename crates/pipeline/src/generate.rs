//! Makes an access log of any size, the same one for the same seed.

use std::io::{self, Write};

use crate::record::{BYTE_ORDER_MARK, LONGEST_LINE};

/// What to make.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// It ends with the first line that reaches one of the two.
    pub(crate) lines: u64,
    /// In bytes.
    pub(crate) size: u64,
    pub(crate) seed: u64,
    /// The share of bad lines, from 0 to 1.
    pub(crate) bad: f64,
}

/// The generator `SplitMix64`: ten lines that no upgrade of a library changes.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// With this probability.
    fn happens(&mut self, probability: f64) -> bool {
        let number = u32::try_from(self.next() >> 32).unwrap_or_default();
        f64::from(number) < probability * 4_294_967_296.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn choose<'a>(&mut self, words: &[&'a str]) -> &'a str {
        let place = self.skewed(words.len() as u64);
        words[usize::try_from(place).unwrap_or_default()]
    }

    /// Below `limit`, and the smaller the more often: some pages are asked for by everybody.
    fn skewed(&mut self, limit: u64) -> u64 {
        self.below(limit)
            .min(self.below(limit))
            .min(self.below(limit))
    }
}

/// Writes the log.
///
/// # Errors
///
/// If `out` cannot be written.
pub(crate) fn write(mut out: impl Write, options: &Options) -> io::Result<()> {
    let mut random = Random(options.seed);
    let mut block = Vec::with_capacity(2 * BLOCK);
    let (mut lines, mut written) = (0, 0);
    if options.bad > 0.0 {
        block.extend(BYTE_ORDER_MARK);
        written += BYTE_ORDER_MARK.len() as u64;
    }
    while lines < options.lines && written < options.size {
        let start = block.len();
        if random.happens(options.bad) {
            bad_line(&mut block, &mut random, lines)?;
        } else {
            good_line(&mut block, &mut random, lines)?;
            if options.bad > 0.0 && random.below(500) == 0 {
                block.push(b'\r');
            }
        }
        block.push(b'\n');
        lines += 1;
        written += (block.len() - start) as u64;
        if block.len() >= BLOCK {
            out.write_all(&block)?;
            block.clear();
        }
    }
    if options.bad > 0.0 {
        // The end of a log whose disk was full.
        let start = block.len();
        good_line(&mut block, &mut random, lines)?;
        block.truncate(start + 60);
    }
    out.write_all(&block)?;
    out.flush()
}

const BLOCK: usize = 256 * 1024;

fn good_line(out: &mut Vec<u8>, random: &mut Random, number: u64) -> io::Result<()> {
    const AGENTS: [&str; 4] = [
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X)",
        "curl/8.14.1",
        "Größenwahn/1.0 (\\\"robot\\\")",
    ];
    let millis = number * 7;
    let (seconds, millis) = (millis / 1000, millis % 1000);
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    write!(
        out,
        "{{\"time\":\"2026-03-{:02}T{:02}:{:02}:{:02}.{millis:03}Z\",\"client\":\"",
        1 + hours / 24 % 28,
        hours % 24,
        minutes % 60,
        seconds % 60
    )?;
    // Addresses that are reserved for documentation: they belong to nobody.
    match random.skewed(2000) {
        n @ 0..256 => write!(out, "192.0.2.{n}"),
        n @ 256..512 => write!(out, "198.51.100.{}", n - 256),
        n @ 512..768 => write!(out, "203.0.113.{}", n - 512),
        n => write!(out, "2001:db8::{n:x}"),
    }?;
    let method = random.choose(&["GET", "POST", "PUT"]);
    write!(out, "\",\"method\":\"{method}\",\"path\":\"")?;
    match random.below(16) {
        0 => write!(out, "/"),
        1 => write!(out, "/search?q={}", random.below(10_000)),
        2 => write!(out, "/static/app.js"),
        3 => write!(out, "/caf\\u00e9/men\\u00fc"),
        4..8 => write!(out, "/api/orders/{}", random.below(1000)),
        _ => write!(out, "/products/{}", random.skewed(500)),
    }?;
    let status = match random.below(100) {
        0..90 => 200,
        90..94 => 304,
        94..96 => 302,
        96..99 => 404,
        _ => 500,
    };
    let bytes = if status == 304 {
        0
    } else {
        200 + random.skewed(60_000)
    };
    // Most answers are fast, each doubling of the time is half as frequent.
    let doublings = random.next().trailing_zeros().min(12);
    let micros = (800 + random.below(800)) << doublings;
    let agent = random.choose(&AGENTS);
    write!(
        out,
        "\",\"status\":{status},\"bytes\":{bytes},\"micros\":{micros},\"agent\":\"{agent}\"}}"
    )
}

fn bad_line(out: &mut Vec<u8>, random: &mut Random, number: u64) -> io::Result<()> {
    let start = out.len();
    let kind = random.below(64);
    if kind == 0 {
        out.resize(start + LONGEST_LINE + 1, b'x');
        return Ok(());
    }
    if kind <= 8 {
        return Ok(()); // an empty line
    }
    good_line(out, random, number)?;
    match kind % 5 {
        // Two writers at once.
        0 => out.truncate(start + (out.len() - start) / 2),
        1 => out[start + 100] = 0xff,
        2 => replace(out, start, b"\"status\":", b"\"code\":"),
        3 => replace(out, start, b"\"bytes\":", b"\"bytes\":-"),
        _ => replace(out, start, b"\"client\":", b"client:"),
    }
    Ok(())
}

/// Replaces the first `from` after `start`.
fn replace(out: &mut Vec<u8>, start: usize, from: &[u8], to: &[u8]) {
    if let Some(at) = memchr::memmem::find(&out[start..], from) {
        let at = start + at;
        out.splice(at..at + from.len(), to.iter().copied());
    }
}
