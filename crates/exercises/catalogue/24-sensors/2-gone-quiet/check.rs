use std::cell::RefCell;
use std::time::Duration;

use exercises::{check, same, seconds, took, wrong};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::exercise::{Why, attend};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const ONLINE: &str = "still online after an hour";

/// What became of a device.
struct Seen {
    /// Why it is offline, or else that it was still online after an hour.
    why: String,
    after: Duration,
    /// When readings came, in milliseconds.
    readings: Vec<u128>,
}

async fn attended(device: DuplexStream, commands: mpsc::Receiver<String>) -> Seen {
    let readings = RefCell::new(Vec::new());
    let start = Instant::now();
    let attend = attend(device, SECOND, commands, |_| {
        readings.borrow_mut().push(start.elapsed().as_millis());
    });
    let (why, after) = took(timeout(HOUR, attend)).await;
    Seen {
        why: why.map_or_else(|_| ONLINE.to_owned(), |why: Why| format!("{why:?}")),
        after,
        readings: readings.into_inner(),
    }
}

/// A device that sends readings after so many milliseconds, and is quiet then, or does not read.
struct Device {
    sends: Vec<u64>,
    reads: bool,
    closes: bool,
}

impl Device {
    /// The gateway's end of the connection. The pipe holds 64 bytes.
    fn connect(self) -> DuplexStream {
        let (gateway, device) = duplex(64);
        tokio::spawn(async move {
            let start = Instant::now();
            let (mut reader, mut writer) = tokio::io::split(device);
            let send = async {
                for moment in self.sends {
                    sleep_until(start + Duration::from_millis(moment)).await;
                    let _ = writer.write_all(b"temperature 21.5\n").await;
                }
                if !self.closes {
                    sleep(2 * HOUR).await;
                }
            };
            let read = async {
                if self.reads {
                    let _ = reader.read_to_end(&mut Vec::new()).await;
                }
                sleep(2 * HOUR).await;
            };
            tokio::select! {
                () = send => {}
                () = read => {}
            }
        });
        gateway
    }
}

/// So many commands, with a pause between them; then no more, but there could be.
fn commands(count: u32, pause: Duration) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        for number in 0..count {
            if sender.send(format!("blink {number}")).await.is_err() {
                return;
            }
            sleep(pause).await;
        }
        sleep(2 * HOUR).await;
    });
    receiver
}

fn each_second(count: u64) -> Vec<u64> {
    (1..=count).map(|second| second * 1000).collect()
}

#[test]
fn three_intervals_after_its_last_reading_it_is_silent() {
    check(async {
        let mut sends = each_second(20);
        sends.push(20_500);
        let device = Device {
            sends,
            reads: true,
            closes: false,
        };
        let seen = attended(device.connect(), commands(0, SECOND)).await;
        let told = "A device sent a reading each second, the last one after 20.5 s";
        if seen.after == 3 * SECOND {
            wrong(
                "silence-counts-from-the-beginning",
                format!(
                    "{told}. After 3.0 s it was {}, and {} readings had been taken.",
                    seen.why,
                    seen.readings.len()
                ),
            );
        }
        if seen.why == ONLINE {
            wrong(
                "looking-at-the-clock-is-a-timer",
                format!("{told}, and was then quiet. An hour later it was still online."),
            );
        }
        let late = seen.after.as_millis().saturating_sub(23_500);
        if seen.readings.len() == 21 && (1..=3000).contains(&late) {
            wrong(
                "a-tick-is-a-deadline",
                format!(
                    "{told}. It was found to be silent at {}, {:.1} s after its last reading, and \
                     not 3.0 s.",
                    seconds(seen.after),
                    (late + 3000) as f64 / 1000.0
                ),
            );
        }
        same("why it is offline", seen.why, "Silent");
        same("the number of its readings", seen.readings.len(), 21);
        same(
            "when it is silent, with its last reading after 20.5 s",
            seconds(seen.after),
            "23.5 s",
        );
    });
}

