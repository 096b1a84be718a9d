// A task owns the accounts, and does one thing after the other.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

enum Request {
    Transfer {
        from: usize,
        to: usize,
        amount: u32,
        answer: oneshot::Sender<bool>,
    },
    Balances(oneshot::Sender<Vec<u32>>),
}

pub struct Bank {
    requests: mpsc::Sender<Request>,
}

impl Bank {
    pub fn new(balances: &[u32]) -> Self {
        let (requests, inbox) = mpsc::channel(8);
        tokio::spawn(serve(balances.to_vec(), inbox));
        Self { requests }
    }

    pub async fn transfer(&self, from: usize, to: usize, amount: u32) -> bool {
        let (answer, answered) = oneshot::channel();
        let request = Request::Transfer {
            from,
            to,
            amount,
            answer,
        };
        // If the task has ended, it has panicked, and nothing is moved any more.
        self.requests.send(request).await.is_ok() && answered.await.unwrap_or(false)
    }

    pub async fn balances(&self) -> Vec<u32> {
        let (answer, answered) = oneshot::channel();
        // As above: then there is nobody who could say.
        let _ = self.requests.send(Request::Balances(answer)).await;
        answered.await.unwrap_or_default()
    }
}

async fn serve(mut accounts: Vec<u32>, mut inbox: mpsc::Receiver<Request>) {
    while let Some(request) = inbox.recv().await {
        match request {
            Request::Transfer {
                from,
                to,
                amount,
                answer,
            } => {
                let approved = approve(accounts[from], amount).await;
                if approved {
                    accounts[from] -= amount;
                    accounts[to] += amount;
                }
                // Whoever asked may have gone away.
                let _ = answer.send(approved);
            }
            Request::Balances(answer) => {
                let _ = answer.send(accounts.clone());
            }
        }
    }
}

async fn approve(balance: u32, amount: u32) -> bool {
    sleep(Duration::from_secs(1)).await;
    amount <= balance
}
