//! `doorward`: see `doorward --help`.

/// The allocator. Requests allocate hundreds of times, and the system's allocator returns little of
/// the memory that a burst of sign-ins took.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    doorward::commands::main()
}
