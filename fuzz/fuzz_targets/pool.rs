#![no_main]

#[path = "../../crates/resolve/tests/hostile/properties.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    properties::documented::packages(bytes);
    properties::documented::cache_file(bytes);
});
