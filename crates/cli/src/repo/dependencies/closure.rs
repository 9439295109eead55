//! `copr-repo closure`.

use std::collections::{HashMap, HashSet};
use std::process::ExitCode;

use anyhow::{Result, bail};
use copr_resolve::closure::{Check, PackageSet, Suggestion, Unsatisfied, suggest, unsatisfied};
use copr_resolve::query::{self, FileOwners, Meaning};
use copr_resolve::{Cap, PackageId, Pool};
use serde_json::{Value, json};

use super::load::{Loaded, load_all};
use super::place::{Role, places};
use super::{name, text};
use crate::repo::definition::Closure;
use crate::repo::show::{BOLD, CYAN, DIM, RED, Styled, complain, plain, say, some};

pub(in crate::repo) fn run(arguments: &Closure) -> Result<ExitCode> {
    let places = places(&arguments.repositories, &[])?;
    let loaded = load_all(&arguments.repositories, places, &[])?;
    let check = check(arguments, &loaded)?;
    let found = unsatisfied(&loaded.pool, &check);
    let mut suggestions = Suggestions::new(&loaded, &check.available);
    if arguments.repositories.json {
        let packages: Vec<Value> = found.iter().map(|one| object(&mut suggestions, one)).collect();
        say(json!({ "packages": packages, "checked": check.checked.len() }))?;
    } else {
        show(&mut suggestions, &found)?;
        if found.is_empty() && !arguments.repositories.quiet {
            say(format_args!("{}: every requirement is satisfied", some(check.checked.len(), "package")))?;
        }
    }
    if found.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let missing = found.iter().map(|one| one.requirements.len()).sum();
    let (packages, checked) = (some(found.len(), "package"), some(check.checked.len(), "package"));
    complain(format_args!("{} of {packages}; {checked} checked", some(missing, "unsatisfied requirement")));
    Ok(ExitCode::FAILURE)
}

/// What is checked against what, by the options.
fn check(arguments: &Closure, loaded: &Loaded) -> Result<Check> {
    let pool = &loaded.pool;
    let enabled = loaded.packages_of(&[Role::Enabled]);
    let mut check = if arguments.newest { Check::newest(pool) } else { Check::all(pool) };
    check.available.intersect(&enabled);
    check.checked.intersect(&enabled);
    if arguments.best {
        let ids: Vec<PackageId> = check.available.iter().collect();
        check.available = PackageSet::of(pool, query::latest(pool, &ids, 1));
    }
    narrow(loaded, &mut check.checked, &arguments.check, &arguments.only_arches)?;
    if !arguments.packages.is_empty() {
        let mut wanted = PackageSet::none(pool);
        for spec in &arguments.packages {
            let named = query::named(pool, spec, Meaning::NAMES, &FileOwners::new());
            let ids = named.map(|named| named.packages).unwrap_or_default();
            let ids: Vec<PackageId> = ids.into_iter().filter(|id| check.checked.contains(*id)).collect();
            if ids.is_empty() {
                bail!("no package matches `{}`", plain(spec));
            }
            ids.into_iter().for_each(|id| wanted.insert(id));
        }
        check.checked = wanted;
    }
    // What is excluded is as if it were not there.
    for spec in &arguments.repositories.excludes {
        let named = query::named(pool, spec, Meaning::NAMES, &FileOwners::new());
        named.into_iter().flat_map(|named| named.packages).for_each(|id| check.checked.remove(id));
    }
    Ok(check)
}

/// Leaves only packages of some repositories and architectures, where any are named.
pub(super) fn narrow(loaded: &Loaded, packages: &mut PackageSet, ids: &[String], arches: &[String]) -> Result<()> {
    let pool = &loaded.pool;
    if !ids.is_empty() {
        packages.intersect(&PackageSet::of_repositories(pool, &loaded.called("repository", ids)?));
    }
    if !arches.is_empty() {
        let fits = |id: &PackageId| arches.iter().any(|arch| arch == pool.text(pool.arch_of(*id)));
        *packages = PackageSet::of(pool, packages.iter().filter(fits));
    }
    Ok(())
}

