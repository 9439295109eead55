//! Buckets of S3, and of what speaks like it.

use std::{fmt, sync::Arc, time::Duration};

use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
};

use crate::error::{Error, cut};

/// How a bucket is reached: what usually stands in the environment as `AWS_...`, and the endpoint.
#[derive(Clone, Default)]
pub struct S3Options {
    /// Names as in the environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`,
    /// `AWS_ENDPOINT_URL`, ...) and their values. Names that nobody knows are passed over.
    pub settings: Vec<(String, String)>,
    /// URL of a server that is not Amazon's; goes before what the settings say.
    pub endpoint: Option<String>,
}

impl fmt::Debug for S3Options {
    /// Names only: values are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.settings.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("S3Options").field("settings", &names).field("endpoint", &self.endpoint).finish()
    }
}

impl S3Options {
    /// A bucket as an object store. Nothing is asked of it yet.
    ///
    /// # Errors
    /// [`Error::BadUrl`] for settings that do not fit together.
    pub fn bucket(&self, name: &str) -> Result<Arc<dyn ObjectStore>, Error> {
        let client = ClientOptions::new()
            .with_connect_timeout(Duration::from_secs(10))
            // For one part, also on a slow line.
            .with_timeout(Duration::from_secs(180));
        let mut builder = AmazonS3Builder::new().with_client_options(client);
        let (mut endpoint, mut of_s3) = (None, None);
        for (name, value) in self.settings.iter().filter(|(_, value)| !value.is_empty()) {
            match name.to_ascii_lowercase().parse() {
                Ok(AmazonS3ConfigKey::Endpoint) => endpoint = Some(value),
                Ok(AmazonS3ConfigKey::S3Endpoint) => of_s3 = Some(value),
                Ok(key) => builder = builder.with_config(key, value),
                Err(_) => {}
            }
        }
        if let Some(endpoint) = self.endpoint.as_ref().or(of_s3).or(endpoint) {
            // Who writes http:// means it; whoever names no scheme gets a message from the builder.
            builder = builder.with_allow_http(endpoint.starts_with("http://")).with_endpoint(endpoint);
        }
        let retry =
            RetryConfig { backoff: BackoffConfig::default(), max_retries: 6, retry_timeout: Duration::from_secs(60) };
        let store = builder.with_bucket_name(name).with_retry(retry).build();
        let bad = |error: object_store::Error| Error::BadUrl {
            url: format!("s3://{}", cut(name)),
            reason: error.to_string().chars().take(300).collect(),
        };
        Ok(Arc::new(store.map_err(bad)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let settings = [("AWS_ACCESS_KEY_ID", "somebody"), ("AWS_SECRET_ACCESS_KEY", "s3cr3t"), ("AWS_X", "y")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let options = S3Options { settings, endpoint: Some("http://localhost:1".to_owned()) };
        let shown = format!("{options:?}");
        assert!(shown.contains("AWS_SECRET_ACCESS_KEY") && !shown.contains("s3cr3t"), "{shown}");
        options.bucket("bucket").unwrap();
        let alone = S3Options { settings: options.settings.into_iter().skip(1).collect(), endpoint: None };
        let error = alone.bucket("bucket").unwrap_err().to_string();
        assert!(error.contains("AccessKeyId") && !error.contains("s3cr3t"), "{error}");
    }
}
