//! Object stores: S3 and what speaks like it.
//!
//! An object appears when its last byte is there, so nothing needs a temporary name. The store checks what it gets against
//! the checksums that requests are signed with; our own checksum is noted beside each object.

use std::{fmt::Write as _, sync::Arc};

use bytes::BytesMut;
use copr_repodata::Checksum;
use futures_util::StreamExt;
use object_store::{
    Attribute, Attributes, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions,
    UpdateVersion, WriteMultipart, path::Path,
};

use super::{
    About, Entry, Outgoing, Put, Tag, Tagged,
    bytes::{Reading, Sink},
};
use crate::error::{Error, cut};

/// Bytes of one part of a large object; S3 takes at least 5 MiB, and 10,000 parts.
const PART: usize = 16 << 20;
/// Parts that are on their way at the same time.
const PARTS_AT_ONCE: usize = 4;
/// The note of an object's checksum.
const NOTE: &str = "copr-checksum";

#[derive(Debug, Clone)]
pub(super) struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: String,
    shown: String,
}

impl Objects {
    pub(super) fn new(store: Arc<dyn ObjectStore>, prefix: &str, shown: &str) -> Self {
        Self { store, prefix: prefix.to_owned(), shown: shown.to_owned() }
    }

    pub(super) fn below(&self, name: &str) -> Self {
        let prefix = if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) };
        Self { store: self.store.clone(), prefix, shown: format!("{}/{name}", self.shown) }
    }

    /// The key as it is: `Path::from` would write `~` and `^`, which package names have, in another way.
    fn key(&self, name: &str) -> Result<Path, Error> {
        let parsed =
            if self.prefix.is_empty() { Path::parse(name) } else { Path::parse(format!("{}/{name}", self.prefix)) };
        parsed.map_err(|_| Error::Refused {
            repository: self.shown.clone(),
            location: cut(name),
            reason: "it is no key of an object",
        })
    }

    fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.shown)
    }

    fn failed(&self, name: &str, error: &object_store::Error) -> Error {
        Error::Write { place: self.place(name), reason: told(error), transient: false }
    }

    pub(super) async fn read(&self, name: &str, limit: u64) -> Result<Option<Tagged>, Error> {
        let got = match self.store.get(&self.key(name)?).await {
            Ok(got) => got,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.failed(name, &error)),
        };
        let too_long = || Error::TooLong { url: self.place(name), limit };
        if got.meta.size > limit {
            return Err(too_long());
        }
        let (etag, version) = (got.meta.e_tag.clone(), got.meta.version.clone());
        let mut bytes = Vec::new();
        let mut stream = got.into_stream();
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|error| self.failed(name, &error))?;
            if (bytes.len() as u64).saturating_add(piece.len() as u64) > limit {
                return Err(too_long());
            }
            bytes.extend_from_slice(&piece);
        }
        let tag = Tag { etag, version, ..Tag::of(&bytes)? };
        Ok(Some(Tagged { bytes, tag }))
    }

    pub(super) async fn stream(&self, name: &str, sink: &mut Sink) -> Result<bool, Error> {
        let got = match self.store.get(&self.key(name)?).await {
            Ok(got) => got,
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(self.failed(name, &error)),
        };
        let mut stream = got.into_stream();
        while let Some(piece) = stream.next().await {
            sink.push(&piece.map_err(|error| self.failed(name, &error))?)?;
        }
        Ok(true)
    }

    pub(super) async fn about(&self, name: &str) -> Result<Option<About>, Error> {
        match self.store.get_opts(&self.key(name)?, GetOptions::new().with_head(true)).await {
            Ok(got) => Ok(Some(About {
                size: got.meta.size,
                sum: got.attributes.get(&Attribute::Metadata(NOTE.into())).map(|sum| sum.to_string()),
            })),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(name, &error)),
        }
    }

    pub(super) async fn put(&self, outgoing: &Outgoing<'_>) -> Result<bool, Error> {
        let done = match self.put_with(outgoing, note(outgoing.checksum)).await {
            // A store that keeps no notes.
            Err(PutError::Store(object_store::Error::NotImplemented { .. })) => {
                self.put_with(outgoing, Attributes::new()).await.map_err(|error| self.told(outgoing.name, error))
            }
            done => done.map_err(|error| self.told(outgoing.name, error)),
        };
        done.map(|()| false)
    }

    fn told(&self, name: &str, error: PutError) -> Error {
        match error {
            PutError::Store(error) => self.failed(name, &error),
            PutError::Ours(error) => error,
        }
    }

    async fn put_with(&self, outgoing: &Outgoing<'_>, attributes: Attributes) -> Result<(), PutError> {
        let key = self.key(outgoing.name)?;
        let mut reading = Reading::open(outgoing).await?;
        if outgoing.size <= PART as u64 {
            let mut whole = BytesMut::new();
            while let Some(piece) = reading.next().await? {
                whole.extend_from_slice(&piece);
            }
            let options = PutOptions { attributes, ..PutOptions::default() };
            self.store.put_opts(&key, whole.freeze().into(), options).await?;
            return Ok(());
        }
        let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
        let mut parts = WriteMultipart::new_with_chunk_size(self.store.put_multipart_opts(&key, options).await?, PART);
        let sent: Result<(), PutError> = async {
            while let Some(piece) = reading.next().await? {
                parts.wait_for_capacity(PARTS_AT_ONCE).await?;
                parts.put(piece);
            }
            Ok(())
        }
        .await;
        match sent {
            Ok(()) => {
                parts.finish().await?;
                Ok(())
            }
            Err(error) => {
                // The parts cost money until somebody removes them; the first failure is what is told.
                let _ = parts.abort().await;
                Err(error)
            }
        }
    }

    pub(super) async fn put_small(&self, name: &str, bytes: Vec<u8>) -> Result<(), Error> {
        self.store.put(&self.key(name)?, bytes.into()).await.map_err(|error| self.failed(name, &error))?;
        Ok(())
    }

    pub(super) async fn put_index(&self, name: &str, bytes: Vec<u8>, old: Option<&Tag>) -> Result<Put, Error> {
        let mode = match old {
            None => PutMode::Create,
            Some(Tag { etag: None, version: None, .. }) => {
                let reason = "the store gives no ETags, so one writer could not notice another".to_owned();
                return Err(Error::Write { place: self.place(name), reason, transient: false });
            }
            Some(tag) => PutMode::Update(UpdateVersion { e_tag: tag.etag.clone(), version: tag.version.clone() }),
        };
        use object_store::Error as Store;
        match self.store.put_opts(&self.key(name)?, bytes.into(), mode.into()).await {
            Ok(_) => Ok(Put::Done),
            Err(Store::AlreadyExists { .. } | Store::Precondition { .. }) => Ok(Put::Changed),
            // It is not there any more, which is a change, too.
            Err(Store::NotFound { .. }) if old.is_some() => Ok(Put::Changed),
            Err(error) => Err(self.failed(name, &error)),
        }
    }

    pub(super) async fn list(&self, folder: &str) -> Result<Option<Vec<Entry>>, Error> {
        let key = self.key(folder)?;
        let found = self.store.list_with_delimiter(Some(&key)).await.map_err(|error| self.failed(folder, &error))?;
        let entries = found.objects.into_iter().filter_map(|object| {
            let name = object.location.filename()?;
            Some(Entry { name: format!("{folder}/{name}"), size: object.size })
        });
        Ok(Some(entries.collect()))
    }

    pub(super) async fn delete(&self, name: &str) -> Result<(), Error> {
        match self.store.delete(&self.key(name)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(name, &error)),
        }
    }
}

/// Why an object could not be put.
enum PutError {
    Store(object_store::Error),
    Ours(Error),
}

impl From<object_store::Error> for PutError {
    fn from(error: object_store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<Error> for PutError {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

fn note(checksum: &Checksum) -> Attributes {
    [(Attribute::Metadata(NOTE.into()), checksum.to_string())].into_iter().collect()
}

/// The error and its causes in one line. What a server wrote is cut; requests, which are signed, are not in it.
fn told(error: &object_store::Error) -> String {
    let mut text = match error {
        object_store::Error::PermissionDenied { .. } => "no permission (403)".to_owned(),
        object_store::Error::Unauthenticated { .. } => "the store does not accept the credentials (401)".to_owned(),
        error => error.to_string(),
    };
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            let _ = write!(text, ": {next}");
        }
        cause = error.source();
    }
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.chars().take(500).collect()
}
