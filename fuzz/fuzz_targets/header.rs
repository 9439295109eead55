#![no_main]

#[path = "../../crates/rpm/tests/hostile/properties.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::header(bytes));