#[test]
fn a_device_that_never_says_anything_is_silent() {
    check(async {
        let device = Device {
            sends: Vec::new(),
            reads: true,
            closes: false,
        };
        let seen = attended(device.connect(), commands(0, SECOND)).await;
        if seen.why == ONLINE {
            wrong(
                "looking-at-the-clock-is-a-timer",
                "Nothing has come from a device, and after an hour it was still online.",
            );
        }
        same("why it is offline", seen.why, "Silent");
        same("when it is silent", seconds(seen.after), "3.0 s");
    });
}

#[test]
fn commands_are_no_sign_of_life() {
    check(async {
        for (pause, count) in [(2 * SECOND, 5000), (2 * SECOND, 3)] {
            let device = Device {
                sends: vec![500],
                reads: true,
                closes: false,
            };
            let seen = attended(device.connect(), commands(count, pause)).await;
            let told = "A device sent one reading, after 0.5 s, and was then quiet. A command was \
                        sent to it each 2 s";
            if seen.why == ONLINE {
                wrong(
                    "sent-is-heard",
                    format!("{told}. After an hour it was still online."),
                );
            }
            if seen.after == 7 * SECOND {
                wrong(
                    "sent-is-heard",
                    format!(
                        "{told}, the last one after 4.0 s. It was found to be silent at 7.0 s, three \
                         seconds after that command."
                    ),
                );
            }
            same("why it is offline", seen.why, "Silent");
            same(
                "when it is silent, with its last reading after 0.5 s and a command each 2 s",
                seconds(seen.after),
                "3.5 s",
            );
        }
    });
}

#[test]
fn whether_it_reads_has_nothing_to_do_with_it() {
    check(async {
        let device = Device {
            sends: Vec::new(),
            reads: false,
            closes: false,
        };
        let told = "Commands were sent to a device that reads nothing";
        let seen = attended(device.connect(), commands(100, SECOND / 10)).await;
        if seen.why == ONLINE {
            wrong(
                "the-arm-runs-beside",
                format!(
                    "{told} and sends nothing. After an hour it was still online: a command that \
                     waits to be sent kept the clock from its turn."
                ),
            );
        }
        same("why it is offline", seen.why, "Silent");
        same("when it is silent", seconds(seen.after), "3.0 s");

        let device = Device {
            sends: each_second(10),
            reads: false,
            closes: false,
        };
        let seen = attended(device.connect(), commands(100, SECOND / 10)).await;
        if seen.readings.len() < 10 && seen.why == ONLINE {
            wrong(
                "the-arm-runs-beside",
                format!(
                    "{told}, but sent ten. {} were taken: a command that waits to be sent kept the \
                     others from being read.",
                    seen.readings.len()
                ),
            );
        }
        same(
            "when the readings were taken, in milliseconds",
            seen.readings,
            (1..=10).map(|second| second * 1000).collect::<Vec<u128>>(),
        );
        same("why it is offline", seen.why, "Silent");
        same(
            "when it is silent, with its last reading after 10 s",
            seconds(seen.after),
            "13.0 s",
        );
    });
}

#[test]
fn a_device_that_closes_the_connection_is_offline_at_once() {
    check(async {
        let device = Device {
            sends: each_second(5),
            reads: true,
            closes: true,
        };
        // There will be no more commands, from the beginning.
        let (_, none) = mpsc::channel(1);
        let seen = attended(device.connect(), none).await;
        same("why it is offline", seen.why, "Closed");
        same("the number of its readings", seen.readings.len(), 5);
        same("when it is offline", seconds(seen.after), "5.0 s");
    });
}

#[test]
fn commands_arrive_in_order() {
    check(async {
        let (gateway, mut device) = duplex(64);
        let (sender, receiver) = mpsc::channel(1);
        let listen = async {
            for command in ["blink", "beep", "reboot"] {
                let _ = sender.send(command.to_owned()).await;
            }
            let mut heard = String::new();
            let _ = device.read_to_string(&mut heard).await;
            heard
        };
        let (heard, _) = tokio::join!(listen, attended(gateway, receiver));
        same("what the device hears", heard, "blink\nbeep\nreboot\n");
    });
}
