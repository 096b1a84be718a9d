// The slow password                                          fix, chapter 15-blocking
//
// Who signs up gets an account with the hash of his password. `hash` comes from a library and is
// slow on purpose, and while it lasts the whole server stands still: its one thread serves
// everybody. Change `sign_up` so that all others go on meanwhile. `hash` cannot be changed.

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
    let hash = hash(&password);
    Ok(Account { name, hash })
}
