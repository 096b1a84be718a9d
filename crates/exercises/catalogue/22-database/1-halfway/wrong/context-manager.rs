// misconception: the-end-of-a-scope-commits

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

/// As `async with connection.transaction():` it commits at the end of its block, unless there was an
/// error.
struct Transaction<'a> {
    connection: &'a Connection,
    failed: bool,
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        let _ = self.connection.send(if self.failed {
            Statement::Rollback
        } else {
            Statement::Commit
        });
    }
}

/// Moves money, both halves or neither; an error, if there is not enough of it.
pub async fn transfer(connection: &Connection, from: usize, to: usize, amount: i64) -> Answer {
    let mut transaction = Transaction {
        connection,
        failed: false,
    };
    connection.execute(Statement::Begin).await?;
    for statement in [add(to, amount), add(from, -amount)] {
        if let Err(error) = connection.execute(statement).await {
            transaction.failed = true;
            return Err(error);
        }
    }
    Ok(())
}
