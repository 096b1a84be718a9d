use std::sync::{Arc, Mutex};
use std::time::Duration;

use exercises::{check, same, wrong};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

use super::exercise::{Answer, Connection, Statement, transfer};

/// A statement takes so long on the database.
const STATEMENT: Duration = Duration::from_millis(100);

/// When somebody leaves, in milliseconds: while the database executes the first statement of a
/// transfer, the second, and so on.
const LEAVES: [u64; 4] = [50, 150, 250, 350];

/// The account that is paid from has a hundred, and the other one nothing.
struct Tables {
    committed: [i64; 2],
    /// As the transaction that is open sees it.
    open: Option<[i64; 2]>,
    /// What others could see, one after the other.
    seen: Vec<[i64; 2]>,
    executed: Vec<Statement>,
    /// When a statement other than `Rollback` was last sent.
    sent: Option<Instant>,
}

impl Tables {
    fn commit(&mut self, balances: [i64; 2]) {
        self.committed = balances;
        self.seen.push(balances);
    }

    fn execute(&mut self, statement: Statement) -> Answer {
        self.executed.push(statement);
        match statement {
            Statement::Begin if self.open.is_some() => Err("a transaction is open already"),
            Statement::Begin => {
                self.open = Some(self.committed);
                Ok(())
            }
            Statement::Add { account, amount } => {
                let mut balances = self.open.unwrap_or(self.committed);
                let balance = balances.get_mut(account).ok_or("no such account")?;
                *balance += amount;
                if *balance < 0 {
                    return Err("not enough money");
                }
                if self.open.is_some() {
                    self.open = Some(balances);
                } else {
                    self.commit(balances);
                }
                Ok(())
            }
            Statement::Commit => {
                let balances = self.open.take().ok_or("no transaction is open")?;
                self.commit(balances);
                Ok(())
            }
            Statement::Rollback => {
                self.open.take().ok_or("no transaction is open")?;
                Ok(())
            }
        }
    }
}

/// A database with one connection. It executes its queue in a task of its own.
struct Database {
    tables: Arc<Mutex<Tables>>,
    connection: Connection,
}

impl Database {
    fn new() -> Self {
        let tables = Arc::new(Mutex::new(Tables {
            committed: [100, 0],
            open: None,
            seen: Vec::new(),
            executed: Vec::new(),
            sent: None,
        }));
        let (queue, mut statements) =
            mpsc::unbounded_channel::<(Statement, oneshot::Sender<Answer>)>();
        let (arrived, mut arriving) = mpsc::unbounded_channel();
        let hearing = Arc::clone(&tables);
        tokio::spawn(async move {
            while let Some((statement, answer)) = statements.recv().await {
                if statement != Statement::Rollback {
                    hearing.lock().unwrap().sent = Some(Instant::now());
                }
                // Both tasks end with the check.
                let _ = arrived.send((statement, answer));
            }
        });
        let executing = Arc::clone(&tables);
        tokio::spawn(async move {
            while let Some((statement, answer)) = arriving.recv().await {
                sleep(STATEMENT).await;
                let result = executing.lock().unwrap().execute(statement);
                // Whoever does not wait for it any more does not hear it.
                let _ = answer.send(result);
            }
        });
        let connection = Connection::new(queue);
        Self { tables, connection }
    }

    fn look<T>(&self, what: impl FnOnce(&Tables) -> T) -> T {
        what(&self.tables.lock().unwrap())
    }

    /// A transfer of 50 that is given up after so long.
    async fn left_after(milliseconds: u64) -> Self {
        let database = Self::new();
        let transfer = transfer(&database.connection, 0, 1, 50);
        // It has ended, or it is dropped: the tables say what has come of it.
        let _ = timeout(Duration::from_millis(milliseconds), transfer).await;
        database
    }
}

#[test]
fn nobody_sees_half_of_a_transfer() {
    check(async {
        let database = Database::new();
        let result = transfer(&database.connection, 0, 1, 50).await;
        let seen = database.look(|tables| tables.seen.clone());
        if let Some([one, other]) = seen.iter().find(|[one, other]| one + other != 100) {
            wrong(
                "undo-is-a-rollback",
                format!(
                    "Two accounts had 100 together. In the middle of a transfer, others could see \
                     {one} and {other}, and that is what stays if it goes no further."
                ),
            );
        }
        same("the result of a transfer of 50", result, Ok(()));
        let balances = database.look(|tables| tables.committed);
        same(
            "what others can see at the moment when `transfer` says that it has paid 50",
            balances,
            [50, 50],
        );
        sleep(Duration::from_secs(1)).await;
        let is_open = database.look(|tables| tables.open.is_some());
        same("a transaction is open a second later", is_open, false);
    });
}

