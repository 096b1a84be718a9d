#[tokio::main(flavor = "current_thread")]
async fn main() {
    let task = tokio::spawn(async {
        if true {
            panic!("broken");
        }
        7
    });
    match task.await {
        Ok(number) => println!("got {number}"),
        Err(error) => println!("panicked: {}", error.is_panic()),
    }
    println!("main goes on");
}
