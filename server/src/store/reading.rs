//! Reading results: a path leads to a file, a folder or nothing, whether they lie here or in a bucket.

use std::{
    fs::File,
    io::{self, SeekFrom},
    os::{fd::OwnedFd, unix::fs::MetadataExt as _},
};

use async_compression::tokio::bufread::GzipDecoder;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use object_store::{GetResult, ObjectMeta};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::{ReaderStream, StreamReader};

use super::{
    Bucket, Lasting, Place, Store, blocking,
    tree::{self, ENTRIES, Entry},
};

/// Bytes that are read at a time.
const CHUNK: usize = 64 * 1024;

/// The bytes of a file, as they come.
pub type ByteStream = BoxStream<'static, io::Result<Bytes>>;

/// What a path of the results names.
#[derive(Debug)]
pub enum Found {
    /// A regular file.
    File(FileToRead),
    /// A folder.
    Folder(FolderToRead),
    /// Nothing that may be shown.
    Nothing,
}

/// What is wanted of a file, which a bucket can give with one call if it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Its size, time and tag, and perhaps a part of it.
    Facts,
    /// All of it.
    Everything,
}

/// A file that is there.
#[derive(Debug)]
pub struct FileToRead {
    /// Length in bytes.
    pub size: u64,
    /// Time of its last change, seconds since 1970.
    pub mtime: i64,
    /// Differs between versions of the file; no quotes.
    pub tag: String,
    content: Content,
}

enum Content {
    Here(File),
    Object { bucket: Bucket, path: String, tag: Option<String>, begun: Option<Box<GetResult>> },
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Here(file) => file.fmt(f),
            Self::Object { path, .. } => path.fmt(f),
        }
    }
}

/// A folder that is there.
#[derive(Debug)]
pub enum FolderToRead {
    /// On this machine.
    Here(OwnedFd),
    /// In a bucket, where to look and to list is one.
    Listed(Vec<Entry>, bool),
}

impl FileToRead {
    fn here(file: File) -> io::Result<Self> {
        let about = file.metadata()?;
        let (size, mtime) = (about.len(), about.mtime());
        Ok(Self { size, mtime, tag: format!("{:x}-{mtime:x}-{size:x}", about.ino()), content: Content::Here(file) })
    }

    pub(super) fn object(bucket: &Bucket, path: &str, about: ObjectMeta, begun: Option<Box<GetResult>>) -> Self {
        let plain: String =
            about.e_tag.as_deref().unwrap_or_default().chars().filter(|c| c.is_ascii_graphic() && *c != '"').collect();
        Self {
            size: about.size,
            mtime: about.last_modified.timestamp(),
            tag: plain,
            content: Content::Object { bucket: bucket.clone(), path: path.to_owned(), tag: about.e_tag, begun },
        }
    }

    /// Where everyone may read it without this server, if there is such an address.
    #[must_use]
    pub fn public_url(&self) -> Option<String> {
        match &self.content {
            Content::Here(_) => None,
            Content::Object { bucket, path, .. } => bucket.public_url(path),
        }
    }

    /// The text that it is compressed from, as gzip: so many bytes from a place on, all before which is unpacked, too.
    ///
    /// # Errors
    /// It can't be read; while it is read, also when it is no gzip, or cut off.
    pub async fn unpacked(self, begin: u64, length: u64) -> io::Result<ByteStream> {
        let size = self.size;
        let mut text = GzipDecoder::new(StreamReader::new(self.read(0, size).await?));
        text.multiple_members(true);
        tokio::io::copy(&mut (&mut text).take(begin), &mut tokio::io::sink()).await?;
        Ok(ReaderStream::with_capacity(text.take(length), CHUNK).boxed())
    }

    /// Its bytes: so many from a place on, which is inside of it. A file that grows meanwhile is read as long as it was.
    ///
    /// # Errors
    /// It can't be read; from a bucket, also when it was replaced meanwhile.
    pub async fn read(self, begin: u64, length: u64) -> io::Result<ByteStream> {
        match self.content {
            Content::Here(file) => {
                let mut file = tokio::fs::File::from_std(file);
                if begin > 0 {
                    file.seek(SeekFrom::Start(begin)).await?;
                }
                Ok(ReaderStream::with_capacity(file.take(length), CHUNK).boxed())
            }
            Content::Object { begun: Some(begun), .. } if begin == 0 && length == self.size => {
                Ok(begun.into_stream().map_err(io::Error::from).boxed())
            }
            Content::Object { .. } if length == 0 => Ok(futures_util::stream::empty().boxed()),
            Content::Object { bucket, path, tag, .. } => match bucket.open(&path, Some((begin, length)), tag).await? {
                Some(found) => Ok(found.into_stream().map_err(io::Error::from).boxed()),
                None => Err(io::Error::new(io::ErrorKind::NotFound, format!("{path} was deleted meanwhile"))),
            },
        }
    }

