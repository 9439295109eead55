//! What every request handler and background loop shares.

use std::sync::Arc;

use copr_api::names::{Chroot, DirName, OwnerName, ProjectName, Secret};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{Config, chroots::Definitions},
    db::Db,
    follow::Following,
    licence::Licences,
    metrics::Metrics,
    promotion::Promoting,
    publish::{PUBLIC_KEYS, Publishing},
    queue::Queue,
    sign::Signing,
    store::Store,
    takedown::Takedowns,
    terms::Terms,
    web::repository::Views,
};

/// Clones share everything.
#[derive(Debug, Clone)]
pub struct AppState {
    /// The configuration, read once.
    pub config: Arc<Config>,
    /// The chroots that are offered.
    pub chroots: Arc<Definitions>,
    /// What is known of licences.
    pub licences: Arc<Licences>,
    /// What every user accepts; `None`: nothing.
    pub terms: Option<Arc<Terms>>,
    /// What is not served.
    pub takedowns: Arc<Takedowns>,
    /// The database.
    pub db: Db,
    /// Sources, logs and results.
    pub store: Store,
    /// Leases.
    pub queue: Queue,
    /// Repositories.
    pub publishing: Publishing,
    /// Keys, and signatures by them.
    pub signing: Signing,
    /// What promotions need.
    pub promoting: Promoting,
    /// Who follows builds while they run.
    pub following: Following,
    /// What has been counted since the start.
    pub metrics: Arc<Metrics>,
    /// Repositories that are looked at.
    pub views: Arc<Views>,
    /// Address that users see, without a slash at the end, e.g. `http://127.0.0.1:8210`.
    pub base_url: Arc<str>,
    /// What builders must present.
    pub builder_token: Secret,
    /// Ends when the server is asked to stop: calls that wait return.
    pub stopping: CancellationToken,
}

impl AppState {
    /// The host of [`Self::base_url`] without its port, as it stands in repository ids.
    #[must_use]
    pub fn hostname(&self) -> String {
        url::Url::parse(&self.base_url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
    }

    /// `BASE/results`: the root of all results.
    #[must_use]
    pub fn results_url(&self) -> String {
        format!("{}/results", self.base_url)
    }

    /// `BASE/results/OWNER/DIRNAME/CHROOT/`: one repository.
    #[must_use]
    pub fn repository_url(&self, owner: &OwnerName, dirname: &DirName, chroot: &Chroot) -> String {
        format!("{}/results/{owner}/{dirname}/{chroot}/", self.base_url)
    }

    /// `BASE/results/OWNER/DIRNAME/pubkey.gpg`: the keys that what is in a directory is signed with.
    #[must_use]
    pub fn public_keys_url(&self, owner: &OwnerName, dirname: &DirName) -> String {
        format!("{}/results/{owner}/{dirname}/{PUBLIC_KEYS}", self.base_url)
    }

    /// `BASE/coprs/OWNER/PROJECT/`: a project's page.
    #[must_use]
    pub fn project_url(&self, owner: &OwnerName, project: &ProjectName) -> String {
        format!("{}/coprs/{owner}/{project}/", self.base_url)
    }

    /// `BASE/coprs/build/ID`: a build's page.
    #[must_use]
    pub fn build_url(&self, id: i64) -> String {
        format!("{}/coprs/build/{id}", self.base_url)
    }
}
