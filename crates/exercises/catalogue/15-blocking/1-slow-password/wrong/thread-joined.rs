// misconception: another-thread-is-enough

use std::thread;

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
    let worker = thread::spawn(move || hash(&password));
    let hash = worker
        .join()
        .map_err(|_| "the password could not be hashed".to_owned())?;
    Ok(Account { name, hash })
}
