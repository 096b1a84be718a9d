// Everybody who locks several accounts begins with the smallest number, `balances` too. So who has
// the one with the largest number so far can get what he needs, and nobody waits in a circle.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::sleep;

/// Accounts, with numbers from 0 on.
pub struct Bank {
    accounts: Vec<Mutex<u32>>,
}

impl Bank {
    pub fn new(balances: &[u32]) -> Self {
        Self {
            accounts: balances.iter().map(|&one| Mutex::new(one)).collect(),
        }
    }

    /// Moves money, if the one who pays has enough. Whether it did.
    pub async fn transfer(&self, from: usize, to: usize, amount: u32) -> bool {
        if from == to {
            let balance = self.accounts[from].lock().await;
            return approve(*balance, amount).await;
        }
        let first = self.accounts[from.min(to)].lock().await;
        let second = self.accounts[from.max(to)].lock().await;
        let (mut giver, mut taker) = if from < to {
            (first, second)
        } else {
            (second, first)
        };
        if !approve(*giver, amount).await {
            return false;
        }
        *giver -= amount;
        *taker += amount;
        true
    }

    /// All balances at one moment, in which nobody changes any.
    pub async fn balances(&self) -> Vec<u32> {
        let mut all = Vec::new();
        for account in &self.accounts {
            all.push(account.lock().await);
        }
        all.iter().map(|balance| **balance).collect()
    }
}

/// Takes a second, during which nobody else may touch that balance.
async fn approve(balance: u32, amount: u32) -> bool {
    sleep(Duration::from_secs(1)).await;
    amount <= balance
}
