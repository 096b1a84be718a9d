// The library keeps a thread of the pool, and awaiting its handle lets the loop's thread go. A panic
// in `hash` comes back as the handle's error.

use tokio::task::spawn_blocking;

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
    let hash = spawn_blocking(move || hash(&password))
        .await
        .map_err(|error| error.to_string())?;
    Ok(Account { name, hash })
}
