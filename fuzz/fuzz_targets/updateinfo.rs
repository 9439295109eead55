#![no_main]

#[path = "../../crates/repodata/tests/hostile/properties.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::updateinfo(bytes));
