//! Numbers that look random and are the same in every run.

/// A small generator (splitmix64), seeded by a text.
pub(super) struct Random(u64);

impl Random {
    /// The numbers of a name.
    pub(super) fn of(text: &str) -> Self {
        // FNV-1a
        Self(
            text.bytes()
                .fold(0xCBF2_9CE4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)),
        )
    }

    /// Any number.
    pub(super) fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, or 0 if that is 0.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.any().checked_rem(limit).unwrap_or(0)
    }

    /// A number from `from` up to, and without, `to`.
    pub(super) fn between(&mut self, from: u64, to: u64) -> u64 {
        from.saturating_add(self.below(to.saturating_sub(from)))
    }

    /// One of the words; empty if there is none.
    pub(super) fn word<'a>(&mut self, words: &'a [String]) -> &'a str {
        let at = usize::try_from(self.below(words.len() as u64)).unwrap_or(0);
        words.get(at).map_or("", String::as_str)
    }

    /// Some words, with a blank between them.
    pub(super) fn words(&mut self, words: &[String], count: u64) -> String {
        let chosen: Vec<&str> = (0..count).map(|_| self.word(words)).collect();
        chosen.join(" ")
    }
}
