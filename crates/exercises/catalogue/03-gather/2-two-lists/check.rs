use exercises::{check, same, seconds, took, wrong};

use super::exercise::menu;

#[test]
fn all_calls_run_at_the_same_time() {
    check(async {
        let (_, time) = took(menu(&[2, 0, 1])).await;
        match seconds(time).as_str() {
            "9.0 s" | "6.0 s" => wrong(
                "call-starts-it",
                format!(
                    "It took {}: each id waited for the one before it.",
                    seconds(time)
                ),
            ),
            "4.0 s" => wrong(
                "two-gathers-overlap",
                "It took 4.0 s: 1 s for the names, and only then 3 s for the prices.",
            ),
            seen => same("the time (the slowest call takes 3.0 s)", seen, "3.0 s"),
        }
    });
}

#[test]
fn lines_are_in_the_order_of_the_input() {
    check(async {
        let lines = menu(&[2, 0, 1]).await;
        if lines == ["tea: 3", "coffee: 4", "water: 1"] {
            wrong(
                "results-as-they-finish",
                "The ids were [2, 0, 1], and the lines came as 0, 1, 2: as they finished.",
            );
        }
        same(
            "the menu of [2, 0, 1]",
            lines,
            ["water: 1", "tea: 3", "coffee: 4"],
        );
        let twice = menu(&[1, 1]).await;
        same("the menu of [1, 1]", twice, ["coffee: 4", "coffee: 4"]);
    });
}

#[test]
fn no_ids_give_no_lines() {
    check(async {
        same("the number of lines", menu(&[]).await.len(), 0);
    });
}
