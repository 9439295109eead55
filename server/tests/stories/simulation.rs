//! A clock that is turned by hand, a thousand builders that build nothing, and the real queue.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use copr_api::{
    builder::{SourceFile, SourceMethod},
    v3::BuildState,
};
use coprd::db::{
    self, Db,
    build::{NewBuild, NewSource, Srpm, Wishes},
    lease::{Limits, Takes},
    project::Project,
};
use tempfile::TempDir;

use crate::support::{CHROOT, POWERFUL};

const MINUTE: i64 = 60_000;
/// One project's number is all that a build needs.
type Projects = BTreeMap<String, i64>;

/// A database and a clock.
struct Town {
    _folder: TempDir,
    db: Db,
    now: i64,
    projects: Projects,
    /// Lease and what it holds, by when it ends.
    ends: BinaryHeap<Reverse<(i64, String, i64)>>,
    leases: usize,
}

/// A job that was claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Begun {
    job: i64,
    build: i64,
    source: bool,
    lease: String,
}

impl Town {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&Db::sqlite_url(&folder.path().join("coprd.sqlite"))).await.unwrap();
        Self { _folder: folder, db, now: 1_000, projects: Projects::new(), ends: BinaryHeap::new(), leases: 0 }
    }

    async fn submit(&mut self, owner: &str, chroots: &[&str], background: bool, made: bool) -> i64 {
        if !self.projects.contains_key(owner) {
            let project = Project::new(owner.parse().unwrap(), "p".parse().unwrap());
            let project = db::project::add(&self.db, &project, &[], self.now).await.unwrap();
            self.projects.insert(owner.to_owned(), project.id);
        }
        let chroots: Vec<_> = chroots.iter().map(|chroot| chroot.parse().unwrap()).collect();
        let source = if made {
            let method = SourceMethod::Url { url: "https://example.org/x.src.rpm".to_owned() };
            NewSource::Made { method, machine: CHROOT.parse().unwrap() }
        } else {
            NewSource::Srpm(Srpm {
                file: SourceFile { name: "x-1-1.src.rpm".to_owned(), size: 1, sha256: "0".repeat(64) },
                package_name: "x".to_owned(),
                package_version: "1-1".to_owned(),
                licence: None,
            })
        };
        let new = NewBuild {
            project_id: self.projects[owner],
            dirname: "p".parse().unwrap(),
            submitter: owner.to_owned(),
            source,
            chroots,
            timeout: 60,
            enable_net: false,
            wishes: Wishes::default(),
            background,
            package_name: None,
            wish: None,
        };
        let added = db::build::add(&self.db, &new, self.now).await.unwrap();
        let db::build::Added::Yes(pending) = added else { panic!("not added") };
        let id = pending.id;
        pending.commit().await.unwrap();
        id
    }

    async fn claim(&mut self, takes: &Takes) -> Option<Begun> {
        self.leases += 1;
        let lease = format!("lease-{:06}", self.leases);
        let claimed = db::lease::claim(&self.db, &lease, "b", takes, self.now, i64::MAX).await.unwrap()?;
        Some(Begun { job: claimed.id, build: claimed.build_id, source: claimed.source, lease })
    }

    async fn end(&self, lease: &str) {
        assert!(db::lease::finish_without(&self.db, lease, BuildState::Skipped, None, self.now).await.unwrap());
    }

    /// Lets builders begin what they can; what they began.
    async fn begin(&mut self, free: &mut usize, takes: &Takes, takes_ms: impl Fn(i64) -> i64) -> Vec<i64> {
        let mut begun = Vec::new();
        while *free > 0 {
            let Some(job) = self.claim(takes).await else { break };
            *free -= 1;
            self.ends.push(Reverse((self.now + takes_ms(job.build), job.lease, job.build)));
            begun.push(job.build);
        }
        begun
    }

    /// Turns the clock to the next end of a build.
    async fn next_end(&mut self) -> Option<i64> {
        let Reverse((at, lease, build)) = self.ends.pop()?;
        self.now = at;
        self.end(&lease).await;
        Some(build)
    }
}

