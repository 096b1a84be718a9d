// misconception: in-place-works-everywhere

use tokio::task::block_in_place;

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
    let hash = block_in_place(|| hash(&password));
    Ok(Account { name, hash })
}
