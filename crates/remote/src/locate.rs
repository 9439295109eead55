//! A repository that is named by a metalink or a list of mirrors.

use copr_repodata::Repomd;

use crate::{
    Remote, RepoUrl,
    error::Error,
    mirror::{MirrorError, Origin},
};

/// Mirrors that are asked for a repomd.xml.
const MOST_ASKED: usize = 8;

/// Where a repository is, and what it has now.
#[derive(Debug, Clone)]
pub struct Located {
    /// Its mirrors, at least one; first the one that gave `repomd`.
    pub mirrors: Vec<RepoUrl>,
    /// Its repomd.xml. Of a metalink: a version that the metalink names.
    pub repomd: Repomd,
}

impl Remote {
    /// Finds a repository: asks its mirrors one after the other for the newest repomd.xml that the metalink names, and takes
    /// the least old one where nobody has that. A list of mirrors names no version: the first mirror that answers counts.
    ///
    /// # Errors
    /// There is no such list, it proves nothing, or no mirror has what it names.
    pub async fn locate(&self, origin: &Origin) -> Result<Located, MirrorError> {
        let found = crate::mirror::find(&self.fetcher, origin, self.allow_file).await?;
        let mirrors: Vec<RepoUrl> = found.mirrors.in_order().into_iter().map(|(_, url)| url).collect();
        let mut best: Option<(usize, usize, Repomd)> = None;
        let mut tried = Vec::new();
        for (number, mirror) in mirrors.iter().enumerate().take(MOST_ASKED) {
            let index = mirror.join("repodata/repomd.xml")?;
            let bytes = match self.fetcher.small_once(&index, self.limits.repomd).await {
                Ok(bytes) => bytes,
                Err(error) => {
                    tried.push(error.to_string());
                    continue;
                }
            };
            let age = match found.versions.iter().position(|version| version.is(&bytes)) {
                Some(age) => age,
                None if found.versions.is_empty() => 0,
                None => {
                    tried.push(format!("{index}: it is none of the versions that the metalink names"));
                    continue;
                }
            };
            if best.as_ref().is_some_and(|(least, ..)| *least <= age) {
                continue;
            }
            match Repomd::read(&bytes) {
                Ok(repomd) => best = Some((age, number, repomd)),
                Err(error) => {
                    tried.push(Error::Metadata { url: index.to_string(), reason: error.to_string() }.to_string());
                    continue;
                }
            }
            if age == 0 {
                break;
            }
        }
        let Some((_, number, repomd)) = best else {
            return Err(MirrorError::NoMirror { what: format!("repodata/repomd.xml of {}", origin.shown()), tried });
        };
        let mut order = mirrors;
        order.get_mut(..=number).unwrap_or_default().rotate_right(1);
        Ok(Located { mirrors: order, repomd })
    }
}

#[cfg(test)]
mod tests {
    use copr_repodata::{Checksum, ChecksumKind, Delta, Output, Publisher};

    use super::*;
    use crate::RemoteOptions;

    /// Two mirrors: `old` has a repository of yesterday, `new` the one of today; and a metalink that knows both.
    fn mirrors(dir: &std::path::Path, order: [&str; 2]) -> Origin {
        let mut versions = String::new();
        for (name, seconds) in [("new", 2_000_000_000), ("old", 1_000_000_000)] {
            let folder = dir.join(name);
            fs_err::create_dir_all(&folder).unwrap();
            let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            Publisher::new(&folder, Output::new(time)).publish(&Delta::default()).unwrap();
            let bytes = fs_err::read(folder.join("repodata/repomd.xml")).unwrap();
            let sum = Checksum::of(ChecksumKind::Sha256, bytes.as_slice()).unwrap().0.hex;
            let hash = format!("<verification><hash type=\"sha256\">{sum}</hash></verification>");
            versions += &if name == "new" { hash } else { format!("<alternate>{hash}</alternate>") };
        }
        let urls: String = order
            .iter()
            .map(|name| format!("<url>file://{}/repodata/repomd.xml</url>", dir.join(name).display()))
            .collect();
        let metalink = dir.join("metalink.xml");
        fs_err::write(&metalink, format!("<metalink><file name=\"repomd.xml\">{versions}{urls}</file></metalink>"))
            .unwrap();
        Origin::Metalink(format!("file://{}", metalink.display()))
    }

    fn remote(dir: &std::path::Path) -> Remote {
        Remote::new(RemoteOptions { allow_file: true, ..RemoteOptions::new(dir.join("cache")) }).unwrap()
    }

    #[tokio::test]
    async fn the_mirror_with_the_newest_repository_is_asked_first_from_then_on() {
        let dir = tempfile::tempdir().unwrap();
        let origin = mirrors(dir.path(), ["old", "new"]);
        let located = remote(dir.path()).locate(&origin).await.unwrap();
        let shown: Vec<String> = located.mirrors.iter().map(ToString::to_string).collect();
        assert!(shown.len() == 2 && shown[0].ends_with("/new") && shown[1].ends_with("/old"), "{shown:?}");
    }

    #[tokio::test]
    async fn an_older_repository_is_better_than_none_and_a_foreign_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let origin = mirrors(dir.path(), ["new", "old"]);
        fs_err::write(dir.path().join("new/repodata/repomd.xml"), "<repomd/>").unwrap();
        let located = remote(dir.path()).locate(&origin).await.unwrap();
        assert!(located.mirrors[0].to_string().ends_with("/old"), "{:?}", located.mirrors);
        fs_err::write(dir.path().join("old/repodata/repomd.xml"), "<repomd/>").unwrap();
        let error = remote(dir.path()).locate(&origin).await.unwrap_err().to_string();
        assert!(error.contains("none of the versions that the metalink names"), "{error}");
    }

    #[tokio::test]
    async fn a_metalink_in_a_folder_is_not_read_where_folders_are_not_allowed() {
        let dir = tempfile::tempdir().unwrap();
        let origin = mirrors(dir.path(), ["new", "old"]);
        let strict = Remote::new(RemoteOptions::new(dir.path().join("cache"))).unwrap();
        assert!(strict.locate(&origin).await.is_err());
    }
}
