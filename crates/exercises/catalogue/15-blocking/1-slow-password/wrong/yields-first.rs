// misconception: yield-is-a-wait

use tokio::task::yield_now;

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
    // Lets the others have their turn.
    yield_now().await;
    let hash = hash(&password);
    Ok(Account { name, hash })
}
