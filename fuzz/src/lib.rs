//! The fuzz targets as a library, for `cargo fuzz`.

mod targets;

/// Runs a target.
pub fn run(name: &str, input: &[u8]) {
    for target in targets::TARGETS.iter().filter(|target| target.name == name) {
        (target.run)(input);
    }
}
