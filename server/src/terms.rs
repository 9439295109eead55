//! The terms that every user accepts before it brings anything: a text of the administrator's, known by its checksum.

use anyhow::Context as _;

use crate::{config::content, db};

/// The longest text, in bytes.
const LONGEST: u64 = 256 << 10;

/// The terms that are in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// What they say.
    pub text: String,
    /// Which text it is: the beginning of its SHA-256.
    pub version: String,
}

impl Terms {
    /// Those that are configured; `None`: nobody is asked for anything.
    ///
    /// # Errors
    /// The file can't be read, is empty, or has more than 256 KiB.
    pub fn open(config: &content::Terms) -> anyhow::Result<Option<Self>> {
        if config.file.as_os_str().is_empty() {
            return Ok(None);
        }
        let shown = config.file.display();
        let read = || -> anyhow::Result<String> {
            anyhow::ensure!(fs_err::metadata(&config.file)?.len() <= LONGEST, "{shown} has more than {LONGEST} bytes");
            Ok(fs_err::read_to_string(&config.file)?.replace('\0', "").trim().to_owned())
        };
        let text = read().context("`file` in [terms]")?;
        anyhow::ensure!(!text.is_empty(), "`file` in [terms]: {shown} says nothing");
        let version = db::token::digest(&text).chars().take(16).collect();
        Ok(Some(Self { text, version }))
    }
}
