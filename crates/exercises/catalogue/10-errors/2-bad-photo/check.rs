use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

use exercises::{check, same, seconds, took, wrong};
use futures::FutureExt as _;

use super::exercise::{Photo, shrink_all};

fn photo(name: &'static str, seconds: u64, bytes: &'static [u8]) -> Photo {
    Photo {
        name,
        seconds,
        bytes,
    }
}

/// The second is broken.
fn four() -> Vec<Photo> {
    vec![
        photo("alps.jpg", 3, &[40, 30]),
        photo("bay.jpg", 1, &[]),
        photo("cat.jpg", 2, &[20, 10]),
        photo("dog.jpg", 4, &[8, 8]),
    ]
}

#[test]
fn a_broken_photo_takes_nothing_from_the_others() {
    check(async {
        let shrunk = AssertUnwindSafe(shrink_all(four())).catch_unwind().await;
        let results = match shrunk {
            Ok(results) => results,
            Err(panic) => {
                let text: Option<&String> = panic.downcast_ref();
                match text {
                    Some(text) if text.contains("JoinError") => wrong(
                        "a-handle-gives-the-value",
                        "`shrink_all` panicked itself: the handle of bay.jpg gave an `Err`, and \
                         that was made into a second panic. The three other photos are lost.",
                    ),
                    Some(text) if text.contains("index out of bounds") => wrong(
                        "join-all-keeps-panics",
                        "The panic of bay.jpg went through `shrink_all` and ended it. The three \
                         other photos, which are not done yet, are lost.",
                    ),
                    // Its message has been told already.
                    _ => panic::resume_unwind(panic),
                }
            }
        };
        if results.len() < 4 && results.iter().all(Result::is_ok) {
            wrong(
                "printed-is-handled",
                format!(
                    "Of four photos one is broken. There are {} results, all of them `Ok`: nobody \
                     can tell which photo is missing.",
                    results.len()
                ),
            );
        }
        if results.iter().filter(|one| one.is_err()).count() > 1 || results.len() < 4 {
            let good = results.iter().filter(|one| one.is_ok()).count();
            wrong(
                "first-error-ends-it",
                format!(
                    "Of four photos one is broken, and of the three others {good} have a size."
                ),
            );
        }
        let broken = Err("bay.jpg: crashed".to_owned());
        same("the results", results, [Ok(300), broken, Ok(50), Ok(16)]);
    });
}

#[test]
fn photos_take_as_long_as_the_slowest() {
    check(async {
        let photos = vec![photo("eel.jpg", 2, &[4, 4]), photo("fox.jpg", 3, &[2, 4])];
        let (results, time) = took(shrink_all(photos)).await;
        if time == Duration::from_secs(5) {
            wrong(
                "spawn-then-await-overlaps",
                "Photos of 2 and 3 seconds took 5.0 s: the second was begun when the first was \
                 done.",
            );
        }
        same("the results", results, [Ok(4), Ok(2)]);
        same(
            "the time of photos of 2 and 3 seconds",
            seconds(time),
            "3.0 s",
        );
    });
}

#[test]
fn each_crash_has_the_name_of_its_photo() {
    check(async {
        let photos = vec![
            photo("gnu.jpg", 2, &[7]),
            photo("hen.jpg", 1, &[2, 2]),
            photo("ibis.jpg", 1, &[]),
        ];
        let shrunk = AssertUnwindSafe(shrink_all(photos)).catch_unwind().await;
        let Ok(results) = shrunk else {
            panic!("`shrink_all` panicked; two of three photos are broken.");
        };
        let crashed = |name| Err(format!("{name}: crashed"));
        same(
            "the results, with the first and the last photo broken",
            results,
            [crashed("gnu.jpg"), Ok(1), crashed("ibis.jpg")],
        );
        same(
            "the results of no photos",
            shrink_all(Vec::new()).await,
            [const { Ok(0) }; 0],
        );
    });
}
