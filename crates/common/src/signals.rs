//! What asks a program to stop. Chapter 12 shows how it is written; the programs after it use this.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
#[cfg(windows)]
use tokio::signal::windows::{CtrlC, ctrl_c};

/// Ctrl-C, and on Unix SIGTERM, which `kill`, systemd and docker send.
///
/// It listens from [`listen`](Self::listen) on, until the program ends: a signal that comes between
/// two calls of [`next`](Self::next) is kept for the second. `tokio::signal::ctrl_c()` listens from
/// its first poll on; a Ctrl-C before that ends the program as if nobody listened.
#[derive(Debug)]
pub struct StopSignals {
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Signal,
    #[cfg(windows)]
    ctrl_c: CtrlC,
}

impl StopSignals {
    /// Listens from now on.
    ///
    /// # Errors
    ///
    /// One line for the user, if the system does not let the program listen.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn listen() -> Result<Self, String> {
        Self::start().map_err(|error| format!("cannot listen for Ctrl-C: {error}"))
    }

    #[cfg(unix)]
    fn start() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    #[cfg(windows)]
    fn start() -> io::Result<Self> {
        Ok(Self { ctrl_c: ctrl_c()? })
    }

    /// Waits for the next signal. Cancel safe: a signal that was not told is told to the next call.
    pub async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(windows)]
        self.ctrl_c.recv().await;
    }
}
