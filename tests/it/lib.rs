//! Whole-server tests. All of them are in the one test binary `it`.
