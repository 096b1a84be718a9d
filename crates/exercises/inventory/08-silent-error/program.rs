async fn save() -> Result<(), String> {
    Err("the disk is full".to_owned())
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let task = tokio::spawn(save());
    tokio::task::yield_now().await;
    println!("finished: {}", task.is_finished());
}
