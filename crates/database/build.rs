//! Cargo does not see that `sqlx::migrate!` reads a folder, so a new file in it would be missed.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