/// What would help, looked up once for each requirement.
pub(super) struct Suggestions<'a> {
    pub(super) loaded: &'a Loaded,
    available: &'a PackageSet,
    known: HashMap<Cap, Suggestion>,
}

impl<'a> Suggestions<'a> {
    pub(super) fn new(loaded: &'a Loaded, available: &'a PackageSet) -> Self {
        Self { loaded, available, known: HashMap::new() }
    }

    fn of(&mut self, cap: Cap) -> &Suggestion {
        let (pool, available) = (&self.loaded.pool, self.available);
        self.known.entry(cap).or_insert_with(|| suggest(pool, available, cap))
    }

    /// One line for each thing that would help.
    pub(super) fn lines(&mut self, cap: Cap) -> Vec<String> {
        let loaded = self.loaded;
        let pool = &loaded.pool;
        let Suggestion { other_versions, elsewhere } = self.of(cap);
        let mut lines = Vec::new();
        for (id, provided) in other_versions {
            let provided = plain(&provided.to_string());
            lines.push(format!("{} of {} provides {provided}", name(pool, *id), loaded.repository(*id)));
        }
        for id in elsewhere {
            let place = loaded.places.get(pool.repository(*id));
            let (package, repository) = (name(pool, *id), loaded.repository(*id));
            lines.push(match place.map(|place| place.role) {
                Some(Role::Hint) => format!("{repository} has it: {package}"),
                _ => format!("{package} of {repository} had it"),
            });
        }
        lines
    }

    pub(super) fn object(&mut self, cap: Cap) -> Value {
        let loaded = self.loaded;
        let pool = &loaded.pool;
        let package =
            |id: PackageId| json!({ "nevra": pool.nevra(id).to_string(), "repository": repository(pool, id) });
        let Suggestion { other_versions, elsewhere } = self.of(cap);
        let others = other_versions.iter().map(|(id, provided)| {
            let mut object = package(*id);
            if let Some(object) = object.as_object_mut() {
                object.insert("provides".to_owned(), json!(provided.to_string()));
            }
            object
        });
        json!({
            "requirement": pool.dependency(cap).to_string(),
            "other_versions": others.collect::<Vec<_>>(),
            "elsewhere": elsewhere.iter().map(|id| package(*id)).collect::<Vec<_>>(),
        })
    }
}

pub(super) fn repository(pool: &Pool, id: PackageId) -> &str {
    pool.repository_info(id).map_or("", |info| info.id.as_str())
}

/// A package with what it lacks.
pub(super) fn object(suggestions: &mut Suggestions<'_>, one: &Unsatisfied) -> Value {
    let pool = &suggestions.loaded.pool;
    let unsatisfied: Vec<String> = one.requirements.iter().map(|cap| pool.dependency(*cap).to_string()).collect();
    let help: Vec<Value> = one.requirements.iter().map(|cap| suggestions.object(*cap)).collect();
    json!({
        "nevra": pool.nevra(one.package).to_string(),
        "repository": repository(pool, one.package),
        "unsatisfied": unsatisfied,
        "suggestions": help,
    })
}

/// Packages with what they lack, by repository; a suggestion only where the requirement is named for the first time.
pub(super) fn show(suggestions: &mut Suggestions<'_>, found: &[Unsatisfied]) -> Result<()> {
    let pool = &suggestions.loaded.pool;
    let mut told: HashSet<Cap> = HashSet::new();
    let mut last = None;
    for one in found {
        let at = pool.repository(one.package);
        if last.replace(at) != Some(at) {
            let count = found.iter().filter(|one| pool.repository(one.package) == at).count();
            let title = format!("{} ({})", suggestions.loaded.repository(one.package), some(count, "package"));
            say(Styled(BOLD, title))?;
        }
        say(format_args!("  {}", Styled(CYAN, name(pool, one.package))))?;
        for cap in &one.requirements {
            say(format_args!("    {}", Styled(RED, text(pool, *cap))))?;
            if told.insert(*cap) {
                for line in suggestions.lines(*cap) {
                    say(format_args!("      {}", Styled(DIM, line)))?;
                }
            }
        }
    }
    Ok(())
}
