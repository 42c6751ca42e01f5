//! Starts every function cold, beside the same function with default features and an empty one, and prints what it took.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    testing::cold_start::main(std::env::args().skip(1)).await
}
