//! The server's configuration: `DIR/coprd.toml`, documented in the template that the first start writes.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use serde::Deserialize;

pub mod chroots;
pub mod content;
pub mod events;
mod operation;
pub mod people;
pub mod projects;
pub mod queue;
pub mod quota;
pub mod signing;

pub use operation::{Limits, Log, LogFormat, Metrics, Rate, Tls, is_within};

/// The commented template: the reference of every key.
pub const TEMPLATE: &str = include_str!("../../plugin-conf/coprd.toml");

/// Why the configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file can't be read.
    #[error(transparent)]
    Read(#[from] std::io::Error),
    /// The file is not TOML, or has a key that nobody knows; the text names line and key.
    #[error("{}: {error}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What and where.
        error: Box<toml::de::Error>,
    },
    /// A value makes no sense.
    #[error("{}: {key}: {rule}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The key, with its table.
        key: &'static str,
        /// What it should be.
        rule: String,
    },
    /// The definitions of chroots can't be used.
    #[error(transparent)]
    Definition(#[from] copr_builder::definitions::DefinitionError),
}

/// All of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The address that users see, without a slash at the end; empty: the one that the server listens on.
    pub public_url: String,
    /// Where to listen, `address:port`.
    pub listen: String,
    /// Proxies whose word on the caller's address and client certificate is taken: networks.
    #[serde(deserialize_with = "operation::networks")]
    pub trusted_proxies: Vec<(IpAddr, u8)>,
    /// TLS spoken by the server itself.
    pub tls: Tls,
    /// What is logged, and how.
    pub log: Log,
    /// Who may read the figures.
    pub metrics: Metrics,
    /// The database.
    pub database: Database,
    /// Where results lie.
    pub store: Store,
    /// Bounds for what comes in.
    pub limits: Limits,
    /// How people sign in with a browser.
    pub sign_in: people::SignIn,
    /// Builds and leases.
    pub builds: Builds,
    /// Machines at once.
    pub queue: queue::Queue,
    /// How much an owner may store.
    pub quota: quota::Quota,
    /// When old builds go.
    pub prune: quota::Prune,
    /// Repositories.
    pub publish: Publish,
    /// Whose keys packages are signed with.
    pub signing: signing::Signing,
    /// What happens, and who is told.
    pub events: events::Events,
    /// What can be built for.
    pub chroots: Chroots,
    /// How long things are kept that nobody has any more.
    pub projects: projects::Projects,
    /// What users may do beside their projects.
    pub people: people::People,
    /// Licences of packages.
    pub licences: content::Licences,
    /// What users accept.
    pub terms: content::Terms,
    /// Reports of abuse.
    pub reports: content::Reports,
    /// The embedded builder.
    pub builder: Builder,
}

/// `[database]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `sqlite:` or `postgres:` URL; empty: SQLite in the data folder. May hold a password.
    pub url: Option<copr_api::names::Secret>,
}

/// `[store]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// `s3://NAME` or `s3://NAME/PREFIX`; empty: files in the data folder.
    pub bucket: String,
    /// Address of the S3-compatible service; empty: what `AWS_ENDPOINT_URL` says, or Amazon's.
    pub endpoint: String,
    /// Region; empty: what `AWS_REGION` says, or us-east-1.
    pub region: String,
    /// Whether the endpoint may be `http://`.
    pub allow_http: bool,
    /// File with the access key; empty: the environment has it.
    pub credentials: PathBuf,
    /// Where everyone may read what is in the bucket below PREFIX, without a slash at the end; empty: this server passes it on.
    pub public_url: String,
}