#[test]
fn a_refused_transfer_leaves_everything_as_it_was() {
    check(async {
        let database = Database::new();
        let result = transfer(&database.connection, 0, 1, 500).await;
        same(
            "the result of a transfer of 500, where there are 100",
            result,
            Err("not enough money"),
        );
        let next = transfer(&database.connection, 0, 1, 10).await;
        same("the result of one of 10 after it", next, Ok(()));
        let balances = database.look(|tables| tables.committed);
        same("the balances after both", balances, [90, 10]);
    });
}

#[test]
fn whoever_leaves_leaves_nothing_half_done() {
    check(async {
        let mut left_open = Vec::new();
        for milliseconds in LEAVES {
            let database = Database::left_after(milliseconds).await;
            let left = Instant::now();
            sleep(Duration::from_secs(1)).await;
            let (balances, is_open) =
                database.look(|tables| (tables.committed, tables.open.is_some()));
            let sum: i64 = balances.iter().sum();
            let began = database.look(|tables| tables.executed.contains(&Statement::Begin));
            if sum != 100 && !began {
                wrong(
                    "undo-is-a-rollback",
                    format!(
                        "Who was to pay 50 left after {milliseconds} ms. Two accounts had 100 \
                         together, and now they have {balances:?}: one half is stored, and nobody \
                         is left to undo it."
                    ),
                );
            }
            if sum != 100 {
                wrong(
                    "the-end-of-a-scope-commits",
                    format!(
                        "Who was to pay 50 left after {milliseconds} ms. Two accounts had 100 \
                         together, and now they have {balances:?}: half a transfer was committed."
                    ),
                );
            }
            // The fourth statement is the commit: the database may have got it.
            if milliseconds < 300 && balances != [100, 0] {
                assert!(
                    database.look(|tables| tables.sent) > Some(left),
                    "Who was to pay 50 left after {milliseconds} ms, and has paid: `Commit` was in \
                     the queue before the database had answered what stands before it."
                );
                wrong(
                    "a-task-cleans-up",
                    format!(
                        "Who was to pay 50 left after {milliseconds} ms, long before the commit. A \
                         second later he has paid: the transfer went on without him, on a \
                         connection that somebody else may have by then."
                    ),
                );
            }
            if is_open {
                left_open.push(milliseconds);
            }
        }
        if left_open == [LEAVES[0]] {
            wrong(
                "the-guard-may-come-later",
                "Somebody left after 50 ms, while the database executed `Begin`. It did so, and a \
                 second later that transaction is still open.",
            );
        }
        if !left_open.is_empty() {
            wrong(
                "cancel-is-an-exception",
                format!(
                    "Somebody left after {} ms. A second later his transaction is still open: no \
                     line of `transfer` has run since, and nobody has told the database.",
                    left_open[0]
                ),
            );
        }
    });
}

#[test]
fn the_next_one_finds_no_trace() {
    check(async {
        for milliseconds in LEAVES {
            let database = Database::left_after(milliseconds).await;
            let next = transfer(&database.connection, 0, 1, 10).await;
            sleep(Duration::from_secs(1)).await;
            let executed = database.look(|tables| tables.executed.clone());
            let begins = executed.iter().rposition(|it| *it == Statement::Begin);
            let rolls_back = executed.iter().rposition(|it| *it == Statement::Rollback);
            if next.is_err() && rolls_back > begins {
                wrong(
                    "a-spawned-rollback-is-in-time",
                    format!(
                        "Somebody left after {milliseconds} ms, and the next one began at once. The \
                         database got the `Begin` of the next one before the `Rollback` of the \
                         first, and said: {}.",
                        next.unwrap_err()
                    ),
                );
            }
            let what = format!("when somebody has left after {milliseconds} ms");
            same(
                format!("{what}, the result of the next transfer"),
                next,
                Ok(()),
            );
            let balances = database.look(|tables| tables.committed);
            let stored = if balances[1] == 60 { 50 } else { 0 };
            if milliseconds < 300 {
                same(format!("{what}, what he has paid"), stored, 0);
            }
            same(
                format!("{what}, the balances after the next transfer, of 10"),
                balances,
                [90 - stored, 10 + stored],
            );
        }
    });
}

#[test]
fn who_never_begins_says_nothing_to_the_database() {
    check(async {
        let database = Database::new();
        drop(transfer(&database.connection, 0, 1, 50));
        sleep(Duration::from_secs(1)).await;
        let executed = database.look(|tables| tables.executed.len());
        same("the statements that the database executed", executed, 0);
    });
}