    /// Its end: at most `limit` bytes, from the beginning of a line; with the byte it begins at.
    ///
    /// # Errors
    /// It can't be read.
    pub async fn tail(self, limit: u64) -> io::Result<(u64, Vec<u8>)> {
        let mut begin = self.size.saturating_sub(limit);
        let length = self.size - begin;
        let mut stream = self.read(begin, length).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = stream.try_next().await? {
            bytes.extend_from_slice(&chunk);
        }
        if begin > 0
            && let Some(end_of_line) = bytes.iter().position(|byte| *byte == b'\n')
        {
            bytes.drain(..=end_of_line);
            begin += u64::try_from(end_of_line).unwrap_or_default() + 1;
        }
        Ok((begin, bytes))
    }
}

impl FolderToRead {
    /// The entries, folders first, each by name; hidden ones, links and names that are no UTF-8 left out. The second value says
    /// that there were more than are listed.
    ///
    /// # Errors
    /// The folder can't be read.
    pub async fn list(self) -> io::Result<(Vec<Entry>, bool)> {
        match self {
            Self::Here(folder) => blocking(move || tree::list(&folder)).await,
            Self::Listed(entries, cut) => Ok((tree::sorted(entries), cut)),
        }
    }
}

impl Store {
    /// What `OWNER/DIRNAME/…` names below the results. A slash at its end is no part of it, but says that no file is meant.
    ///
    /// # Errors
    /// The disk can't be read, or the bucket does not answer.
    pub async fn find(&self, path: &str, want: Want) -> io::Result<Found> {
        let Some(parts) = tree::checked(path) else { return Ok(Found::Nothing) };
        let (root, owned) = (self.live_root(), parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>());
        let here = blocking(move || {
            let parts: Vec<&str> = owned.iter().map(String::as_str).collect();
            tree::open_below(&root, &parts)
        })
        .await?;
        let Lasting::Bucket(bucket) = &self.lasting else {
            return match here {
                tree::Found::File(file) => FileToRead::here(file).map(Found::File),
                tree::Found::Folder(folder) => Ok(Found::Folder(FolderToRead::Here(folder))),
                tree::Found::Nothing => Ok(Found::Nothing),
            };
        };
        // The log of a build that runs.
        if let tree::Found::File(file) = here {
            return FileToRead::here(file).map(Found::File);
        }
        let place = format!("results/{}", parts.join("/"));
        if !path.ends_with('/') {
            let found = match want {
                Want::Facts => bucket.about(&place).await?.map(|about| (about, None)),
                Want::Everything => {
                    bucket.open(&place, None, None).await?.map(|found| (found.meta.clone(), Some(Box::new(found))))
                }
            };
            if let Some((about, begun)) = found {
                return Ok(Found::File(FileToRead::object(bucket, &place, about, begun)));
            }
        }
        let listing = bucket.list(&place, ENTRIES).await?;
        let mut entries = listing.entries;
        if let tree::Found::Folder(folder) = here {
            let live = blocking(move || tree::list(&folder)).await?.0;
            let new: Vec<Entry> =
                live.into_iter().filter(|entry| entries.iter().all(|known| known.name != entry.name)).collect();
            entries.extend(new);
        } else if entries.is_empty() {
            return Ok(Found::Nothing);
        }
        Ok(Found::Folder(FolderToRead::Listed(entries, listing.cut)))
    }

    /// A build's source package.
    ///
    /// # Errors
    /// It is not there, or can't be read.
    pub async fn source(&self, folder: &Place, name: &str) -> io::Result<FileToRead> {
        let place = folder.join(name);
        match &self.lasting {
            Lasting::Folder => {
                let path = self.local(&place);
                blocking(move || FileToRead::here(fs_err::File::open(path)?.into())).await
            }
            Lasting::Bucket(bucket) => match bucket.open(place.as_str(), None, None).await? {
                Some(found) => {
                    Ok(FileToRead::object(bucket, place.as_str(), found.meta.clone(), Some(Box::new(found))))
                }
                None => Err(io::Error::new(io::ErrorKind::NotFound, format!("there is no {place} in the bucket"))),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_of_a_log_begins_with_a_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs_err::write(&path, "first\nsecond\nthird\n").unwrap();
        let file = || FileToRead::here(File::open(&path).unwrap()).unwrap();
        assert_eq!(file().tail(9).await.unwrap(), (13, b"third\n".to_vec()));
        assert_eq!(file().tail(1000).await.unwrap().0, 0);
    }
}
