//! What is to be installed: the tools, the base, and the whole.
//!
//! As mock does it: the distribution's group (or list) and the chroot's additional packages are chosen first, of all
//! repositories together, best version; then what the source package requires is added to that. The base is what the
//! distribution alone makes of its group. It is installed once for all builds; what a build has besides, or in another
//! version, is its delta.

use std::collections::{HashMap, HashSet};

use copr_resolve::{PackageId, Pool, Problem, Request, solve};
use copr_rpm::{Dependency, Nevra};

use crate::{
    engine::{Failure, Task, blocking},
    logs::Logs,
    repositories::{Remotes, Repositories},
};

/// What is wished for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wishes {
    /// A group of the distribution's repositories that is part of the base; empty: none.
    pub(crate) group: String,
    /// What all that start from this base have.
    pub(crate) base: Vec<Dependency>,
    /// What this one has besides, see [`Task::extra_packages`].
    pub(crate) extra: Vec<Dependency>,
    /// What the source package requires, as its header says.
    pub(crate) requires: Vec<Dependency>,
}

/// What is chosen. Ids are those of the pool that it was chosen from.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// What brings rpm into the machine; only of the distribution.
    pub(crate) tools: Vec<PackageId>,
    /// The base that the machine starts from, only of the distribution; empty: from nothing.
    pub(crate) base: Vec<PackageId>,
    /// What is installed over that.
    pub(crate) delta: Vec<PackageId>,
    /// All that is there then.
    pub(crate) whole: Vec<PackageId>,
    /// Why the source package's requirements are not part of it, if they are not: the rebuilt one may require others.
    pub(crate) unmet: Option<String>,
}

/// Why there is no plan.
#[derive(Debug)]
pub(crate) enum PlanError {
    /// The chroot's own packages cannot be installed: the distribution's fault, or the definition's.
    Chroot(String),
    /// What the project adds cannot be installed.
    Project(String),
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Chroot(message) => Self::machine(message),
            PlanError::Project(message) => Self::user(message),
        }
    }
}

/// Reads a list of names as requirements; `what` names it in messages.
pub(crate) fn named(names: &[String], what: &str) -> Result<Vec<Dependency>, String> {
    names.iter().map(|name| name.parse().map_err(|error: copr_rpm::ParseError| format!("{what}: {error}"))).collect()
}

/// What is chosen, and what from.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) repositories: Repositories,
    pub(crate) plan: Plan,
    /// What was asked for but for what the source package requires.
    pub(crate) wishes: Vec<Dependency>,
}

/// Reads the task's repositories and chooses from them.
pub(crate) async fn prepare(
    remotes: &Remotes,
    task: &Task,
    mut wishes: Wishes,
    logs: &Logs,
) -> Result<Prepared, Failure> {
    logs.state("Start: reading the repositories");
    let mut repositories = Repositories::open(remotes, task, false, logs).await?;
    logs.state("Start: solving the buildroot");
    if !wishes.group.is_empty() {
        wishes.base.extend(repositories.group(&wishes.group).await?);
    }
    let tools = named(&task.definition.stage0, "the chroot's stage0 list").map_err(Failure::machine)?;
    for list in [&tools, &wishes.base, &wishes.extra, &wishes.requires] {
        repositories.learn_paths(list).await?;
    }
    let (repositories, plan) = {
        let wishes = wishes.clone();
        blocking(move || {
            let plan = plan(repositories.pool(), &repositories.foreign(), &tools, &wishes);
            (repositories, plan)
        })
        .await?
    };
    let plan = match plan {
        Ok(plan) => plan,
        // What is missing may be in a repository that is not enabled, and that is good to know.
        Err(PlanError::Project(message)) => {
            return Err(Failure::User(explained(remotes, task, &wishes.all(), message, logs).await));
        }
        Err(error) => return Err(error.into()),
    };
    let used: HashSet<usize> = plan.whole.iter().map(|id| repositories.pool().repository(*id)).collect();
    logs.say(&format!(
        "Solving the buildroot: {} from {}",
        counted(plan.whole.len(), "package", "packages"),
        counted(used.len(), "repository", "repositories")
    ));
    if let Some(reason) = &plan.unmet {
        if plan.whole.is_empty() {
            return Err(Failure::User(explained(remotes, task, &wishes.requires, reason.clone(), logs).await));
        }
        logs.say(&format!("Not yet part of it is what the source package requires: {reason}"));
    }
    Ok(Prepared { repositories, plan, wishes: wishes.all() })
}