fn takes(limits: Limits) -> Takes {
    Takes { arches: vec!["ppc64le".to_owned(), "x86_64".to_owned()], refused: Vec::new(), limits }
}

/// The same numbers in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

#[tokio::test]
async fn a_build_of_one_minute_does_not_wait_behind_three_thousand_of_someone_else() {
    const BUILDERS: usize = 1_000;
    const LONGEST: i64 = 30 * MINUTE;
    let mut town = Town::new().await;
    for _ in 0..3_000 {
        town.submit("many", &[CHROOT], false, false).await;
    }
    let takes = takes(Limits::default());
    let mut short = None;
    let takes_ms = |short: Option<i64>, build: i64| {
        if Some(build) == short { MINUTE } else { LONGEST - build % 20 * MINUTE }
    };
    let mut free = BUILDERS;
    assert_eq!(town.begin(&mut free, &takes, |build| takes_ms(None, build)).await.len(), BUILDERS);
    let (mut asked, mut ended, mut all) = (0, 0, 0);
    while let Some(build) = town.next_end().await {
        all += 1;
        free += 1;
        if short.is_none() && all == 500 {
            asked = town.now;
            short = Some(town.submit("one", &[CHROOT], false, false).await);
        }
        let begun = town.begin(&mut free, &takes, |build| takes_ms(short, build)).await;
        if let Some(short) = short.filter(|short| begun.contains(short)) {
            assert!(town.now - asked <= LONGEST, "it waited for {} minutes", (town.now - asked) / MINUTE);
            assert!(all < 600, "build {short} was next, not one of those that came before");
        }
        if Some(build) == short {
            ended = town.now;
        }
    }
    assert_eq!((all, ended > asked), (3_001, true), "all have ended");
    // A thousand builders that are never idle need three rounds.
    assert!(town.now <= 1_000 + 4 * LONGEST, "{} minutes for three rounds", town.now / MINUTE);
}

/// What the queue promises, in the plainest words: a list, and the least of it.
#[derive(Default)]
struct Model {
    waiting: Vec<Job>,
    running: Vec<(String, Job)>,
    served: BTreeMap<String, i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Job {
    id: i64,
    build: i64,
    owner: String,
    chroot: &'static str,
    background: bool,
    source: bool,
}

impl Job {
    fn arch(&self) -> &'static str {
        self.chroot.rsplit('-').next().unwrap()
    }
}

impl Model {
    fn machines(&self, of: impl Fn(&Job) -> bool) -> i64 {
        i64::try_from(self.running.iter().filter(|(_, job)| of(job)).count()).unwrap()
    }

    fn next(&self, limits: &Limits) -> Option<&Job> {
        let may = |job: &&Job| {
            let of_owner = self.machines(|other| other.owner == job.owner);
            let of_arch = self.machines(|other| other.arch() == job.arch());
            limits.owner.is_none_or(|most| of_owner < most)
                && limits.arches.get(job.arch()).is_none_or(|most| of_arch < *most)
                && limits.tags.iter().all(|(chroots, most)| {
                    let has = |job: &Job| chroots.iter().any(|chroot| chroot.as_str() == job.chroot);
                    !has(job) || self.machines(has) < *most
                })
        };
        self.waiting.iter().filter(may).min_by_key(|job| {
            let machines = self.machines(|other| other.owner == job.owner);
            let served = self.served.get(&job.owner).copied().unwrap_or_default();
            (job.background, machines, served, job.owner.clone(), !job.source, job.id)
        })
    }
}

