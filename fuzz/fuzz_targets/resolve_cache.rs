#![no_main]

#[path = "../../crates/resolve/tests/hostile/properties.rs"]
mod properties;

use properties::cached::{self, Edit};

// Four bytes are one change of a sound file: where (two), how many bytes, and to what.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let edits: Vec<Edit> = bytes
        .chunks_exact(4)
        .map(|edit| Edit {
            at: usize::from(u16::from_le_bytes([edit[0], edit[1]])),
            width: usize::from(edit[2] % 8) + 1,
            value: edit[3],
        })
        .collect();
    cached::edited(&cached::written(), &edits);
});
