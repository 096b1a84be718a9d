// A thread of its own, and a channel that is awaited. If `hash` panics, the sender is dropped.

use std::thread;

use tokio::sync::oneshot;

#[derive(Debug, PartialEq)]
pub struct Account {
    pub name: String,
    pub hash: u64,
}

pub async fn sign_up<H>(name: String, password: String, hash: H) -> Result<Account, String>
where
    H: FnOnce(&str) -> u64 + Send + 'static,
{
    if password.len() < 8 {
        return Err(format!("{name}: the password is too short"));
    }
    let (answer, hashed) = oneshot::channel();
    thread::spawn(move || {
        // Nobody waits any more: then nobody needs the hash.
        let _ = answer.send(hash(&password));
    });
    let hash = hashed
        .await
        .map_err(|_| format!("{name}: the password could not be hashed"))?;
    Ok(Account { name, hash })
}
