// An error is rolled back and waited for; the guard is for the ways out on which nothing can wait.

use tokio::sync::{mpsc, oneshot};

/// What the database can be told. Outside of a transaction, `Add` is committed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statement {
    Begin,
    /// Refused if the account had less than nothing afterwards.
    Add {
        account: usize,
        amount: i64,
    },
    Commit,
    Rollback,
}

pub type Answer = Result<(), &'static str>;

/// A connection. Clones are the same connection.
#[derive(Clone)]
pub struct Connection {
    queue: mpsc::UnboundedSender<(Statement, oneshot::Sender<Answer>)>,
}

impl Connection {
    pub fn new(queue: mpsc::UnboundedSender<(Statement, oneshot::Sender<Answer>)>) -> Self {
        Self { queue }
    }

    /// Puts a statement into the queue. The database executes what is there in its order, whether
    /// or not anybody awaits the answer.
    pub fn send(&self, statement: Statement) -> oneshot::Receiver<Answer> {
        let (sender, answer) = oneshot::channel();
        // Without a database, the answer is the error of a sender that is gone.
        let _ = self.queue.send((statement, sender));
        answer
    }

    pub async fn execute(&self, statement: Statement) -> Answer {
        let answer = self.send(statement);
        answer.await.unwrap_or(Err("the database is gone"))
    }
}

fn add(account: usize, amount: i64) -> Statement {
    Statement::Add { account, amount }
}

struct Guard {
    connection: Option<Connection>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(connection.send(Statement::Rollback));
        }
    }
}

/// Moves money, both halves or neither; an error, if there is not enough of it.
pub async fn transfer(connection: &Connection, from: usize, to: usize, amount: i64) -> Answer {
    let mut guard = Guard {
        connection: Some(connection.clone()),
    };
    connection.execute(Statement::Begin).await?;
    let moved = match connection.execute(add(from, -amount)).await {
        Ok(()) => connection.execute(add(to, amount)).await,
        refused => refused,
    };
    let end = match moved {
        Ok(()) => connection.execute(Statement::Commit).await,
        Err(_) => connection.execute(Statement::Rollback).await,
    };
    end?;
    guard.connection = None;
    moved
}
