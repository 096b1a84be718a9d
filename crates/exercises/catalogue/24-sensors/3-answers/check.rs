use std::time::Duration;

use exercises::{check, same, seconds, took, wrong};
use futures::future::join_all;
use futures::{SinkExt as _, StreamExt as _};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::codec::{Framed, LinesCodec};

use super::exercise::{Device, Failed, LIMIT};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// The device's end. It answers `beep 3` after three seconds with `beep 3 is done`, and `beep never`
/// never. At `close 2` it closes the connection after two seconds.
async fn device(connection: DuplexStream) {
    let (mut writer, mut reader) = Framed::new(connection, LinesCodec::new()).split();
    let (answers, mut ready) = mpsc::unbounded_channel();
    let (close, mut closing) = mpsc::unbounded_channel();
    let read = async {
        while let Some(Ok(line)) = reader.next().await {
            let words: Vec<&str> = line.split(' ').collect();
            let &[number, what, after] = &words[..] else {
                panic!("The device is told {line:?}, and knows lines such as \"7 beep 3\" only.");
            };
            let Ok(after) = after.parse() else { continue };
            let answer = format!("{number} {what} {after} is done");
            let (answers, close) = (answers.clone(), close.clone());
            let is_close = what == "close";
            tokio::spawn(async move {
                sleep(Duration::from_secs(after)).await;
                if is_close {
                    let _ = close.send(());
                } else {
                    let _ = answers.send(answer);
                }
            });
        }
    };
    let write = async {
        while let Some(answer) = ready.recv().await {
            let _ = writer.send(answer).await;
        }
    };
    tokio::select! {
        () = read => {}
        () = write => {}
        _ = closing.recv() => {}
    }
}

/// A device that is connected.
fn connected() -> Device {
    let (gateway, there) = duplex(1024);
    tokio::spawn(device(there));
    Device::new(gateway)
}

type Ended = (Result<String, Failed>, Duration);

async fn ask(device: &Device, command: &str) -> Ended {
    let (ended, time) = took(timeout(HOUR, device.command(command))).await;
    let Ok(ended) = ended else {
        panic!("An hour after the command {command:?}, `command` still waits.");
    };
    if let Ok(answer) = &ended
        && *answer != format!("{command} is done")
    {
        wrong(
            "answers-come-in-turn",
            format!(
                "The answer to {command:?} was {answer:?}, {} after the command: it is that to \
                 another one.",
                seconds(time)
            ),
        );
    }
    (ended, time)
}

fn is_done(what: &str, (ended, time): Ended, after: &str) {
    same(
        format!("the answer to {what:?}"),
        ended,
        Ok(format!("{what} is done")),
    );
    same(format!("how long {what:?} took"), seconds(time), after);
}

#[test]
fn each_answer_finds_its_command() {
    check(async {
        let device = connected();
        let (three, one, two) = tokio::join!(
            ask(&device, "beep 3"),
            ask(&device, "beep 1"),
            ask(&device, "beep 2"),
        );
        if one.1 == 4 * SECOND {
            wrong(
                "ask-when-answered",
                "Three commands were given at the same time, to be answered after 3, 1 and 2 s. The \
                 second had its answer after 4.0 s: it was sent when the first had been answered.",
            );
        }
        is_done("beep 3", three, "3.0 s");
        is_done("beep 1", one, "1.0 s");
        is_done("beep 2", two, "2.0 s");
    });
}

#[test]
fn a_late_answer_goes_to_nobody() {
    check(async {
        let device = connected();
        let (late, time) = ask(&device, "measure 7").await;
        same(
            "what comes of an answer after 7 s",
            late,
            Err(Failed::Unanswered),
        );
        same("the time until then", seconds(time), "5.0 s");
        // While it waits for its own answer, the late one comes.
        is_done("beep 4", ask(&device, "beep 4").await, "4.0 s");
    });
}

#[test]
fn who_is_not_answered_holds_up_nobody() {
    check(async {
        let device = connected();
        let (never, one) = tokio::join!(ask(&device, "beep never"), ask(&device, "blink 1"));
        if one.0 == Err(Failed::Unanswered) {
            wrong(
                "ask-when-answered",
                "One command was never answered. The one after it, which the device answers after a \
                 second, was Unanswered as well: it was not sent before the other had ended.",
            );
        }
        is_done("blink 1", one, "1.0 s");
        same("what comes of no answer", never.0, Err(Failed::Unanswered));
        same("the time until then", seconds(never.1), "5.0 s");
    });
}

#[test]
fn a_device_that_reads_nothing_makes_nobody_wait_for_long() {
    check(async {
        let (gateway, _there) = duplex(64);
        let device = Device::new(gateway);
        let ended = join_all((0..100).map(|_| ask(&device, "beep 1"))).await;
        for (ended, time) in ended {
            same("what comes of no answer", ended, Err(Failed::Unanswered));
            same("the time until then", seconds(time), "5.0 s");
        }
    });
}

#[test]
fn when_the_device_is_gone_all_are_told_at_once() {
    check(async {
        let device = connected();
        let commands = async {
            tokio::join!(
                ask(&device, "beep 4"),
                ask(&device, "beep never"),
                ask(&device, "close 2"),
            )
        };
        let (four, never, close) = commands.await;
        for (command, (ended, time)) in
            [("beep 4", four), ("beep never", never), ("close 2", close)]
        {
            if ended == Err(Failed::Unanswered) && time == LIMIT {
                wrong(
                    "shared-ends-with-its-task",
                    format!(
                        "The device closed the connection after 2.0 s. {command:?}, which waited for \
                         an answer, was told nothing, and was Unanswered after 5.0 s: its sender is \
                         still somewhere."
                    ),
                );
            }
            same(
                format!("what comes of {command:?}"),
                ended,
                Err(Failed::Gone),
            );
            same(format!("when {command:?} ends"), seconds(time), "2.0 s");
        }
        let (later, time) = ask(&device, "beep 1").await;
        same("what comes of a later command", later, Err(Failed::Gone));
        same("the time until then", seconds(time), "0.0 s");
        same("how many commands are kept in the end", device.waiting(), 0);
    });
}

#[test]
fn nothing_is_kept_of_a_command_that_has_ended() {
    check(async {
        let device = connected();
        let three = join_all((0..3).map(|_| ask(&device, "beep 2")));
        let look = async {
            sleep(SECOND).await;
            device.waiting()
        };
        let (_, waiting) = tokio::join!(three, look);
        same("how many commands are kept while three wait", waiting, 3);
        same(
            "how many are kept when they are answered",
            device.waiting(),
            0,
        );

        join_all((0..100).map(|_| ask(&device, "beep never"))).await;
        let _ = ask(&device, "blink 1").await;
        if device.waiting() > 0 {
            wrong(
                "giving-up-clears-the-map",
                format!(
                    "100 commands were Unanswered after 5.0 s, and one was answered since. {} are \
                     still kept.",
                    device.waiting()
                ),
            );
        }
        // Their callers give up sooner.
        join_all((0..100).map(|_| timeout(SECOND, device.command("beep never")))).await;
        let _ = ask(&device, "blink 1").await;
        if device.waiting() > 0 {
            wrong(
                "the-line-after-the-await-runs",
                format!(
                    "The callers of 100 commands gave up after a second, and dropped them. One \
                     command was answered since, and {} are still kept.",
                    device.waiting()
                ),
            );
        }
    });
}
