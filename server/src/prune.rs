//! Pruning: which old builds of a project nobody needs any more, and taking them away.
//!
//! Of each package in each chroot the newest stay, and so does whatever the repositories of this hub still need to be installed: the
//! project's own, and those of all projects that are built upon it. What would lack something is found by [`copr_resolve`], with what
//! these repositories hold now.

mod needs;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use copr_api::names::{Chroot, DirName};
use copr_rpm::Evr;

use crate::{
    clock,
    db::{
        self, Db,
        project::Project,
        prune::{Built, Undone},
    },
    store::Store,
};

pub use needs::Need;

/// One day in milliseconds.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What is to stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// So many of the newest builds of each package, in each chroot and directory; 1 at least.
    pub keep: usize,
    /// What ended later, milliseconds since 1970.
    pub ended_before_ms: i64,
}

impl Rule {
    /// So many builds, and all that are younger than so many days.
    #[must_use]
    pub fn new(keep: i64, days: i64, now_ms: i64) -> Self {
        let ended_before_ms = now_ms.saturating_sub(days.saturating_mul(DAY_MS));
        Self { keep: usize::try_from(keep).unwrap_or(1), ended_before_ms }
    }
}

/// Why nothing can be pruned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database did not answer.
    #[error(transparent)]
    Db(#[from] db::Error),
    /// What others need could not be found out; the text names the repository.
    #[error("{0}: nothing is pruned as long as it is not known what others need")]
    Unknown(String),
}

/// A build that a plan is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Old {
    /// Its number.
    pub build_id: i64,
    /// Its package; empty: its source could never be made.
    pub package: String,
    /// `[epoch:]version-release`.
    pub version: String,
    /// Its directory.
    pub dirname: DirName,
    /// The chroots in which it has packages.
    pub chroots: Vec<Chroot>,
    /// Bytes of these.
    pub bytes: i64,
}

/// What pruning a project comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Builds that go, oldest first.
    pub go: Vec<Old>,
    /// Old builds that stay because somebody needs them, and who.
    pub needed: Vec<(Old, Vec<Need>)>,
}

/// What was pruned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    /// Number of the prune, which can be undone; `None`: there was nothing.
    pub id: Option<i64>,
    /// Builds that are gone.
    pub builds: Vec<i64>,
    /// Bytes that are free now: less than the packages have where others share their files.
    pub freed: i64,
}

/// Finds what may go of a project.
///
/// # Errors
/// See [`Error`].
pub async fn plan(db: &Db, store: &Store, project: &Project, rule: Rule) -> Result<Plan, Error> {
    let rows = db::prune::built(db, project.id).await?;
    let old = old(&rows, rule);
    if old.is_empty() {
        return Ok(Plan::default());
    }
    let mut needed: BTreeMap<i64, Vec<Need>> = BTreeMap::new();
    let mut going: BTreeSet<i64> = old.keys().copied().collect();
    // A build that stays for one chroot stays in all of them, and so do others that it needs there: again until nothing changes.
    loop {
        let before = going.len();
        let repositories: BTreeSet<(&DirName, &Chroot)> = old
            .values()
            .filter(|of| going.contains(&of.build_id))
            .flat_map(|of| of.chroots.iter().map(|chroot| (&of.dirname, chroot)))
            .collect();
        for (dirname, chroot) in repositories {
            for need in needs::needed((db, store), project, dirname, chroot, &going).await? {
                going.remove(&need.0);
                needed.entry(need.0).or_default().push(need.1);
            }
        }
        if going.len() == before {
            break;
        }
    }
    let mut plan = Plan::default();
    for (id, of) in old {
        match needed.remove(&id) {
            Some(who) => plan.needed.push((of, who)),
            None => plan.go.push(of),
        }
    }
    Ok(plan)
}

/// Takes the builds of a plan away; `by`: a user, or nobody. For so many milliseconds they can be brought back. The next publishes
/// take their packages out of the metadata.
///
/// # Errors
/// The database does not answer.
pub async fn prune(db: &Db, project: &Project, plan: &Plan, by: &str, undo_ms: i64) -> Result<Pruned, db::Error> {
    let ids: BTreeSet<i64> = plan.go.iter().map(|old| old.build_id).collect();
    let now_ms = clock::now_ms();
    let done = db::prune::prune(db, project, &ids, by, (now_ms.saturating_add(undo_ms), now_ms)).await?;
    let Some((id, builds, freed)) = done else { return Ok(Pruned { id: None, builds: Vec::new(), freed: 0 }) };
    tracing::info!(project = project.full_name(), by, builds = builds.len(), freed, "pruned");
    Ok(Pruned { id: Some(id), builds, freed })
}

