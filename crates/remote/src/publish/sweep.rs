//! What remains of earlier generations at a target.

use std::{
    collections::{BTreeMap, HashSet},
    time::{Duration, UNIX_EPOCH},
};

use copr_repodata::{Output, Repomd, Retain};

use super::INDEX;
use crate::{error::Error, target::Target};

/// The note of when files were superseded.
const NOTE: &str = "repodata/copr-repo.superseded.json";
/// Bytes that it may have.
const LIMIT: u64 = 4 << 20;

/// Names of files that no index names any more, and since when (seconds since 1970), as far as somebody noted it.
#[derive(Debug, Default)]
pub(super) struct Superseded {
    since: BTreeMap<String, u64>,
}

impl Superseded {
    /// What is noted at the target; a note that cannot be read is as good as none.
    pub(super) async fn read(target: &Target) -> Self {
        let note = target.read(NOTE, LIMIT).await.ok().flatten();
        let since = note.and_then(|note| serde_json::from_slice(&note.bytes).ok()).unwrap_or_default();
        Self { since }
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.since.contains_key(name)
    }

    /// Removes what was superseded long enough ago, and notes the rest.
    pub(super) async fn sweep(
        mut self,
        target: &Target,
        old: Option<&Repomd>,
        new: &Repomd,
        index: &[u8],
        output: &Output,
    ) -> Result<(), Error> {
        let grace = match output.retain {
            Retain::For(time) | Retain::Younger(time) => time,
            Retain::Nothing => Duration::ZERO,
            // Generations cannot be told apart there.
            Retain::All | Retain::Generations(_) => return Ok(()),
        };
        let now = output.now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let before = self.since.clone();
        let named: HashSet<&str> = new.records.iter().map(|record| record.location_href.as_str()).collect();
        for record in old.into_iter().flat_map(|old| &old.records).filter(|record| record.location_base.is_none()) {
            // It was in force until now, whatever the note says.
            self.since.insert(record.location_href.clone(), now);
        }
        // Where the place can tell what it has: names that nobody has, and files that nobody knows.
        if let Some(there) = target.list("repodata").await? {
            let there: HashSet<String> = there.into_iter().map(|entry| entry.name).collect();
            self.since.retain(|name, _| there.contains(name));
            for name in there.into_iter().filter(|name| is_named_by_checksum(name)) {
                self.since.entry(name).or_insert(now);
            }
        }
        self.since.retain(|name, _| !named.contains(name.as_str()) && may_go(name));
        let gone: Vec<String> = self
            .since
            .iter()
            .filter(|(_, since)| now.saturating_sub(**since) >= grace.as_secs())
            .map(|(name, _)| name.clone())
            .collect();
        // Whoever published after us may name a file again.
        let ours = match gone.is_empty() {
            true => true,
            false => target.read(INDEX, index.len() as u64).await?.is_some_and(|there| there.bytes == index),
        };
        if ours {
            for name in gone {
                target.delete(&name).await?;
                self.since.remove(&name);
            }
        }
        if self.since != before {
            let note = serde_json::to_vec(&self.since).map_err(std::io::Error::other)?;
            target.put_small(NOTE, note).await?;
        }
        Ok(())
    }
}

/// Whether a name may be removed at all, whatever a note says.
fn may_go(name: &str) -> bool {
    name.strip_prefix("repodata/").is_some_and(|name| !name.contains('/') && !name.starts_with("repomd.xml"))
}

/// Whether a file was made by a metadata tool: `repodata/SUM-...`.
fn is_named_by_checksum(name: &str) -> bool {
    let Some((sum, _)) = name.strip_prefix("repodata/").and_then(|name| name.split_once('-')) else { return false };
    matches!(sum.len(), 56 | 64 | 96 | 128) && sum.bytes().all(|c| c.is_ascii_hexdigit())
}