/// Thirty owners submit and cancel, builders come and go; each claim is the one that the rules say.
async fn follow_the_rules(seed: u64, limits: Limits) {
    const OTHER: &str = "fedora-43-x86_64";
    let mut dice = Dice(seed);
    let mut town = Town::new().await;
    let mut model = Model::default();
    let takes = takes(limits);
    let (mut claimed, mut idle) = (0, 0);
    for step in 0..1_500 {
        town.now += i64::try_from(dice.below(3_000)).unwrap();
        match dice.below(10) {
            0..4 => {
                // A few owners submit most builds.
                let owner = format!("owner{:02}", dice.below(30).min(dice.below(30)));
                let (background, made) = (dice.below(4) == 0, dice.below(6) == 0);
                let chroots =
                    [&[CHROOT][..], &[POWERFUL, OTHER], &[CHROOT, POWERFUL]][usize::try_from(dice.below(3)).unwrap()];
                let build = town.submit(&owner, chroots, background, made).await;
                let found = db::build::get(&town.db, build).await.unwrap().unwrap();
                for job in found.jobs().filter(|job| job.state == BuildState::Pending) {
                    let chroot = [CHROOT, POWERFUL, OTHER].into_iter().find(|name| *name == job.chroot.as_str());
                    let (owner, chroot) = (owner.clone(), chroot.unwrap());
                    model.waiting.push(Job { id: job.id, build, owner, chroot, background, source: job.source });
                }
            }
            4..8 => {
                let expected = model.next(&takes.limits).cloned();
                let got = town.claim(&takes).await;
                assert_eq!(
                    got.as_ref().map(|begun| begun.job),
                    expected.as_ref().map(|job| job.id),
                    "seed {seed}, step {step}: {expected:?}"
                );
                match (got, expected) {
                    (Some(begun), Some(job)) => {
                        claimed += 1;
                        model.waiting.retain(|other| other.id != job.id);
                        model.served.insert(job.owner.clone(), town.now);
                        model.running.push((begun.lease, job));
                    }
                    _ => idle += 1,
                }
            }
            8 if !model.running.is_empty() => {
                let number = usize::try_from(dice.below(1_000)).unwrap() % model.running.len();
                let (lease, _) = model.running.swap_remove(number);
                town.end(&lease).await;
            }
            _ if !model.waiting.is_empty() => {
                let number = usize::try_from(dice.below(1_000)).unwrap() % model.waiting.len();
                let build = model.waiting[number].build;
                db::lease::cancel(&town.db, build, town.now).await.unwrap();
                model.waiting.retain(|job| job.build != build);
            }
            _ => {}
        }
    }
    assert!(claimed > 150 && (idle > 20 || takes.limits.owner.is_none()), "{claimed} claims, {idle} without");
}

#[tokio::test]
async fn every_claim_is_the_one_that_the_rules_say() {
    follow_the_rules(1, Limits::default()).await;
}

#[tokio::test]
async fn every_claim_keeps_to_the_limits_and_passes_over_whoever_has_reached_one() {
    let limits = Limits {
        owner: Some(5),
        arches: [("x86_64".to_owned(), 30), ("ppc64le".to_owned(), 6)].into(),
        tags: vec![(vec![POWERFUL.parse().unwrap()], 4)],
    };
    follow_the_rules(2, limits).await;
}

#[tokio::test]
async fn nobody_starves_while_others_submit_without_end() {
    const LONG: i64 = 10 * MINUTE;
    let mut town = Town::new().await;
    let mut free = 10;
    let takes = takes(Limits::default());
    let mut waits = BTreeMap::new();
    for owner in 0..30 {
        waits.insert(town.submit(&format!("patient{owner}"), &[CHROOT], false, false).await, 0);
    }
    for round in 0..200 {
        for _ in 0..3 {
            town.submit("greedy", &[CHROOT], false, false).await;
        }
        let begun = town.begin(&mut free, &takes, |_| LONG).await;
        waits.retain(|build, _| !begun.contains(build));
        if waits.is_empty() {
            assert!(round <= 31, "thirty who wait have a turn each before the greedy one has its second");
            return;
        }
        if town.next_end().await.is_some() {
            free += 1;
        }
    }
    panic!("{waits:?} never began");
}
