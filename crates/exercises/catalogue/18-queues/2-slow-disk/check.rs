use std::cell::{Cell, RefCell};
use std::time::Duration;

use exercises::{check, same, seconds, took, wrong};
use tokio::time::sleep;

use super::exercise::copy;

/// Ten in the queue, one in the hands of the reader, and one that is being saved.
const AHEAD: usize = 12;

struct Copied {
    saved: Vec<u32>,
    /// How many rows were read and not yet saved, when there were most.
    ahead: usize,
    time: Duration,
}

/// Copies `rows` rows. The times are those of one row, in milliseconds.
async fn copied(rows: u32, reading: u64, saving: u64) -> Copied {
    let (read, ahead) = (Cell::new(0), Cell::new(0));
    let saved = RefCell::new(Vec::new());
    let next = async || {
        if read.get() == rows {
            return None;
        }
        sleep(Duration::from_millis(reading)).await;
        read.set(read.get() + 1);
        let now = read.get() as usize - saved.borrow().len();
        ahead.set(ahead.get().max(now));
        Some(read.get())
    };
    let save = async |row| {
        sleep(Duration::from_millis(saving)).await;
        saved.borrow_mut().push(row);
    };
    let ((), time) = took(copy(next, save)).await;
    Copied {
        saved: saved.into_inner(),
        ahead: ahead.get(),
        time,
    }
}

fn must_be_complete(copied: &Copied, rows: u32) {
    let (saved, ahead) = (copied.saved.len(), copied.ahead);
    if saved < rows as usize {
        wrong(
            "full-may-be-dropped",
            format!("Of {rows} rows that were read, {saved} were saved. The others are lost."),
        );
    }
    same(
        "whether the rows are saved in order, each once",
        copied.saved.iter().copied().eq(1..=rows),
        true,
    );
    if ahead > AHEAD.max(rows as usize / 2) {
        wrong(
            "a-queue-absorbs-it",
            format!(
                "Of {rows} rows, {ahead} had been read and not yet saved at one moment. All of them \
                 were in memory, and with more rows it would be more."
            ),
        );
    }
    assert!(
        ahead <= AHEAD,
        "{ahead} rows had been read and not yet saved at one moment. With ten in the queue, one in \
         the hands of the reader and one that is being saved it would be {AHEAD} at the most."
    );
}

#[test]
fn the_reader_is_never_far_ahead() {
    check(async {
        let copied = copied(1000, 100, 1000).await;
        must_be_complete(&copied, 1000);
        same(
            "the time of 1000 rows, of which each is read in 0.1 s and saved in 1 s",
            seconds(copied.time),
            "1000.1 s",
        );
    });
}

#[test]
fn a_slower_disk_makes_it_wait_longer() {
    check(async {
        let usual = copied(300, 100, 1000).await;
        let slow = copied(300, 100, 3000).await;
        if usual.ahead <= AHEAD && slow.ahead > AHEAD {
            wrong(
                "a-pause-is-back-pressure",
                format!(
                    "With a disk that takes 1 s, at the most {} had been read and not yet saved. \
                     With one that takes 3 s it was {}: nobody tells the reader that the disk is \
                     slower.",
                    usual.ahead, slow.ahead
                ),
            );
        }
        must_be_complete(&slow, 300);
        same(
            "the time of 300 rows, of which each is read in 0.1 s and saved in 3 s",
            seconds(slow.time),
            "900.1 s",
        );
    });
}

#[test]
fn reading_and_saving_overlap() {
    check(async {
        let even = copied(10, 1000, 1000).await;
        must_be_complete(&even, 10);
        same(
            "the time of 10 rows, of which each is read in 1 s and saved in 1 s",
            seconds(even.time),
            "11.0 s",
        );
        let quick = copied(10, 100, 10).await;
        must_be_complete(&quick, 10);
        same(
            "the time of 10 rows, of which each is read in 0.1 s and saved in 0.01 s",
            seconds(quick.time),
            "1.0 s",
        );
    });
}

#[test]
fn no_rows_and_one_row_are_copied() {
    check(async {
        let none = copied(0, 100, 1000).await;
        same("the number of rows", none.saved.len(), 0);
        let one = copied(1, 100, 1000).await;
        same("the rows", one.saved, [1]);
        same("the time of one row", seconds(one.time), "1.1 s");
    });
}
