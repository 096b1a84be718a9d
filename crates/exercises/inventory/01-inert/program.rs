async fn greet() {
    println!("hello");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let greeting = greet();
    println!("made");
    greeting.await;
    println!("done");
}
