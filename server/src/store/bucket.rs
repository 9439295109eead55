//! A bucket of an S3-compatible service, as far as the store needs one.

use std::{fmt, io, path::Path, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::{
    BackoffConfig, ClientOptions, Error, GetOptions, GetRange, GetResult, ObjectMeta, ObjectStore, ObjectStoreExt as _,
    PutMode, PutOptions, RetryConfig, UpdateVersion,
    aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut},
    buffered::BufWriter,
    list::{PaginatedListOptions, PaginatedListStore as _},
    path::Path as Key,
};
use tokio::io::AsyncWriteExt as _;

use super::{Below, Place, tree::Entry};
use crate::config;

/// The largest object that S3 copies with one call.
const COPY_LIMIT: u64 = 5 << 30;
/// The longest file with an access key.
const CREDENTIALS: u64 = 64 << 10;

/// Why a bucket can't be used; the text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// The file with the access key can't be read.
    #[error(transparent)]
    Credentials(#[from] io::Error),
    /// The file with the access key has none.
    #[error("{0}: it needs a line `aws_access_key_id = ...` and a line `aws_secret_access_key = ...`")]
    NoKey(String),
    /// The configuration makes no sense.
    #[error("[store] of coprd.toml: {0}")]
    Config(String),
    /// The service refused something, or was not there.
    #[error(
        "the bucket {bucket}: cannot {what}: {error} -- check bucket, endpoint, region and access key in [store] of coprd.toml"
    )]
    Refused {
        /// The bucket.
        bucket: String,
        /// `write an object`, …
        what: &'static str,
        /// Why, in one line.
        error: String,
    },
    /// Two servers could overwrite each other's repositories.
    #[error(
        "the bucket {bucket} takes no notice of {header}: a service that honours conditional PUT is needed, or repositories \
         could lose packages"
    )]
    Unconditional {
        /// The bucket.
        bucket: String,
        /// `If-None-Match`, …
        header: &'static str,
    },
}

/// A bucket, or what lies below a prefix of it; clones share its connections.
#[derive(Clone)]
pub struct Bucket {
    objects: Arc<AmazonS3>,
    /// `s3://NAME/PREFIX`, for messages.
    address: Arc<str>,
    /// Ends with a slash unless it is empty.
    prefix: Arc<str>,
    public_url: Option<Arc<str>>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bucket").field(&self.address).finish()
    }
}

/// Its address, `s3://NAME/PREFIX`.
impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

/// One page of a listing, or all of it.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) entries: Vec<Entry>,
    pub(super) cut: bool,
}

impl Bucket {
    /// The bucket that a configuration names; nothing is sent yet. `None`: it names none.
    ///
    /// # Errors
    /// The access key can't be read, or the configuration makes no sense.
    pub fn connect(config: &config::Store) -> Result<Option<Self>, BucketError> {
        let Some((name, prefix)) = config.bucket().map_err(BucketError::Config)? else { return Ok(None) };
        let mut builder = if config.credentials.as_os_str().is_empty() {
            AmazonS3Builder::from_env()
        } else {
            with_key(&config.credentials)?
        };
        builder = builder.with_bucket_name(name).with_conditional_put(S3ConditionalPut::ETagMatch);
        if !config.endpoint.is_empty() {
            builder = builder.with_endpoint(&config.endpoint);
        }
        if !config.region.is_empty() {
            builder = builder.with_region(&config.region);
        }
        let client = ClientOptions::new()
            .with_allow_http(config.allow_http)
            .with_connect_timeout(Duration::from_secs(10))
            // A large package may take long, but never without a byte.
            .with_timeout_disabled()
            .with_read_timeout(Duration::from_secs(60));
        let retry = RetryConfig {
            max_retries: 4,
            retry_timeout: Duration::from_secs(60),
            backoff: BackoffConfig { max_backoff: Duration::from_secs(5), ..BackoffConfig::default() },
        };
        let objects = builder
            .with_client_options(client)
            .with_retry(retry)
            .build()
            .map_err(|error| BucketError::Config(error.to_string()))?;
        Ok(Some(Self {
            objects: Arc::new(objects),
            address: config.bucket.trim_end_matches('/').into(),
            prefix: if prefix.is_empty() { "".into() } else { format!("{prefix}/").into() },
            public_url: (!config.public_url.is_empty()).then(|| config.public_url.as_str().into()),
        }))
    }

