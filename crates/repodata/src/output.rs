//! What the metadata of a repository look like: shared by all that write them.

mod like;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::assemble::{Assembly, Fresh, Item};
use crate::document::DocumentOptions;
use crate::metadata_file::{FileOptions, MetadataFile};
use crate::segments::DEFAULT_SEGMENT;
use crate::source::Source;
use crate::{ChecksumKind, Compression, Document, Error, RenderOptions};

/// What becomes of the files that a publish supersedes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retain {
    /// They stay for a while, for clients that still read by the repomd.xml before.
    For(Duration),
    /// They all stay.
    All,
    /// They are removed at once.
    Nothing,
    /// Of primary, filelists, other and their databases the newest generations stay, so many besides the current one
    /// (`createrepo`'s own `--retain-old-md`).
    Generations(usize),
    /// Every file in `repodata/` that is older goes, whoever made it (`--retain-old-md-by-age`).
    Younger(Duration),
}

/// What a publish does about comps, which repomd.xml calls `group`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Groups {
    /// They stay as they are.
    #[default]
    Keep,
    /// They are taken out.
    Remove,
    /// They are those of this file (its text, if it is compressed): as type `group` as they are, and compressed as type
    /// `group_gz`, as `createrepo_c --groupfile` has it.
    File(PathBuf),
}

/// Signs repomd.xml: what it gives is put beside it as `repodata/repomd.xml.asc`, which clients with `repo_gpgcheck=1` ask for.
///
/// Of several signatures each has to be an armoured block of its own, and the first is to be of the key that all clients have:
/// docs/publish.md tells what clients make of them.
pub trait RepomdSigner: std::fmt::Debug + Send + Sync {
    /// A detached `OpenPGP` signature, armoured, of these bytes.
    ///
    /// # Errors
    /// Whatever keeps it from signing. Nothing is published then.
    fn sign(&self, repomd: &[u8]) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>>;

    /// Whether a signature that is there is as good as one that [`Self::sign`] would make: it fits these bytes, and is by the keys
    /// that sign now. A publish that changes nothing else makes another where it is not, which mends what a crash left behind and
    /// follows a change of keys. Who cannot tell says no, and signs each time.
    fn is_current(&self, repomd: &[u8], signature: &[u8]) -> bool {
        let _ = (repomd, signature);
        false
    }
}

/// How the metadata of a repository are written.
#[derive(Debug, Clone)]
pub struct Output {
    /// Compression of primary, filelists, filelists-ext and other.
    pub compression: Compression,
    /// Compression of all other files that are made or added.
    pub extra_compression: Compression,
    /// Compression level; `None` for the default of the kind.
    pub level: Option<i32>,
    /// `SQLite` databases for old clients, compressed so.
    pub databases: Option<Compression>,
    /// Kind of the checksums in repomd.xml.
    pub checksum: ChecksumKind,
    /// Whether repomd.xml also tells checksum and size of the decompressed text. No client checks them.
    pub open_checksums: bool,
    /// Bytes of XML in a segment, the unit that a later publish compresses anew where something changes: smaller ones make a
    /// publish of one package cheaper and the files larger.
    pub segment: usize,
    /// Whether files are named by their checksum (`SUM-primary.xml.zst`), which makes a publish atomic for clients.
    pub unique_names: bool,
    /// Whether XML has its elements on lines of their own.
    pub pretty: bool,
    /// Whether to write filelists-ext, which has the digests of files.
    pub filelists_ext: bool,
    /// Whether to write zchunk copies of everything.
    pub zchunk: bool,
    /// Folder of dictionaries for zchunk: `primary.xml.zdict`, ...
    pub zchunk_dictionaries: Option<PathBuf>,
    /// How many of the newest changes of an added package to keep; `None` for all.
    pub changelog_limit: Option<usize>,
    /// Revision in repomd.xml; `None` for the time, or one more than the last revision.
    pub revision: Option<String>,
    /// Timestamps in repomd.xml and of the files, seconds since 1970; `None` for the time.
    pub timestamp: Option<u64>,
    /// `content` tags; `None` to keep those of the repomd.xml before, likewise the other tags.
    pub content_tags: Option<Vec<String>>,
    /// `repo` tags.
    pub repo_tags: Option<Vec<String>>,
    /// `distro` tags: CPE identifier and text.
    pub distro_tags: Option<Vec<(Option<String>, String)>>,
    /// Threads; 0 for one a processor.
    pub workers: usize,
    /// What becomes of the files before.
    pub retain: Retain,
    /// What becomes of comps, where packages are published.
    pub groups: Groups,
    /// What signs repomd.xml. `None`: the signature of a repomd.xml that is replaced is removed, because it would be wrong.
    pub sign: Option<Arc<dyn RepomdSigner>>,
    /// The time of the publish.
    pub now: SystemTime,
}