impl Store {
    /// The bucket's name and the prefix, without slashes around it; `None`: files in the data folder.
    ///
    /// # Errors
    /// [`Self::bucket`] is no `s3://` address; the text says the rule.
    pub fn bucket(&self) -> Result<Option<(&str, &str)>, String> {
        if self.bucket.is_empty() {
            return Ok(None);
        }
        let rest = self.bucket.strip_prefix("s3://").unwrap_or_default();
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_matches('/');
        let fine = |text: &str, others: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c));
        let parts = prefix.is_empty()
            || prefix.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && fine(part, "-_."));
        if (3..=63).contains(&name.len()) && fine(name, "-.") && parts {
            return Ok(Some((name, prefix)));
        }
        Err(format!("{:?} is not s3://NAME or s3://NAME/PREFIX, of letters, digits, - _ and .", self.bucket))
    }

    /// What is wrong: the key and its rule.
    fn check(&mut self) -> Result<(), (&'static str, String)> {
        self.bucket().map_err(|rule| ("store.bucket", rule))?;
        let web = |text: &str| url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        for (key, value) in [("store.endpoint", &mut self.endpoint), ("store.public_url", &mut self.public_url)] {
            value.truncate(value.trim_end_matches('/').len());
            if !value.is_empty() && !web(value) {
                return Err((key, format!("{value:?} is no http:// or https:// address")));
            }
        }
        if self.endpoint.starts_with("http://") && !self.allow_http {
            return Err((
                "store.endpoint",
                "is http://, which anyone on the way may read: set `allow_http = true` if that is meant".to_owned(),
            ));
        }
        let without = self.bucket.is_empty()
            && !(self.endpoint.is_empty() && self.public_url.is_empty() && self.credentials.as_os_str().is_empty());
        if without {
            return Err(("store.bucket", "is empty, but other keys of [store] are about a bucket".to_owned()));
        }
        Ok(())
    }
}

/// `[builds]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Builds {
    /// Default seconds for rpmbuild.
    pub timeout: i64,
    /// Seconds at most.
    pub max_timeout: i64,
    /// Seconds a lease lasts after a heartbeat.
    pub lease_seconds: u64,
    /// Times a build-chroot is leased at most.
    pub attempts: i64,
}

/// `[publish]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Publish {
    /// Seconds that old metadata files are kept.
    pub retain_seconds: u64,
    /// Milliseconds that lie at least between two publishes of one repository.
    pub gather_ms: u64,
}

/// `[chroots]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Chroots {
    /// Folder of definitions; empty: none.
    pub folder: PathBuf,
    /// The minidistro's repository; empty: not offered.
    pub minidistro: PathBuf,
}

/// `[builder]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Builder {
    /// Whether the server has one inside.
    pub enabled: bool,
    /// Builds at once.
    #[serde(alias = "workers")]
    pub jobs: usize,
    /// Shell patterns of the chroots that it takes; empty: all.
    pub chroots: Vec<String>,
    /// Tags that it offers.
    pub tags: Vec<String>,
    /// Hardware virtualisation or emulation.
    pub accel: Accel,
    /// Folder of what is kept between builds; empty: `cache` in the data folder.
    pub cache: PathBuf,
    /// Most bytes of that.
    pub cache_bytes: u64,
    /// Whether machines start from snapshots of booted ones.
    pub snapshots: bool,
    /// The QEMU program.
    pub qemu: PathBuf,
    /// Kernel image; empty: found.
    pub kernel: PathBuf,
    /// Its modules; empty: found.
    pub modules: PathBuf,
    /// Memory of a machine.
    pub memory_mib: u32,
    /// Memory of a machine whose build asks for more, at most.
    pub most_memory_mib: u32,
    /// Virtual CPUs of a machine.
    pub cpus: u32,
    /// Virtual CPUs of a machine whose build asks for more, at most; 0: as many as the host has.
    pub most_cpus: u32,
    /// Scratch disk of a machine, sparse.
    pub scratch_bytes: u64,
    /// All logs of a build together; one that writes more fails.
    pub log_bytes: u64,
    /// Networks that machines with a network card, downloads of sources, and repositories that users have named by URL, reach besides
    /// public addresses.
    #[serde(deserialize_with = "networks")]
    pub allow: Vec<(IpAddr, u8)>,
    /// Folder of the cgroup tree below which each QEMU gets a group of its own; empty: none.
    pub cgroup: PathBuf,
    /// User and group that QEMU runs as; 0: the server's own.
    pub uid: u32,
}

