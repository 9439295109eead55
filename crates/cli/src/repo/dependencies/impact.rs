//! `copr-repo impact`.

use std::process::ExitCode;

use anyhow::{Result, bail};
use copr_resolve::closure::PackageSet;
use copr_resolve::impact::{Change, Impact as Found, Uninstallable, impact, uninstallable};
use copr_resolve::query::{FileOwners, Meaning, named};
use serde_json::{Value, json};

use super::closure::{Suggestions, narrow, object, repository, show};
use super::load::{Loaded, load_all};
use super::place::{Role, places};
use super::{name, text};
use crate::repo::definition::Impact;
use crate::repo::show::{BOLD, CYAN, DIM, GREEN, RED, Styled, complain, plain, say, some};

/// How many superseded packages people see.
const SHOWN: usize = 20;
/// How many packages are tried to be installed.
const TRIED: usize = 5000;

pub(in crate::repo) fn run(arguments: &Impact) -> Result<ExitCode> {
    let places = places(&arguments.repositories, &[(Role::Published, arguments.with.as_slice())])?;
    let loaded = load_all(&arguments.repositories, places, &[])?;
    let pool = &loaded.pool;
    let mut there = loaded.packages_of(&[Role::Enabled]);
    let mut withdrawn = PackageSet::none(pool);
    for spec in &arguments.without {
        let found = named(pool, spec, Meaning::NAMES, &FileOwners::new()).map(|found| found.packages);
        let ids: Vec<_> = found.unwrap_or_default().into_iter().filter(|id| there.contains(*id)).collect();
        if ids.is_empty() {
            bail!("no package matches `{}`", plain(spec));
        }
        ids.into_iter().for_each(|id| withdrawn.insert(id));
    }
    let published = loaded.packages_of(&[Role::Published]);
    let hints = loaded.packages_of(&[Role::Hint]);
    let change = Change { published, withdrawn, keep_old: arguments.keep_old };
    let available = without(PackageSet::all(pool), &hints);
    narrow(&loaded, &mut there, &arguments.check, &[])?;
    let found = impact(pool, &change, &available, &there);
    let (lost, all) = match arguments.no_solve {
        true => (Vec::new(), true),
        false => uninstallable(pool, &found, &there, TRIED),
    };
    if !all {
        complain(format_args!("more than {TRIED} packages are affected; only so many were tried to be installed"));
    }
    if arguments.repositories.json {
        say(tree(&loaded, &found, &lost))?;
    } else {
        tell(arguments, &loaded, &found, &lost, there.len())?;
    }
    Ok(if found.is_harmless() && lost.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn without(mut set: PackageSet, other: &PackageSet) -> PackageSet {
    other.iter().for_each(|id| set.remove(id));
    set
}

fn tree(loaded: &Loaded, found: &Found, lost: &[Uninstallable]) -> Value {
    let pool = &loaded.pool;
    let package = |id| json!({ "nevra": pool.nevra(id).to_string(), "repository": repository(pool, id) });
    let mut suggestions = Suggestions::new(loaded, &found.after);
    let broken: Vec<Value> = found
        .broken
        .iter()
        .map(|(id, requirements)| {
            let each = requirements.iter().map(|one| {
                json!({
                    "requirement": pool.dependency(one.requirement).to_string(),
                    "was": one.was.iter().map(|id| package(*id)).collect::<Vec<_>>(),
                })
            });
            json!({
                "nevra": pool.nevra(*id).to_string(),
                "repository": repository(pool, *id),
                "unsatisfied": each.collect::<Vec<_>>(),
            })
        })
        .collect();
    let superseded = found
        .superseded
        .iter()
        .map(|one| json!({ "old": package(one.old), "new": package(one.new), "obsoleted": one.obsoleted }));
    json!({
        "harmless": found.is_harmless() && lost.is_empty(),
        "broken": broken,
        "uninstallable": lost.iter().map(|one| json!({
            "nevra": pool.nevra(one.package).to_string(),
            "repository": repository(pool, one.package),
            "problems": one.reasons,
        })).collect::<Vec<_>>(),
        "published_unsatisfied": found.unsatisfied.iter().map(|one| object(&mut suggestions, one)).collect::<Vec<_>>(),
        "repaired": found.repaired.iter().map(|one| {
            let requirements = one.requirements.iter().map(|cap| pool.dependency(*cap).to_string());
            json!({
                "nevra": pool.nevra(one.package).to_string(),
                "repository": repository(pool, one.package),
                "satisfied": requirements.collect::<Vec<_>>(),
            })
        }).collect::<Vec<_>>(),
        "superseded": superseded.collect::<Vec<_>>(),
    })
}

fn tell(arguments: &Impact, loaded: &Loaded, found: &Found, lost: &[Uninstallable], checked: usize) -> Result<()> {
    let pool = &loaded.pool;
    if !arguments.repositories.quiet && !found.superseded.is_empty() {
        say(Styled(BOLD, format!("Takes the place of {}:", some(found.superseded.len(), "package"))))?;
        for one in found.superseded.iter().take(SHOWN) {
            let how = if one.obsoleted { "obsoleted by" } else { "by" };
            let (old, at) = (name(pool, one.old), loaded.repository(one.old));
            say(format_args!("  {old} of {at}, {how} {}", name(pool, one.new)))?;
        }
        if let Some(more) = found.superseded.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            say(format_args!("  ... and {more} more"))?;
        }
    }
    if !found.broken.is_empty() {
        say(Styled(BOLD, format!("Breaks {}:", some(found.broken.len(), "package"))))?;
    }
    for (id, requirements) in &found.broken {
        say(format_args!("  {} of {}", Styled(CYAN, name(pool, *id)), loaded.repository(*id)))?;
        for one in requirements {
            say(format_args!("    {}", Styled(RED, text(pool, one.requirement))))?;
            for was in &one.was {
                let (was, at) = (name(pool, *was), loaded.repository(*was));
                say(format_args!("      {}", Styled(DIM, format!("{was} of {at} has it, and goes"))))?;
            }
        }
    }
    if !lost.is_empty() {
        let title = format!("Leaves {} without a way to be installed:", some(lost.len(), "package"));
        say(Styled(BOLD, title))?;
    }
    for one in lost {
        say(format_args!("  {} of {}", Styled(CYAN, name(pool, one.package)), loaded.repository(one.package)))?;
        for reason in &one.reasons {
            say(format_args!("    {}", Styled(RED, plain(reason))))?;
        }
    }
    let mut suggestions = Suggestions::new(loaded, &found.after);
    if !found.unsatisfied.is_empty() {
        say(Styled(BOLD, "What is published lacks:"))?;
        show(&mut suggestions, &found.unsatisfied)?;
    }
    if !arguments.repositories.quiet && !found.repaired.is_empty() {
        say(Styled(BOLD, format!("Repairs {}:", some(found.repaired.len(), "package"))))?;
        for one in &found.repaired {
            say(format_args!("  {} of {}", Styled(GREEN, name(pool, one.package)), loaded.repository(one.package)))?;
        }
    }
    if found.is_harmless() && lost.is_empty() && !arguments.repositories.quiet {
        say(format_args!("Nothing breaks; {} checked", some(checked, "package")))?;
    }
    Ok(())
}