impl Output {
    /// gzip for everything, which all clients read; SHA-256; ten changes; old files stay for an hour.
    pub fn new(now: SystemTime) -> Self {
        Self {
            compression: Compression::Gzip,
            extra_compression: Compression::Gzip,
            level: None,
            databases: None,
            checksum: ChecksumKind::Sha256,
            open_checksums: true,
            segment: DEFAULT_SEGMENT,
            unique_names: true,
            pretty: true,
            filelists_ext: false,
            zchunk: false,
            zchunk_dictionaries: None,
            changelog_limit: Some(10),
            revision: None,
            timestamp: None,
            content_tags: None,
            repo_tags: None,
            distro_tags: None,
            workers: 0,
            retain: Retain::For(Duration::from_secs(3600)),
            groups: Groups::Keep,
            sign: None,
            now,
        }
    }

    /// The time in seconds since 1970.
    pub(crate) fn seconds(&self) -> u64 {
        self.now.duration_since(UNIX_EPOCH).map_or(0, |t| t.as_secs())
    }

    /// The documents to write.
    pub(crate) fn documents(&self) -> Vec<Document> {
        Document::ALL.into_iter().filter(|d| self.filelists_ext || *d != Document::FilelistsExt).collect()
    }

    pub(crate) fn render(&self) -> RenderOptions {
        RenderOptions { pretty: self.pretty, filelists_ext: self.filelists_ext }
    }

    /// How a file other than the documents is written.
    pub(crate) fn file(&self, compression: Compression) -> FileOptions {
        let level = self.level.filter(|_| compression == self.compression);
        FileOptions {
            compression,
            level: level.unwrap_or_else(|| compression.default_level()),
            checksum: self.checksum,
            threads: if self.workers == 0 { rayon::current_num_threads() } else { self.workers },
            dictionaries: self.zchunk_dictionaries.clone(),
        }
    }

    /// How a document is written first: in its own compression if that has blocks, else in one to be read again.
    pub(crate) fn document(&self, pool: Arc<rayon::ThreadPool>) -> DocumentOptions {
        let own = self.compression.has_blocks();
        DocumentOptions {
            compression: if own { self.compression } else { Compression::Zstd },
            level: if own { self.level.unwrap_or_else(|| self.compression.default_level()) } else { 1 },
            checksum: self.checksum,
            open_checksum: self.open_checksums && own,
            segment: self.segment.max(1),
            pretty: self.pretty,
            pool,
        }
    }

    /// Writes all files about packages into `folder`: the documents, their zchunk copies and databases.
    pub(crate) fn assemble(
        &self,
        sources: &[Source],
        items: &[Item],
        folder: &Path,
        pool: &Arc<rayon::ThreadPool>,
        fresh: Fresh,
    ) -> Result<Vec<MetadataFile>, Error> {
        let options = self.document(Arc::clone(pool));
        let assembly = Assembly { sources, items, folder, options, render: self.render() };
        self.complete(assembly.write(fresh)?, folder)
    }

    /// Makes of the documents all other files about packages, as they are wanted.
    pub(crate) fn complete(&self, mut files: Vec<MetadataFile>, folder: &Path) -> Result<Vec<MetadataFile>, Error> {
        if !self.compression.has_blocks() {
            let how = self.file(self.compression);
            files =
                each(&files, |file| file.transcode(file.kind(), folder.join(format!("{}.final", file.kind())), &how))?;
        }
        let mut more = Vec::new();
        if let Some(compression) = self.databases {
            let how = self.file(compression);
            more.extend(each(&files, |file| file.database(folder, &how))?);
        }
        if self.zchunk && self.compression != Compression::Zchunk {
            let how = self.file(Compression::Zchunk);
            more.extend(each(&files, |file| file.zchunk(folder, &how))?);
        }
        files.extend(more);
        Ok(files)
    }

    /// The zchunk copies of other files, where such are wanted.
    pub(crate) fn zchunk_copies(&self, files: &[MetadataFile], folder: &Path) -> Result<Vec<MetadataFile>, Error> {
        if !self.zchunk || self.extra_compression == Compression::Zchunk {
            return Ok(Vec::new());
        }
        each(files, |file| file.zchunk(folder, &self.file(Compression::Zchunk)))
    }
}

/// Does something with every file, one thread each.
fn each(
    files: &[MetadataFile],
    work: impl Fn(&MetadataFile) -> Result<MetadataFile, Error> + Sync,
) -> Result<Vec<MetadataFile>, Error> {
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> = files.iter().map(|file| scope.spawn(move || work(file))).collect();
        let died = |_| Err(Error::metadata("metadata", "a writing thread died"));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(died)).collect()
    })
}