/// Brings back what was pruned together, all of it or one build; the next publishes put its packages into the metadata.
///
/// # Errors
/// The database does not answer.
pub async fn undo(db: &Db, project: &Project, prune: i64, only: Option<i64>) -> Result<Undone, db::Error> {
    let undone = db::prune::undo(db, project, prune, only, clock::now_ms()).await?;
    if let Undone::Yes(builds) = &undone {
        tracing::info!(project = project.full_name(), prune, builds = builds.len(), "brought back");
    }
    Ok(undone)
}

/// Builds of one package: directory, name, and chroot (`None`: in any).
type Kind<'a> = (&'a DirName, &'a str, Option<&'a Chroot>);

/// The builds that a rule does not keep, by number.
fn old(rows: &[Built], rule: Rule) -> BTreeMap<i64, Old> {
    let mut builds: BTreeMap<i64, Old> = BTreeMap::new();
    let mut fresh: BTreeSet<i64> = BTreeSet::new();
    for row in rows {
        let of = builds.entry(row.build_id).or_insert_with(|| Old {
            build_id: row.build_id,
            package: row.package.clone(),
            version: row.version.clone(),
            dirname: row.dirname.clone(),
            chroots: Vec::new(),
            bytes: 0,
        });
        of.chroots.extend(row.chroot.clone());
        of.bytes = of.bytes.saturating_add(row.bytes);
        if row.ended_ms.is_none_or(|ended| ended > rule.ended_before_ms) {
            fresh.insert(row.build_id);
        }
    }
    // The newest of each package in each chroot, by version and then by number. One that has no packages stays as long as it is
    // among the newest of all, by number.
    let mut of_each: HashMap<Kind<'_>, Vec<(Option<Evr>, i64)>> = HashMap::new();
    let running: BTreeSet<i64> = rows.iter().filter(|row| row.ended_ms.is_none()).map(|row| row.build_id).collect();
    for of in builds.values().filter(|of| !running.contains(&of.build_id)) {
        let version = of.version.parse::<Evr>().ok();
        of_each.entry((&of.dirname, &of.package, None)).or_default().push((None, of.build_id));
        for chroot in &of.chroots {
            of_each.entry((&of.dirname, &of.package, Some(chroot))).or_default().push((version.clone(), of.build_id));
        }
    }
    let mut kept: BTreeSet<i64> = fresh;
    for ((_, _, chroot), list) in &mut of_each {
        list.sort_by(|a, b| b.cmp(a));
        let newest = list.iter().take(rule.keep.max(1)).map(|(_, id)| *id);
        let counts = |id: &i64| chroot.is_some() || builds.get(id).is_some_and(|of| of.chroots.is_empty());
        kept.extend(newest.filter(counts));
    }
    builds.retain(|id, _| !kept.contains(id));
    builds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(build_id: i64, version: &str, chroot: &str, ended_ms: Option<i64>) -> Built {
        Built {
            build_id,
            dirname: "libs".parse().unwrap(),
            package: "hello".to_owned(),
            version: version.to_owned(),
            chroot: Some(chroot).filter(|text| !text.is_empty()).map(|text| text.parse().unwrap()),
            bytes: 1,
            ended_ms,
        }
    }

    fn goes(rows: &[Built], keep: usize, before: i64) -> Vec<i64> {
        old(rows, Rule { keep, ended_before_ms: before }).into_keys().collect()
    }

    #[test]
    fn the_newest_versions_stay_in_each_chroot_whenever_they_were_built() {
        let rows = [
            row(1, "1:0.5-1", "fedora-44-x86_64", Some(10)),
            row(2, "1.10-1", "fedora-44-x86_64", Some(20)),
            row(3, "1.9-1", "fedora-44-x86_64", Some(30)),
            row(4, "1.0-1", "fedora-43-x86_64", Some(40)),
        ];
        assert_eq!(goes(&rows, 1, 100), [2, 3], "an epoch is newer than any version");
        assert_eq!(goes(&rows, 2, 100), [3]);
        assert_eq!(goes(&rows, 0, 100), goes(&rows, 1, 100), "one stays at least");
        assert_eq!(goes(&rows, 1, 29), [2], "what is young stays");
    }

    #[test]
    fn a_build_goes_when_it_is_old_in_all_its_chroots_and_failures_make_room_for_none() {
        let rows = [
            row(1, "1.0-1", "fedora-43-x86_64", Some(1)),
            row(1, "1.0-1", "fedora-44-x86_64", Some(1)),
            row(2, "1.1-1", "fedora-44-x86_64", Some(2)),
            row(2, "1.1-1", "", Some(2)),
            row(3, "1.2-1", "", Some(3)),
            row(4, "1.3-1", "", Some(4)),
            row(5, "1.4-1", "fedora-44-x86_64", None),
        ];
        assert_eq!(goes(&rows, 1, 100), [3], "the last failure stays, and so does what nothing newer has");
    }
}
