//! Answers to a machine that asks for what the rebuilt source package requires.

use std::{collections::HashSet, sync::Arc};

use copr_resolve::{PackageId, Pool};
use copr_rpm::{Dependency, Nevra};
use copr_vm::{Answer, Input};
use tokio::runtime::Handle;

use crate::{
    buildroot::{added, counted, explained, impossible},
    engine::{Failure, Task},
    heartbeat::Stop,
    logs::Logs,
    repositories::{Remotes, Repositories},
};

/// Most requirements in one question.
const MOST_REQUIREMENTS: usize = 20_000;
/// Most new requirements that are named in the log.
const MOST_NAMED: usize = 50;

/// Solves and fetches, on the machine's own thread, while it waits.
pub(crate) struct Rounds {
    /// Where the async work is done.
    pub(crate) runtime: Handle,
    pub(crate) remotes: Remotes,
    pub(crate) repositories: Repositories,
    pub(crate) task: Task,
    /// What the buildroot was asked for besides what source packages require.
    pub(crate) wishes: Vec<Dependency>,
    /// What is installed.
    pub(crate) installed: Vec<PackageId>,
    /// What was installed on the word of the header of a source package that was made elsewhere.
    pub(crate) guess: Vec<Dependency>,
    /// Set when the guess was too much: the package as it is here requires less.
    pub(crate) too_much: bool,
    pub(crate) logs: Arc<Logs>,
    pub(crate) stop: Stop,
}

impl Rounds {
    /// The answer to one question.
    pub(crate) fn answer(&mut self, round: u32, dynamic: bool, requires: &[String]) -> Answer {
        let requires = match parse(requires) {
            Ok(requires) => requires,
            Err(message) => return Answer::Impossible(message),
        };
        let texts: HashSet<String> = requires.iter().map(ToString::to_string).collect();
        if !dynamic && round == 1 && self.guess.iter().any(|guessed| !texts.contains(&guessed.to_string())) {
            self.too_much = true;
            return Answer::Failed("the source package requires less here than its header said".to_owned());
        }
        let runtime = self.runtime.clone();
        let stop = self.stop.clone();
        match runtime.block_on(stop.unless_stopped(self.add(dynamic, requires))) {
            Some(Ok(inputs)) if inputs.is_empty() => Answer::Nothing,
            Some(Ok(inputs)) => Answer::Install(inputs),
            Some(Err(Failure::User(message) | Failure::Skipped(message))) => Answer::Impossible(message),
            Some(Err(Failure::Machine(message))) => Answer::Failed(message),
            None | Some(Err(Failure::Stopped)) => Answer::Failed("the build is stopped".to_owned()),
        }
    }

    /// What is to be installed so that these hold too; it counts as installed then.
    async fn add(&mut self, dynamic: bool, requires: Vec<Dependency>) -> Result<Vec<Input>, Failure> {
        self.repositories.learn_paths(&requires).await?;
        let pool = self.repositories.pool();
        let whole = match added(pool, &self.installed, &self.wishes, &requires) {
            Ok(whole) => whole,
            Err(problem) => {
                let message = impossible(pool, &requires, &[], &problem);
                return Err(Failure::User(explained(&self.remotes, &self.task, &requires, message, &self.logs).await));
            }
        };
        let new = new_in(pool, &self.installed, &whole)?;
        let asking = if dynamic { "%generate_buildrequires" } else { "the source package" };
        if new.is_empty() {
            self.logs.say(&format!("All that {asking} requires is installed"));
            return Ok(Vec::new());
        }
        self.logs.say(&format!("For what {asking} requires, {} more:", counted(new.len(), "package", "packages")));
        for id in new.iter().take(MOST_NAMED) {
            self.logs.say(&format!("  {}", pool.nevra(*id)));
        }
        let fetched = self.repositories.fetch(&new).await?;
        self.installed = whole;
        Ok(fetched.iter().map(|package| Input::package(&package.nevra.file_name(), &package.path)).collect())
    }
}

/// What `whole` has besides what is installed.
///
/// # Errors
/// Something installed is not part of it: it would have to be removed, which no build does.
fn new_in(pool: &Pool, installed: &[PackageId], whole: &[PackageId]) -> Result<Vec<PackageId>, Failure> {
    let names: HashSet<_> = whole.iter().map(|id| pool.name(*id)).collect();
    if let Some(gone) = installed.iter().find(|id| !names.contains(&pool.name(**id))) {
        return Err(Failure::user(format!(
            "what the source package requires cannot be installed beside {}, which is installed already",
            pool.nevra(*gone)
        )));
    }
    let there: HashSet<Nevra> = installed.iter().map(|id| pool.nevra(*id)).collect();
    Ok(whole.iter().copied().filter(|id| !there.contains(&pool.nevra(*id))).collect())
}

/// The requirements of one question, but for the features of rpm itself. They are the guest's words.
fn parse(requires: &[String]) -> Result<Vec<Dependency>, String> {
    if requires.len() > MOST_REQUIREMENTS {
        return Err(format!("the source package has more than {MOST_REQUIREMENTS} requirements"));
    }
    let mut parsed: Vec<Dependency> = Vec::with_capacity(requires.len());
    for text in requires.iter().map(|text| text.trim()) {
        if text.is_empty() || text.starts_with("rpmlib(") {
            continue;
        }
        let start: String = text.chars().take(200).collect();
        let requirement: Dependency = text.parse().map_err(|error| format!("the requirement {start:?}: {error}"))?;
        parsed.push(requirement);
    }
    Ok(parsed)
}
