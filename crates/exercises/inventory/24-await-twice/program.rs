async fn answer() -> u32 {
    42
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let future = answer();
    println!("{}", future.await);
    println!("{}", future.await);
}
