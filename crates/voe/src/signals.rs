//! Ctrl-C, and the signals that mean the same.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::exit;

/// The signals that ask voe to end: INT, TERM and HUP.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    /// From here on they are listened to, and no longer end voe on their own.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

/// Becomes `true` at the first signal, for which `said` is printed; the second ends voe immediately, and what was written stays readable.
pub(crate) fn stop(said: Option<&'static str>) -> std::io::Result<watch::Receiver<bool>> {
    let (stop, stopped) = watch::channel(false);
    let mut signals = Signals::listen()?;
    tokio::spawn(async move {
        signals.next().await;
        if let Some(said) = said {
            errln!("\nvoe: {said} (press Ctrl-C again to quit immediately)");
        }
        let _ = stop.send(true);
        signals.next().await;
        std::process::exit(i32::from(exit::INTERRUPTED));
    });
    Ok(stopped)
}

/// What `work` gives, or `None` if a signal comes first.
pub(crate) async fn unless_stopped<T>(work: impl Future<Output = T>) -> std::io::Result<Option<T>> {
    let mut signals = Signals::listen()?;
    tokio::select! {
        done = work => Ok(Some(done)),
        () = signals.next() => Ok(None),
    }
}