fn networks<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<(IpAddr, u8)>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| copr_builder::parse_network(text).map_err(serde::de::Error::custom)).collect()
}

/// How machines run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accel {
    /// KVM when it is usable.
    Auto,
    /// KVM only.
    Kvm,
    /// Emulation only.
    Tcg,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            public_url: String::new(),
            listen: "127.0.0.1:8210".to_owned(),
            trusted_proxies: Vec::new(),
            tls: Tls::default(),
            log: Log::default(),
            metrics: Metrics::default(),
            database: Database::default(),
            store: Store::default(),
            limits: Limits::default(),
            sign_in: people::SignIn::default(),
            builds: Builds::default(),
            queue: queue::Queue::default(),
            quota: quota::Quota::default(),
            prune: quota::Prune::default(),
            publish: Publish::default(),
            signing: signing::Signing::default(),
            events: events::Events::default(),
            projects: projects::Projects::default(),
            people: people::People::default(),
            licences: content::Licences::default(),
            terms: content::Terms::default(),
            reports: content::Reports::default(),
            chroots: Chroots::default(),
            builder: Builder::default(),
        }
    }
}

impl Default for Builds {
    fn default() -> Self {
        Self { timeout: 18_000, max_timeout: 108_000, lease_seconds: 60, attempts: 3 }
    }
}