    /// Tries out what the server needs: writing, conditional writing, reading, deleting.
    ///
    /// # Errors
    /// One of them does not work; the text says which, and what to do.
    pub async fn check(&self) -> Result<(), BucketError> {
        let refused = |what| {
            move |error: Error| BucketError::Refused { bucket: self.address.to_string(), what, error: told(&error) }
        };
        let ignored = |header| BucketError::Unconditional { bucket: self.address.to_string(), header };
        let name = format!("check-{}", ulid::Ulid::generate().to_string().to_lowercase());
        let key =
            Key::parse(format!("{}{name}", self.prefix)).map_err(|error| BucketError::Config(error.to_string()))?;
        let put = async |mode: PutMode| {
            let options = PutOptions { mode, ..PutOptions::default() };
            self.objects.put_opts(&key, "written by coprd to try out its bucket".into(), options).await
        };
        let first = put(PutMode::Create).await.map_err(refused("write an object"))?;
        let verdict = async {
            match put(PutMode::Create).await {
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {}
                Ok(_) => return Err(ignored("If-None-Match")),
                Err(error) => return Err(refused("write an object on a condition")(error)),
            }
            let other = UpdateVersion { e_tag: Some("\"00000000000000000000000000000000\"".to_owned()), version: None };
            match put(PutMode::Update(other)).await {
                Err(Error::Precondition { .. }) => {}
                Ok(_) => return Err(ignored("If-Match")),
                Err(error) => return Err(refused("write an object on a condition")(error)),
            }
            put(PutMode::Update(first.into())).await.map_err(refused("replace an object on a condition"))?;
            self.objects.get(&key).await.map_err(refused("read an object"))?;
            Ok(())
        }
        .await;
        let gone = self.objects.delete(&key).await.map_err(refused("delete an object"));
        verdict.and(gone)
    }

    /// All objects of the bucket, and what stands before a path of the store in their keys: empty, or with a slash at its end.
    #[must_use]
    pub fn objects(&self) -> (Arc<dyn ObjectStore>, &str) {
        (self.objects.clone(), &self.prefix)
    }

    fn key(&self, path: &str) -> io::Result<Key> {
        Key::parse(format!("{}{path}", self.prefix)).map_err(io::Error::other)
    }

