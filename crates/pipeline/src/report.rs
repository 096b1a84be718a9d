//! What is printed at the end.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use crate::batch::{Batch, Numbers};
use crate::chunks::Broken;
use crate::countries::Country;
use crate::record::Bad;
use crate::tally::{Count, Histogram, Table};

/// How much memory the pages may take, in bytes. That is about 100 000 short paths.
const PAGES: usize = 16 * 1024 * 1024;

/// The sum of all batches.
pub(crate) struct Report {
    names: Vec<String>,
    top: usize,
    numbers: Numbers,
    /// Of each kind of bad line the first: the input, and the number of the line.
    first_bad: [Option<(usize, u64)>; Bad::ALL.len()],
    countries: BTreeMap<Country, Count>,
    pages: Table,
    /// Which input the last batch was from, and how many lines of it came before.
    input: usize,
    lines_before: u64,
    /// How many lookups there were, and how many failed.
    pub(crate) lookups: (u64, u64),
    /// Why it is not the report of the whole input.
    pub(crate) broken: Option<Broken>,
}

impl Report {
    /// About the inputs with these names. It lists the `top` pages.
    pub(crate) fn new(names: Vec<String>, top: usize) -> Self {
        Self {
            names,
            top,
            numbers: Numbers::default(),
            first_bad: [None; Bad::ALL.len()],
            countries: BTreeMap::new(),
            pages: Table::new(PAGES),
            input: 0,
            lines_before: 0,
            lookups: (0, 0),
            broken: None,
        }
    }

    /// How many lines of this batch's input came before it. Batches come in order.
    pub(crate) fn lines_before(&mut self, batch: &Batch) -> u64 {
        if batch.input != self.input {
            (self.input, self.lines_before) = (batch.input, 0);
        }
        self.lines_before
    }

    /// The name of the input that a batch is from.
    pub(crate) fn name(&self, batch: &Batch) -> &str {
        self.names.get(batch.input).map_or("", String::as_str)
    }

    /// Adds the next batch, and the countries of its clients.
    pub(crate) fn add(&mut self, batch: &mut Batch, countries: &[Country]) {
        let before = self.lines_before(batch);
        self.lines_before += batch.numbers.lines;
        let more = &batch.numbers;
        for (first, (count, line)) in self.first_bad.iter_mut().zip(&more.bad) {
            if *count > 0 {
                first.get_or_insert((batch.input, before + line));
            }
        }
        self.numbers.add(more);
        for ((_, count), country) in batch.clients.iter().zip(countries) {
            self.countries.entry(country).or_default().add(*count);
        }
        for (page, count) in batch.pages.drain(..) {
            self.pages.add(page, count);
        }
    }

    /// Whether each line is in one place: among the good or among the bad, in one country.
    pub(crate) fn is_balanced(&self) -> bool {
        let numbers = &self.numbers;
        let in_countries: u64 = self.countries.values().map(|c| c.records).sum();
        numbers.lines == numbers.good.records + numbers.bad_lines()
            && numbers.good.records == in_countries
            && numbers.good.records == numbers.statuses.iter().sum::<u64>()
    }
}

impl Numbers {
    fn add(&mut self, other: &Self) {
        self.lines += other.lines;
        self.good.add(other.good);
        for ((all, _), (more, _)) in self.bad.iter_mut().zip(&other.bad) {
            *all += more;
        }
        self.carriage_returns += other.carriage_returns;
        self.byte_order_marks += other.byte_order_marks;
        for (all, more) in self.statuses.iter_mut().zip(other.statuses) {
            *all += more;
        }
        self.latency.merge(&other.latency);
        self.slowest = self.slowest.max(other.slowest);
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let numbers = &self.numbers;
        match &self.broken {
            None => {}
            Some(Broken::Stopped) => writeln!(f, "INCOMPLETE: stopped before the end")?,
            Some(Broken::Failed(why)) => writeln!(f, "INCOMPLETE: {why}")?,
        }
        let (good, bad) = (numbers.good.records, numbers.bad_lines());
        writeln!(f, "{} lines = {good} good + {bad} bad", numbers.lines)?;
        for (kind, (count, _)) in Bad::ALL.iter().zip(numbers.bad) {
            if let Some((input, line)) = self.first_bad[*kind as usize] {
                let name = &self.names[input];
                writeln!(
                    f,
                    "  {:<14}{count:>10}   the first at {name}:{line}",
                    kind.name()
                )?;
            }
        }
        for (what, count) in [
            ("ended in CR LF", numbers.carriage_returns),
            ("began with a byte order mark", numbers.byte_order_marks),
        ] {
            if count > 0 {
                writeln!(f, "of the good ones {count} {what}")?;
            }
        }
        if good > 0 {
            self.of_the_good(f)?;
        }
        let (asked, failed) = self.lookups;
        writeln!(f, "{asked} lookups, {failed} failed")
    }
}

impl Report {
    /// What is known of the good lines, if there are any.
    fn of_the_good(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let numbers = &self.numbers;
        write!(f, "status")?;
        for (class, count) in (1..).zip(numbers.statuses) {
            if count > 0 {
                write!(f, "   {class}xx {count}")?;
            }
        }
        writeln!(f)?;
        latency(f, &numbers.latency, numbers.slowest)?;
        let mut countries: Vec<_> = self.countries.iter().map(|(n, c)| (*n, *c)).collect();
        countries.sort_by_key(|(_, count)| std::cmp::Reverse(count.records));
        rows(f, "country", &countries)?;
        let pages = self.pages.len();
        rows(f, &format!("page (of {pages})"), &self.pages.top(self.top))?;
        if self.pages.rest.records > 0 {
            rows(f, "pages that came too late", &[("", self.pages.rest)])?;
        }
        Ok(())
    }
}

fn latency(f: &mut Formatter<'_>, latency: &Histogram, slowest: u64) -> fmt::Result {
    let quantiles = [("half", 500), ("90%", 900), ("99%", 990), ("99.9%", 999)];
    write!(f, "latency")?;
    for (name, share) in quantiles {
        if let Some(micros) = latency.quantile(share) {
            write!(f, "   {name} {}", Millis(micros.min(slowest)))?;
        }
    }
    writeln!(f, "   all {}", Millis(slowest))
}

/// A table of names, records and bytes.
fn rows(f: &mut Formatter<'_>, title: &str, rows: &[(&str, Count)]) -> fmt::Result {
    writeln!(f, "{title:<30}{:>12}{:>20}", "records", "bytes")?;
    for (name, Count { records, bytes }) in rows {
        writeln!(f, "  {:<28}{records:>12}{bytes:>20}", shown(name))?;
    }
    Ok(())
}

/// A name from the log as it can be shown: anybody can ask for a page whose name clears the screen.
fn shown(name: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = name.chars().take(LONGEST).map(harmless).collect();
    if name.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

/// A character that is no command to the terminal.
pub(crate) fn harmless(character: char) -> char {
    if character.is_control() {
        char::REPLACEMENT_CHARACTER
    } else {
        character
    }
}

/// Microseconds, shown as milliseconds with one decimal, rounded down. By whole numbers: two
/// languages need not agree on how to round a half.
struct Millis(u64);

impl Display for Millis {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} ms", self.0 / 1000, self.0 % 1000 / 100)
    }
}
