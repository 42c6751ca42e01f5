//! Simulates the whole product by chance and looks for what must not happen.

use std::process::ExitCode;

fn main() -> std::io::Result<ExitCode> {
    testing::simulation::main(std::env::args().skip(1))
}
