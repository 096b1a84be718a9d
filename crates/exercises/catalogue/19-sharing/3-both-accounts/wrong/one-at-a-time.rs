// misconception: one-lock-at-a-time

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
        let mut giver = self.accounts[from].lock().await;
        if !approve(*giver, amount).await {
            return false;
        }
        *giver -= amount;
        drop(giver);
        let mut taker = self.accounts[to].lock().await;
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
