//! Who owns a file: hashes of paths, with the packages that have them.

use std::hash::Hasher;

use crate::strings::seed;

/// A secret that hashes of paths are made with, so that nobody can choose two paths of the same hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PathKey(pub(crate) [u64; 2]);

impl PathKey {
    pub(crate) fn new() -> Self {
        Self([seed(), seed()])
    }

    /// `SipHash` of the secret and the path.
    pub(crate) fn hash(self, path: &str) -> u64 {
        let mut hasher = siphasher::sip::SipHasher13::new_with_keys(self.0[0], self.0[1]);
        hasher.write(path.as_bytes());
        hasher.finish()
    }
}

/// The files of one repository's packages that its primary.xml names. Paths are kept as keyed hashes of 64 bits: that
/// two of a million paths and ten million questions have the same happens once in a million repositories.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) key: PathKey,
    /// Ascending.
    pub(crate) hashes: Vec<u64>,
    /// The package of each, by its number in the repository.
    pub(crate) owners: Vec<u32>,
}

impl Default for Files {
    fn default() -> Self {
        Self { key: PathKey::new(), hashes: Vec::new(), owners: Vec::new() }
    }
}

impl Files {
    pub(crate) fn of(key: PathKey, mut found: Vec<(u64, u32)>) -> Self {
        found.sort_unstable();
        found.dedup();
        let (hashes, owners) = found.into_iter().unzip();
        Self { key, hashes, owners }
    }

    /// The packages that own a path, ascending, by their numbers in the repository.
    pub(crate) fn owners_of(&self, path: &str) -> &[u32] {
        if self.hashes.is_empty() {
            return &[];
        }
        let wanted = self.key.hash(path);
        let from = self.hashes.partition_point(|hash| *hash < wanted);
        let behind = self.hashes.get(from..).unwrap_or_default();
        let count = behind.iter().take_while(|hash| **hash == wanted).count();
        self.owners.get(from..from + count).unwrap_or_default()
    }
}

/// Whether primary.xml lists every package that has this path: what `createrepo_c` and all its like put there.
pub(crate) fn primary_decides(path: &str) -> bool {
    path.starts_with("/etc/") || path.contains("bin/") || path == "/usr/lib/sendmail"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_found_by_path_in_ascending_order() {
        let key = PathKey::new();
        let found = [("/bin/a", 3), ("/bin/b", 1), ("/bin/a", 1), ("/bin/a", 3)];
        let files = Files::of(key, found.iter().map(|(path, owner)| (key.hash(path), *owner)).collect());
        assert_eq!(files.owners_of("/bin/a"), [1, 3]);
        assert_eq!(files.owners_of("/bin/b"), [1]);
        assert_eq!(files.owners_of("/bin/c"), [0; 0]);
    }

    #[test]
    fn primary_has_programs_and_configuration() {
        assert!(["/etc/passwd", "/usr/bin/sh", "/opt/sbin/x", "/usr/lib/sendmail"].map(primary_decides) == [true; 4]);
        assert!(["/usr/share/x", "/usr/lib/sendmail.d", "/usr/bin"].map(primary_decides) == [false; 3]);
    }
}
