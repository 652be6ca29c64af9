//! doorward
fn main() {}
