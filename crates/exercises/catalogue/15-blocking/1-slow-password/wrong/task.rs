// misconception: blocks-only-itself

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
    let task = tokio::spawn(async move { hash(&password) });
    let hash = task.await.map_err(|error| error.to_string())?;
    Ok(Account { name, hash })
}
