//! Ctrl-C, and what else asks a program to stop.

use common::StopSignals;
use tokio_util::sync::CancellationToken;

/// Cancels `stop` at the first Ctrl-C or SIGTERM, and ends the program at the second. Listens from
/// now on.
///
/// # Errors
///
/// If the system does not let the program listen.
pub(crate) fn stop_on_ctrl_c(stop: CancellationToken) -> Result<(), String> {
    let mut signals = StopSignals::listen()?;
    tokio::spawn(async move {
        signals.next().await;
        stop.cancel();
        signals.next().await;
        eprintln!("sensors: stopped at once");
        std::process::exit(130);
    });
    Ok(())
}
