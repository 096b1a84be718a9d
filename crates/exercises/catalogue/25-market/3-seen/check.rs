use exercises::{check, predicted, wrong};

use super::exercise::{LATEST, QUEUE, QUEUE_WAITED, RING, RING_LOST, latest, queue, ring};

const ALL: [u32; 10] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

#[test]
fn the_reader_of_latest_sees_what_you_say() {
    check(async {
        let seen = latest().await;
        if LATEST == ALL {
            wrong(
                "watch-is-a-queue",
                "You say that the reader of `latest` sees all ten. While it needs 0.33 s for one, \
                 three or four others are made, and a `watch` has one place.",
            );
        }
        if LATEST.len() + 1 == seen.len() && seen.starts_with(LATEST) {
            wrong(
                "the-end-takes-the-last-value",
                "You say that the reader of `latest` does not see the price that was made last. The \
                 exchange ends while the reader is busy: what does `changed` say to who has not \
                 seen the last value?",
            );
        }
        predicted("LATEST", LATEST, seen);
    });
}

#[test]
fn the_reader_of_ring_sees_what_you_say() {
    check(async {
        let (seen, lost) = ring().await;
        if RING == ALL {
            wrong(
                "broadcast-waits",
                "You say that the reader of `ring` sees all ten. The ring has two places, and \
                 nobody waits for the reader.",
            );
        }
        if RING == latest().await {
            wrong(
                "the-ring-has-the-newest",
                "You say that the reader of `ring` sees what the one of `latest` sees. There are \
                 two prices in the ring when it is ready: which of them does it take?",
            );
        }
        if RING.len() + 1 == seen.len() && seen.starts_with(RING) {
            wrong(
                "the-end-takes-the-last-value",
                "You say that the reader of `ring` does not see the price that was made last. The \
                 exchange ends while the reader is busy: what is in the ring then?",
            );
        }
        predicted("RING", RING, seen);
        predicted("RING_LOST", RING_LOST, lost);
    });
}

#[test]
fn the_reader_of_queue_sees_what_you_say() {
    check(async {
        let (seen, waited) = queue().await;
        if QUEUE == latest().await || QUEUE == ring().await.0 {
            wrong(
                "full-may-be-dropped",
                "You say that prices are lost on the way through `queue`. It is full again and \
                 again: what does `send` do then, and what becomes of the price?",
            );
        }
        predicted("QUEUE", QUEUE, seen);
        if QUEUE_WAITED == 0 {
            wrong(
                "send-never-waits",
                "You say that no price waits for room in the queue. It has two places, and prices \
                 come three times as fast as they are taken out.",
            );
        }
        predicted("QUEUE_WAITED", QUEUE_WAITED, waited);
    });
}