    /// Where everyone may read an object, if that is configured.
    pub(super) fn public_url(&self, path: &str) -> Option<String> {
        let encode = |part: &str| -> String {
            part.bytes()
                .map(|byte| match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                        char::from(byte).to_string()
                    }
                    _ => format!("%{byte:02X}"),
                })
                .collect()
        };
        self.public_url.as_ref().map(|url| format!("{url}/{}", encode(path)))
    }

    /// Uploads a file; it appears whole or not at all.
    pub(super) async fn upload(&self, from: &Path, to: &Place) -> io::Result<()> {
        let mut file = tokio::fs::File::open(from)
            .await
            .map_err(|error| io::Error::new(error.kind(), format!("cannot open {}: {error}", from.display())))?;
        let mut writer = BufWriter::new(self.objects.clone(), self.key(to.as_str())?);
        let copied = tokio::io::copy(&mut file, &mut writer).await;
        let done = match copied {
            Ok(_) => writer.shutdown().await,
            Err(error) => {
                writer.abort().await.ok();
                Err(error)
            }
        };
        done.map_err(|error| io::Error::new(error.kind(), format!("cannot write {}/{to}: {error}", self.address)))
    }

    /// Downloads an object into a new file, synced; `false`: there is none.
    pub(super) async fn download(&self, from: &Place, to: &Path) -> io::Result<bool> {
        let found = match self.objects.get(&self.key(from.as_str())?).await {
            Err(Error::NotFound { .. }) => return Ok(false),
            found => found?,
        };
        let size = found.meta.size;
        let mut file = tokio::io::BufWriter::with_capacity(1 << 18, tokio::fs::File::create(to).await?);
        let mut stream = found.into_stream();
        let mut written = 0_u64;
        while let Some(chunk) = stream.try_next().await? {
            written = written.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
            file.write_all(&chunk).await?;
        }
        if written != size {
            return Err(io::Error::other(format!("{}/{from} ended after {written} bytes of {size}", self.address)));
        }
        file.flush().await?;
        file.get_ref().sync_all().await?;
        Ok(true)
    }

    /// Copies an object inside the bucket; `false`: there is none, or it is larger than S3 copies.
    pub(super) async fn copy(&self, from: &Place, to: &Place) -> io::Result<bool> {
        match self.about(from.as_str()).await? {
            Some(about) if about.size <= COPY_LIMIT => {}
            _ => return Ok(false),
        }
        match self.objects.copy(&self.key(from.as_str())?, &self.key(to.as_str())?).await {
            Ok(()) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes an object; none is fine.
    pub(super) async fn remove(&self, place: &Place) -> io::Result<()> {
        match self.objects.delete(&self.key(place.as_str())?).await {
            Err(Error::NotFound { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes everything below a path.
    pub(super) async fn remove_all(&self, place: &Place) -> io::Result<()> {
        let prefix = self.key(place.as_str())?;
        let keys = self.objects.list(Some(&prefix)).map_ok(|about| about.location).boxed();
        let deleted = self.objects.delete_stream(keys).try_for_each(async |_| Ok(())).await;
        match deleted {
            // Someone else deletes the same.
            Err(Error::NotFound { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Size, time and tag of an object; `None`: there is none.
    pub(super) async fn about(&self, path: &str) -> io::Result<Option<ObjectMeta>> {
        match self.objects.head(&self.key(path)?).await {
            Ok(about) => Ok(Some(about)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Size and age of all that lies below a path, or of the object that is there.
    pub(super) async fn below(&self, place: &Place) -> io::Result<Below> {
        if let Some(about) = self.about(place.as_str()).await? {
            return Ok(Below { bytes: about.size, newest: about.last_modified.timestamp() });
        }
        let prefix = self.key(place.as_str())?;
        let mut found = Below::default();
        let mut list = self.objects.list(Some(&prefix));
        while let Some(about) = list.try_next().await? {
            found.bytes = found.bytes.saturating_add(about.size);
            found.newest = found.newest.max(about.last_modified.timestamp());
        }
        Ok(found)
    }

    /// Begins to read an object: all of it, or so many bytes from a place in the version with that tag.
    pub(super) async fn open(
        &self,
        path: &str,
        part: Option<(u64, u64)>,
        tag: Option<String>,
    ) -> io::Result<Option<GetResult>> {
        let range = part.map(|(begin, length)| GetRange::Bounded(begin..begin.saturating_add(length)));
        let options = GetOptions { range, if_match: tag, ..GetOptions::default() };
        match self.objects.get_opts(&self.key(path)?, options).await {
            Ok(found) => Ok(Some(found)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What lies directly below a path, unsorted; at most about `limit` entries, none for a path that does not exist.
    pub(super) async fn list(&self, path: &str, limit: usize) -> io::Result<Listing> {
        let prefix = format!("{}/", self.key(path)?);
        let mut listing = Listing::default();
        let mut page_token = None;
        loop {
            let options = PaginatedListOptions {
                delimiter: Some("/".into()),
                max_keys: Some(limit.min(1000)),
                page_token,
                ..PaginatedListOptions::default()
            };
            let page = self.objects.list_paginated(Some(&prefix), options).await?;
            let name = |key: &Key| key.filename().map(str::to_owned).filter(|name| !name.starts_with('.'));
            let folder = |name| Entry { name, folder: true, size: 0, mtime: 0 };
            listing.entries.extend(page.result.common_prefixes.iter().filter_map(name).map(folder));
            listing.entries.extend(page.result.objects.iter().filter_map(|about| {
                let mtime = about.last_modified.timestamp();
                name(&about.location).map(|name| Entry { name, folder: false, size: about.size, mtime })
            }));
            page_token = page.page_token;
            if page_token.is_none() {
                return Ok(listing);
            }
            if listing.entries.len() >= limit {
                return Ok(Listing { cut: true, ..listing });
            }
        }
    }
}

/// An error in one line. What the service wrote is cut; signed requests are not in it.
fn told(error: &Error) -> String {
    let text = match error {
        Error::PermissionDenied { .. } => "no permission (403)".to_owned(),
        Error::Unauthenticated { .. } => "the service does not accept the access key (401)".to_owned(),
        error => error.to_string(),
    };
    text.split_whitespace().flat_map(|word| [word, " "]).collect::<String>().trim_end().chars().take(400).collect()
}

/// The access key of a file: lines `aws_access_key_id = …` and so on, as in `~/.aws/credentials`; the first of each.
fn with_key(path: &Path) -> Result<AmazonS3Builder, BucketError> {
    let mut text = String::new();
    io::Read::read_to_string(&mut io::Read::take(fs_err::File::open(path)?, CREDENTIALS), &mut text)?;
    let find = |wanted: &str| {
        text.lines().filter_map(|line| line.split_once('=')).find_map(|(key, value)| {
            let value = value.trim().trim_matches('"');
            (key.trim().eq_ignore_ascii_case(wanted) && !value.is_empty()).then(|| value.to_owned())
        })
    };
    let (Some(id), Some(secret)) = (find("aws_access_key_id"), find("aws_secret_access_key")) else {
        return Err(BucketError::NoKey(path.display().to_string()));
    };
    let builder = AmazonS3Builder::new().with_access_key_id(id).with_secret_access_key(secret);
    Ok(match find("aws_session_token") {
        Some(token) => builder.with_token(token),
        None => builder,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_key_comes_from_a_file_and_shows_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let config = config::Store {
            bucket: "s3://copr/a".to_owned(),
            credentials: path.clone(),
            public_url: "https://files.example.org/a".to_owned(),
            ..config::Store::default()
        };
        assert!(matches!(Bucket::connect(&config), Err(BucketError::Credentials(_))));
        fs_err::write(&path, "[default]\naws_access_key_id = AKIA\n").unwrap();
        let error = Bucket::connect(&config).unwrap_err().to_string();
        assert!(error.contains("aws_secret_access_key") && !error.contains("AKIA"), "{error}");
        fs_err::write(&path, "[default]\naws_access_key_id = AKIA\nAWS_SECRET_ACCESS_KEY=\"s3cret\"\n").unwrap();
        let bucket = Bucket::connect(&config).unwrap().unwrap();
        assert_eq!(format!("{bucket:?}"), "Bucket(\"s3://copr/a\")");
        assert_eq!(
            bucket.public_url("results/@g/p/x+1~2.rpm").unwrap(),
            "https://files.example.org/a/results/%40g/p/x%2B1~2.rpm"
        );
        assert_eq!(bucket.key("results/a/x~1^2.rpm").unwrap().as_ref(), "a/results/a/x~1^2.rpm");
    }

    #[test]
    fn no_bucket_is_none() {
        assert!(Bucket::connect(&config::Store::default()).unwrap().is_none());
    }
}