/// The words for why `asked` cannot be had, with what the optional repositories would help; `message` where they do not.
pub(crate) async fn explained(
    remotes: &Remotes,
    task: &Task,
    asked: &[Dependency],
    message: String,
    logs: &Logs,
) -> String {
    let mut all = task.definition.repositories.iter().chain(&task.repositories);
    if !all.any(|repository| repository.optional) {
        return message;
    }
    let Ok(mut repositories) = Repositories::open(remotes, task, true, logs).await else { return message };
    if repositories.learn_paths(asked).await.is_err() {
        return message;
    }
    let asked = asked.to_vec();
    let explain = move || {
        let (pool, not_enabled) = (repositories.pool(), repositories.optional());
        let request = Request { not_enabled: not_enabled.clone(), ..Request::install(asked.clone()) };
        solve(pool, &request).err().map(|problem| impossible(pool, &asked, &not_enabled, &problem))
    };
    match blocking(explain).await {
        Ok(Some(explained)) => explained,
        _ => message,
    }
}

/// Most requirements that are looked at one by one.
const MOST_EXPLAINED: usize = 20;

/// Why `asked` cannot be had, in one sentence or several parted by `;`: each requirement that no repository meets, and who
/// comes near; where each could be had alone, why not all together.
pub(crate) fn impossible(pool: &Pool, asked: &[Dependency], not_enabled: &[usize], problem: &Problem) -> String {
    let enabled = |id: &PackageId| !not_enabled.contains(&pool.repository(*id));
    let unmet = asked.iter().filter(|wish| !wish.name.starts_with('(') && !pool.providers_of(wish).iter().any(enabled));
    let mut reasons: Vec<String> = Vec::new();
    for wish in unmet.take(MOST_EXPLAINED) {
        let request = Request { not_enabled: not_enabled.to_vec(), ..Request::install([wish.clone()]) };
        let Err(Problem::Unsatisfiable { reasons: of_wish }) = solve(pool, &request) else { continue };
        for reason in of_wish {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
    }
    if reasons.is_empty() {
        reasons = match problem {
            Problem::Unsatisfiable { reasons } => reasons.clone(),
            other => vec![other.to_string()],
        };
    }
    format!("the buildroot cannot be solved: {}", reasons.join("; "))
}

/// `1 package`, `2 packages`.
pub(crate) fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn chosen(pool: &Pool, request: &Request) -> Result<Vec<PackageId>, Problem> {
    Ok(solve(pool, request)?.packages().collect())
}

/// Chooses; `foreign` are the repositories that nothing of the distribution's may come from.
fn plan(pool: &Pool, foreign: &[usize], tools: &[Dependency], wishes: &Wishes) -> Result<Plan, PlanError> {
    let of_distribution = |wishes: &[Dependency]| {
        chosen(pool, &Request { not_enabled: foreign.to_vec(), ..Request::install(wishes.to_vec()) })
    };
    let tools = of_distribution(tools)
        .map_err(|problem| PlanError::Chroot(format!("the chroot's tools cannot be installed: {problem}")))?;
    let alone = foreign.is_empty() && wishes.extra.is_empty();
    let base = of_distribution(&wishes.base);
    let first = match &base {
        Ok(base) if alone => base.clone(),
        Err(problem) if alone => {
            return Err(PlanError::Chroot(format!("the chroot's base cannot be installed: {problem}")));
        }
        _ => {
            let asked = wishes.all();
            chosen(pool, &Request::install(asked.clone()))
                .map_err(|problem| PlanError::Project(impossible(pool, &asked, &[], &problem)))?
        }
    };
    let (whole, unmet) = match added(pool, &first, &wishes.all(), &wishes.requires) {
        Ok(whole) => (whole, None),
        Err(problem) => (first, Some(impossible(pool, &wishes.requires, &[], &problem))),
    };
    // Where the distribution alone makes no base, or another one than this build has, it starts from nothing.
    let delta = base.as_ref().ok().and_then(|base| delta(pool, base, &whole));
    Ok(match (base, delta) {
        (Ok(base), Some(delta)) => Plan { tools, base, delta, whole, unmet },
        _ => Plan { tools, base: Vec::new(), delta: whole.clone(), whole, unmet },
    })
}

impl Wishes {
    /// All but the source package's.
    fn all(&self) -> Vec<Dependency> {
        self.base.iter().chain(&self.extra).cloned().collect()
    }
}

/// What is there when `requires` is added to `there`, which `wishes` asked for: everything stays as it is, where that is
/// possible.
pub(crate) fn added(
    pool: &Pool,
    there: &[PackageId],
    wishes: &[Dependency],
    requires: &[Dependency],
) -> Result<Vec<PackageId>, Problem> {
    if requires.is_empty() {
        return Ok(there.to_vec());
    }
    let asked = Request::install(wishes.iter().chain(requires).cloned());
    let locked: Vec<Nevra> = there.iter().map(|id| pool.nevra(*id)).collect();
    chosen(pool, &Request { locked, ..asked.clone() }).or_else(|_| chosen(pool, &asked))
}

/// What is to be installed over `base` so that `whole` is there; `None` when `whole` lacks something that the base has: what
/// is there cannot be taken away without running what it runs when it goes.
pub(crate) fn delta(pool: &Pool, base: &[PackageId], whole: &[PackageId]) -> Option<Vec<PackageId>> {
    let mut by_name: HashMap<_, Vec<PackageId>> = HashMap::new();
    for id in whole {
        by_name.entry((pool.name(*id), pool.arch_of(*id))).or_default().push(*id);
    }
    for id in base {
        let same = by_name.get(&(pool.name(*id), pool.arch_of(*id)))?;
        let sum = pool.checksum(*id);
        // rpm takes the same version for installed already, whatever is in it.
        if same.iter().any(|other| pool.evr(*other) == pool.evr(*id) && pool.checksum(*other) != sum) {
            return None;
        }
    }
    let there: HashSet<String> = base.iter().map(|id| pool.checksum(*id).to_string()).collect();
    Some(whole.iter().copied().filter(|id| !there.contains(&pool.checksum(*id).to_string())).collect())
}

#[cfg(test)]
mod tests {
    use copr_repodata::{Checksum, ChecksumKind, Record};
    use copr_resolve::{Packages, RepositoryInfo};

    use super::*;

    /// A package from `NEVRA; requires a; obsoletes b`; the whole line is what is in its file.
    fn package(line: &str) -> Record {
        let mut parts = line.split(';').map(str::trim);
        let nevra: Nevra = parts.next().unwrap().parse().unwrap();
        let own = format!("{} = {}", nevra.name, nevra.evr()).parse().unwrap();
        let checksum = Checksum::of(ChecksumKind::Sha256, line.as_bytes()).unwrap().0;
        let mut record = Record { nevra, checksum, provides: vec![own], ..Record::default() };
        for part in parts {
            let (kind, name) = part.split_once(' ').unwrap();
            let dependency = name.parse().unwrap();
            match kind {
                "requires" => record.requires.push(dependency),
                "obsoletes" => record.obsoletes.push(dependency),
                _ => record.provides.push(dependency),
            }
        }
        record
    }

    /// Plans over a distribution and a project's repository, one package a line each.
    fn planned(distribution: &str, project: &str, wishes: &Wishes) -> (Pool, Result<Plan, PlanError>) {
        let mut pool = Pool::new("x86_64");
        for (id, lines) in [("distribution", distribution), ("alice/libs", project)] {
            let records: Vec<Record> = lines.lines().map(package).collect();
            pool.add(RepositoryInfo::new(id, "file:///"), Packages::from_records(&records).unwrap()).unwrap();
        }
        let tools = ["rpm".parse().unwrap()];
        let plan = plan(&pool, &[1], &tools, wishes);
        (pool, plan)
    }

    fn wishes(base: &[&str], requires: &[&str]) -> Wishes {
        let list = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Wishes { base: list(base), requires: list(requires), ..Wishes::default() }
    }

    fn names(pool: &Pool, ids: &[PackageId]) -> Vec<String> {
        ids.iter().map(|id| pool.nevra(*id).to_string()).collect()
    }

    const DISTRIBUTION: &str = "rpm-4-1.x86_64; requires libc\nlibc-2-1.x86_64\nbash-5-1.x86_64; requires libc\n\
                                make-4-1.x86_64; requires libc";

    #[test]
    fn what_a_project_has_newer_is_an_update_over_the_distributions_base() {
        let project = "libc-3-1.x86_64\nrpm-9-1.x86_64\nhello-1-1.x86_64";
        let (pool, plan) = planned(DISTRIBUTION, project, &wishes(&["bash"], &["hello", "make"]));
        let plan = plan.unwrap();
        assert_eq!(names(&pool, &plan.tools), ["libc-2-1.x86_64", "rpm-4-1.x86_64"], "of the distribution alone");
        assert_eq!(names(&pool, &plan.base), ["bash-5-1.x86_64", "libc-2-1.x86_64"]);
        assert_eq!(names(&pool, &plan.delta), ["hello-1-1.x86_64", "libc-3-1.x86_64", "make-4-1.x86_64"]);
        assert_eq!(names(&pool, &plan.whole).len(), 4);
    }

    #[test]
    fn a_build_that_lacks_something_of_the_base_starts_from_nothing() {
        let replaced =
            planned(DISTRIBUTION, "newsh-1-1.x86_64; obsoletes bash; provides bash", &wishes(&["bash"], &[]));
        let rebuilt = planned(DISTRIBUTION, "libc-2-1.x86_64; provides other", &wishes(&["bash"], &["other"]));
        for (pool, plan) in [replaced, rebuilt] {
            let plan = plan.unwrap();
            assert!(plan.base.is_empty(), "{:?}", names(&pool, &plan.base));
            assert_eq!(plan.delta, plan.whole);
        }
    }

    #[test]
    fn an_older_version_that_the_source_package_needs_comes_over_the_base() {
        let distribution = "rpm-4-1.x86_64\na-2-1.x86_64\na-1-1.x86_64";
        let (pool, plan) = planned(distribution, "", &wishes(&["a"], &["a < 2"]));
        let plan = plan.unwrap();
        assert_eq!(names(&pool, &plan.base), ["a-2-1.x86_64"]);
        assert_eq!(names(&pool, &plan.delta), ["a-1-1.x86_64"]);
        assert_eq!(plan.delta, plan.whole);
    }

    #[test]
    fn what_nothing_provides_is_left_to_the_rebuilt_source_package() {
        let (pool, plan) = planned(DISTRIBUTION, "", &wishes(&["bash"], &["nobody-has-it", "make > 5"]));
        let plan = plan.unwrap();
        assert_eq!(names(&pool, &plan.whole), ["bash-5-1.x86_64", "libc-2-1.x86_64"]);
        let reason = plan.unmet.unwrap();
        assert!(reason.contains("nothing provides make > 5") && reason.contains("make = 4-1"), "{reason}");
        assert!(reason.contains("nothing provides nobody-has-it"), "all that is missing is named: {reason}");
    }

    #[test]
    fn it_is_the_chroots_fault_or_the_projects_by_who_asks_for_what_is_missing() {
        let (_, plan) = planned(DISTRIBUTION, "", &wishes(&["bash", "nothing-like-it"], &[]));
        assert!(matches!(plan, Err(PlanError::Project(_))), "a project's repository could have it: {plan:?}");
        let (pool, _) = planned(DISTRIBUTION, "", &Wishes::default());
        let alone = super::plan(&pool, &[], &[], &wishes(&["nothing-like-it"], &[]));
        assert!(matches!(alone, Err(PlanError::Chroot(_))), "{alone:?}");
    }
}