impl Default for Publish {
    fn default() -> Self {
        Self { retain_seconds: 86_400, gather_ms: 500 }
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            enabled: true,
            jobs: 1,
            chroots: Vec::new(),
            tags: Vec::new(),
            accel: Accel::Auto,
            cache: PathBuf::new(),
            cache_bytes: 50 << 30,
            snapshots: true,
            qemu: PathBuf::from("qemu-system-x86_64"),
            kernel: PathBuf::new(),
            modules: PathBuf::new(),
            memory_mib: 2048,
            most_memory_mib: 8192,
            cpus: 1,
            most_cpus: 0,
            scratch_bytes: 20 << 30,
            log_bytes: 64 << 20,
            allow: Vec::new(),
            cgroup: PathBuf::new(),
            uid: 0,
        }
    }
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// The file can't be read, has unknown keys, or values that make no sense; the text names file and key.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::parse(&fs_err::read_to_string(path)?, path)
    }

    /// The same from text; `path` is for messages.
    ///
    /// # Errors
    /// See [`Self::read`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let mut config: Self =
            toml::from_str(text).map_err(|error| Error::Syntax { path: path.to_owned(), error: Box::new(error) })?;
        let wrong = |key, rule: String| Err(Error::Value { path: path.to_owned(), key, rule });
        if !config.public_url.is_empty() {
            config.public_url.truncate(config.public_url.trim_end_matches('/').len());
            match url::Url::parse(&config.public_url) {
                Ok(url) if matches!(url.scheme(), "http" | "https") && url.path() == "/" && url.query().is_none() => {}
                _ => {
                    return wrong(
                        "public_url",
                        format!("{:?} is no http:// or https:// address without a path", config.public_url),
                    );
                }
            }
        }
        let checked = config
            .store
            .check()
            .and_then(|()| config.projects.check())
            .and_then(|()| config.prune.check())
            .and_then(|()| config.signing.check())
            .and_then(|()| config.events.check());
        if let Err((key, rule)) = checked.and(config.limits.check()).and(config.tls.check()).and(config.sign_in.check())
        {
            return wrong(key, rule);
        }
        if config.sign_in.oidc.is_on() && !config.sign_in.oidc.is_near() && config.public_url.is_empty() {
            return wrong(
                "public_url",
                "must be set: the provider of [sign_in.oidc] leads people back there".to_owned(),
            );
        }
        if config.publish.gather_ms > 60_000 {
            return wrong("publish.gather_ms", "must be 60000 (a minute) at most".to_owned());
        }
        if config.builds.timeout < 1 || config.builds.max_timeout < config.builds.timeout {
            return wrong("builds.timeout", "must be 1 at least, and builds.max_timeout not less".to_owned());
        }
        if !(3..=3600).contains(&config.builds.lease_seconds) {
            return wrong("builds.lease_seconds", "must be 3 to 3600".to_owned());
        }
        if config.builds.attempts < 1 {
            return wrong("builds.attempts", "must be 1 at least".to_owned());
        }
        if config.builder.enabled && config.builder.jobs == 0 {
            return wrong("builder.jobs", "must be 1 at least; `enabled = false` turns the builder off".to_owned());
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_valid_and_every_value_that_it_shows_is_the_default() {
        let path = Path::new("coprd.toml");
        let shown: Config = Config::parse(TEMPLATE, path).unwrap();
        let uncommented: String = TEMPLATE
            .lines()
            .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with([' ', '#'])).unwrap_or(line))
            .map(|line| format!("{line}\n"))
            .filter(|line| !line.starts_with("public_url = \"https://copr"))
            .collect();
        let mut uncommented = Config::parse(&uncommented, path).unwrap();
        // An empty URL and none mean the same.
        uncommented.database.url = None;
        uncommented.metrics.token = None;
        assert_eq!(format!("{shown:?}"), format!("{uncommented:?}"));
    }

    #[test]
    fn an_unknown_key_is_named_with_file_and_line() {
        let error = Config::parse("listen = \"127.0.0.1:1\"\n[builder]\nenabeld = false\n", Path::new("/x/coprd.toml"))
            .unwrap_err();
        let text = error.to_string();
        assert!(text.contains("/x/coprd.toml") && text.contains("line 3") && text.contains("enabeld"), "{text}");
    }

    #[test]
    fn a_bucket_has_a_name_and_perhaps_a_prefix() {
        let store = |bucket: &str| Store { bucket: bucket.to_owned(), ..Store::default() };
        assert_eq!(store("").bucket(), Ok(None));
        assert_eq!(store("s3://copr").bucket(), Ok(Some(("copr", ""))));
        assert_eq!(store("s3://copr.example.org/a/b_c/").bucket(), Ok(Some(("copr.example.org", "a/b_c"))));
        assert!(store("s3://c").bucket().is_err());
    }

    #[test]
    fn values_without_sense_are_named_with_their_rule() {
        for (text, key) in [
            ("public_url = \"copr.example.org\"", "public_url"),
            ("public_url = \"https://copr.example.org/sub\"", "public_url"),
            ("[builds]\nlease_seconds = 0", "builds.lease_seconds"),
            ("[builds]\nattempts = 0", "builds.attempts"),
            ("[builds]\ntimeout = 10\nmax_timeout = 5", "builds.timeout"),
            ("[builder]\nworkers = 0", "builder.jobs"),
            ("[store]\nbucket = \"copr\"", "store.bucket"),
            ("[store]\nbucket = \"s3://copr/../x\"", "store.bucket"),
            ("[store]\nbucket = \"s3://copr/a b\"", "store.bucket"),
            ("[store]\nendpoint = \"https://s3.example.org\"", "store.bucket"),
            ("[store]\nbucket = \"s3://copr\"\nendpoint = \"http://s3.example.org\"", "store.endpoint"),
            ("[store]\nbucket = \"s3://copr\"\nendpoint = \"s3.example.org\"", "store.endpoint"),
            ("[publish]\ngather_ms = 3600000", "publish.gather_ms"),
            ("[prune]\nkeep = 0", "prune.keep"),
            ("[prune]\nundo_days = -1", "prune.undo_days"),
            ("[signing]\ntrusted_days = -1", "signing.trusted_days"),
            ("[limits]\nbody_bytes = 1", "limits.body_bytes"),
            ("[limits]\nstall_seconds = 0", "limits.stall_seconds"),
            ("[tls]\nkey = \"/k\"", "tls.certificate"),
        ] {
            let error = Config::parse(text, Path::new("c.toml")).unwrap_err().to_string();
            assert!(error.starts_with(&format!("c.toml: {key}: ")), "{error}");
        }
    }
}
