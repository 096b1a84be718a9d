//! A limit on retries over all requests together.

use std::sync::atomic::{AtomicU32, Ordering};

const TOKEN: u32 = 100;

/// A bucket of tokens. Each request brings a part of a token, each retry costs a whole one, so that
/// in the long run retries are a part of the requests and never a multiple of them.
///
/// Share one between all requests to the same service: in an `Arc`, or in a `static`.
#[derive(Debug)]
pub struct Budget {
    percent: u32,
    most: u32,
    /// In hundredths of a token.
    tokens: AtomicU32,
}

impl Budget {
    /// For every hundred requests `percent` retries. The bucket begins full, with `reserve` tokens,
    /// and never holds more: what was saved in quiet hours must not all be spent in one bad second.
    #[must_use]
    pub const fn new(percent: u32, reserve: u32) -> Self {
        let most = reserve.saturating_mul(TOKEN);
        Self {
            percent,
            most,
            tokens: AtomicU32::new(most),
        }
    }

    /// A request is made, for the first time.
    pub fn deposit(&self) {
        self.change(|tokens| Some(tokens.saturating_add(self.percent).min(self.most)));
    }

    /// Takes a token for a retry. `false` if there is none: then do not retry.
    #[must_use]
    pub fn withdraw(&self) -> bool {
        self.change(|tokens| tokens.checked_sub(TOKEN))
    }

    // One step for reading and writing: between two, another thread could take the same token.
    fn change(&self, change: impl Fn(u32) -> Option<u32>) -> bool {
        let order = Ordering::Relaxed; // the number is all there is; it guards nothing else
        self.tokens.fetch_update(order, order, change).is_ok()
    }
}
