//! Which packages have to do with a text, by the text's hash.

/// Numbers by the hash of a text. Two texts share a hash about never, whoever chooses them, as the hash's key is random.
#[derive(Debug, Default)]
pub(crate) struct Table {
    keys: Vec<u64>,
    numbers: Vec<u32>,
}

impl Table {
    /// Every number once under every key, in order.
    pub(crate) fn new(mut pairs: Vec<(u64, u32)>) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        let (keys, numbers) = pairs.into_iter().unzip();
        Self { keys, numbers }
    }

    /// The numbers under a key.
    pub(crate) fn get(&self, key: u64) -> &[u32] {
        let from = self.keys.partition_point(|other| *other < key);
        let count = self.keys.get(from..).unwrap_or_default().partition_point(|other| *other == key);
        self.numbers.get(from..from + count).unwrap_or_default()
    }

    /// Bytes in memory.
    pub(crate) fn size(&self) -> usize {
        self.keys.len() * size_of::<u64>() + self.numbers.len() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_numbers_once_and_in_order() {
        let table = Table::new(vec![(7, 3), (1, 9), (7, 1), (7, 3)]);
        assert_eq!((table.get(7), table.get(1), table.get(2)), ([1, 3].as_slice(), [9].as_slice(), [].as_slice()));
        assert!(Table::default().get(0).is_empty());
    }
}
