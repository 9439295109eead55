#![no_main]

#[path = "../../crates/resolve/tests/hostile/properties.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    properties::packages(bytes);
    properties::cache_file(bytes);
});
