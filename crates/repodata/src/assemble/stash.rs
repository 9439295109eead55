//! Texts that wait until they are needed.

use std::collections::HashMap;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::Error;

/// Bytes of text that are kept in memory; what is above goes to a file without name.
const IN_MEMORY: usize = 16 << 20;

enum Place {
    Memory(Box<str>),
    File { offset: u64, length: usize },
}

/// Texts by number, in memory or, above a bound, in a file.
pub(super) struct Stash {
    places: HashMap<u32, Place>,
    in_memory: usize,
    folder: PathBuf,
    file: Option<std::fs::File>,
    end: u64,
}

impl Stash {
    /// `folder` is where the file would be made.
    pub(super) fn new(folder: &Path) -> Self {
        Self { places: HashMap::new(), in_memory: 0, folder: folder.to_owned(), file: None, end: 0 }
    }

    /// Keeps a text. Of several with the same number the first one stays.
    pub(super) fn put(&mut self, key: u32, text: &str) -> Result<(), Error> {
        if self.places.contains_key(&key) {
            return Ok(());
        }
        if self.in_memory + text.len() <= IN_MEMORY {
            self.in_memory += text.len();
            self.places.insert(key, Place::Memory(text.into()));
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile_in(&self.folder)?),
        };
        file.write_all(text.as_bytes())?;
        self.places.insert(key, Place::File { offset: self.end, length: text.len() });
        self.end += text.len() as u64;
        Ok(())
    }

    pub(super) fn take(&mut self, key: u32) -> Result<Option<String>, Error> {
        Ok(match self.places.remove(&key) {
            None => None,
            Some(Place::Memory(text)) => {
                self.in_memory -= text.len();
                Some(text.into())
            }
            Some(Place::File { offset, length }) => {
                let mut bytes = vec![0; length];
                if let Some(file) = &self.file {
                    file.read_exact_at(&mut bytes, offset)?;
                }
                let text = String::from_utf8(bytes);
                Some(text.map_err(|_| Error::metadata("temporary file", "it changed while it was used"))?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_comes_back_from_memory_and_from_disk() {
        let dir = tempfile::tempdir().unwrap();
        let mut stash = Stash::new(dir.path());
        let text = |key: u32| format!("{key}é").repeat(300_000);
        for key in 0..40 {
            stash.put(key, &text(key)).unwrap();
        }
        assert!(stash.file.is_some() && stash.in_memory > 0);
        for key in (0..40).rev() {
            stash.put(key, "another text under the same number").unwrap();
            assert_eq!(stash.take(key).unwrap().as_ref(), Some(&text(key)));
        }
        assert_eq!((stash.take(0).unwrap(), stash.in_memory), (None, 0));
    }
}
