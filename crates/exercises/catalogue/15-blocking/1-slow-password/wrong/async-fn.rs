// misconception: async-makes-it-concurrent

#[derive(Debug, PartialEq)]
pub struct Account {
    pub name: String,
    pub hash: u64,
}

async fn hash_async<H>(password: String, hash: H) -> u64
where
    H: FnOnce(&str) -> u64 + Send + 'static,
{
    hash(&password)
}

pub async fn sign_up<H>(name: String, password: String, hash: H) -> Result<Account, String>
where
    H: FnOnce(&str) -> u64 + Send + 'static,
{
    if password.len() < 8 {
        return Err(format!("{name}: the password is too short"));
    }
    let hash = hash_async(password, hash).await;
    Ok(Account { name, hash })
}
