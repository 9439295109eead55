//! Which projects and builds are not served: asked at every file, and therefore kept in memory for a moment.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use copr_api::names::{DirName, OwnerName};
use tokio::time::Instant;

use crate::db::{self, Db, takedown::Takedown};

/// What another server took down is not served any more after so long.
const FRESH: Duration = Duration::from_secs(1);

/// What is down, by owner and project; 0 stands for all of a project.
type Down = HashMap<String, HashMap<i64, String>>;

/// What is down, as it was a moment ago.
#[derive(Debug)]
pub struct Takedowns {
    db: Db,
    known: Mutex<Option<(Instant, Arc<Down>)>>,
    /// One at a time asks the database.
    asking: tokio::sync::Mutex<()>,
}

/// The number of the build whose folder a part of a path may be.
fn build_of(folder: &str) -> Option<i64> {
    let digits = folder.split('-').next().unwrap_or_default();
    (digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok()).flatten()
}

impl Takedowns {
    /// Over a database.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db, known: Mutex::new(None), asking: tokio::sync::Mutex::default() }
    }

    /// Has the next look ask the database: something was taken down here.
    pub fn changed(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn fresh(&self) -> Option<Arc<Down>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|(at, _)| at.elapsed() < FRESH).map(|(_, down)| Arc::clone(down))
    }

    async fn look(&self) -> Result<Arc<Down>, db::Error> {
        if let Some(down) = self.fresh() {
            return Ok(down);
        }
        let _one = self.asking.lock().await;
        if let Some(down) = self.fresh() {
            return Ok(down);
        }
        let mut down = Down::new();
        for Takedown { about, reason, .. } in db::takedown::in_force(&self.db).await? {
            let project = format!("{}/{}", about.owner, about.project);
            down.entry(project).or_default().insert(about.build_id.unwrap_or_default(), reason);
        }
        let down = Arc::new(down);
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), Arc::clone(&down)));
        Ok(down)
    }

    /// Why a project, or that build of it, is down, as a sentence; `None`: it is served.
    ///
    /// # Errors
    /// The database does not answer: then nothing is served, as it might be down.
    pub async fn why(&self, owner: &OwnerName, project: &str, build: Option<i64>) -> Result<Option<String>, db::Error> {
        let down = self.look().await?;
        let Some(of) = down.get(&format!("{owner}/{project}")) else { return Ok(None) };
        let told = |what: String, reason: &String| {
            format!("{what} was taken down by the administrators of this site: {reason}")
        };
        if let Some(reason) = of.get(&0) {
            return Ok(Some(told(format!("Project {owner}/{project}"), reason)));
        }
        Ok(build.and_then(|id| Some(told(format!("Build {id}"), of.get(&id)?))))
    }

    /// The same for a path below the results, `OWNER/DIRNAME/CHROOT/BUILD…`.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn of_path(&self, path: &str) -> Result<Option<String>, db::Error> {
        let mut parts = path.split('/');
        let (owner, dirname) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let (Ok(owner), Ok(dirname)) = (owner.parse::<OwnerName>(), dirname.parse::<DirName>()) else {
            return Ok(None);
        };
        self.why(&owner, dirname.project().as_str(), parts.nth(1).and_then(build_of)).await
    }
}
