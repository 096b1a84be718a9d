use tokio::task::yield_now;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let task = tokio::spawn(async {
        println!("task 1");
        yield_now().await;
        println!("task 2");
    });
    println!("main");
    if task.await.is_ok() {
        println!("joined");
    }
}
