//! `doorward`: see `doorward --help`.

fn main() -> std::process::ExitCode {
    doorward::commands::main()
}
