#[tokio::main(flavor = "current_thread")]
async fn main() {
    let name = String::from("Ada");
    let task = tokio::spawn(async { println!("hello {name}") });
    let _ = task.await;
}
