// One lock for all that changes together. The transfers take turns.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::sleep;

pub struct Bank {
    accounts: Mutex<Vec<u32>>,
}

impl Bank {
    pub fn new(balances: &[u32]) -> Self {
        Self {
            accounts: Mutex::new(balances.to_vec()),
        }
    }

    pub async fn transfer(&self, from: usize, to: usize, amount: u32) -> bool {
        let mut accounts = self.accounts.lock().await;
        if !approve(accounts[from], amount).await {
            return false;
        }
        accounts[from] -= amount;
        accounts[to] += amount;
        true
    }

    pub async fn balances(&self) -> Vec<u32> {
        self.accounts.lock().await.clone()
    }
}

async fn approve(balance: u32, amount: u32) -> bool {
    sleep(Duration::from_secs(1)).await;
    amount <= balance
}
