//! How a solution is shown: as dnf shows a transaction.

use std::process::ExitCode;

use anyhow::Result;
use copr_resolve::solve::{Chosen, Problem, Reason, Solution};
use copr_resolve::{PackageId, Pool};
use serde_json::{Value, json};

use super::load::Loaded;
use crate::repo::definition::Repositories;
use crate::repo::show::{BOLD, CYAN, GREEN, RED, Styled, YELLOW, columns, complain, plain, say, size, some};

/// Tells a solution, or why there is none.
pub(super) fn tell(arguments: &Repositories, loaded: &Loaded, solved: Result<Solution, Problem>) -> Result<ExitCode> {
    match solved {
        Ok(solution) => {
            if arguments.json {
                say(object(loaded, &solution))?;
            } else {
                show(loaded, &solution)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(problem) => fail(arguments, &problem_lines(&problem)),
    }
}

/// Tells why it cannot be done, a sentence a line.
pub(super) fn fail(arguments: &Repositories, problems: &[String]) -> Result<ExitCode> {
    if arguments.json {
        say(json!({ "problems": problems }))?;
    }
    for problem in problems {
        complain(plain(problem));
    }
    Ok(ExitCode::FAILURE)
}

pub(super) fn problem_lines(problem: &Problem) -> Vec<String> {
    match problem {
        Problem::Unsatisfiable { reasons } => reasons.clone(),
        other => vec![other.to_string()],
    }
}

fn object(loaded: &Loaded, solution: &Solution) -> Value {
    let pool = &loaded.pool;
    let install = solution.install.iter().map(|chosen| {
        let mut object = package(pool, chosen.id);
        let (why, by) = match chosen.why {
            Reason::Asked => ("asked", None),
            Reason::Required(by) => ("required", Some(by)),
            Reason::Recommended(by) => ("recommended", Some(by)),
            Reason::Replaces(by) => ("replaces", Some(by)),
        };
        if let Some(object) = object.as_object_mut() {
            object.insert("why".to_owned(), json!(why));
            object.insert("by".to_owned(), json!(by.map(|by| pool.nevra(by).to_string())));
        }
        object
    });
    let erase = solution.erase.iter().map(|id| package(pool, *id));
    json!({ "install": install.collect::<Vec<_>>(), "erase": erase.collect::<Vec<_>>() })
}

fn package(pool: &Pool, id: PackageId) -> Value {
    let nevra = pool.nevra(id);
    json!({
        "nevra": nevra.to_string(),
        "name": nevra.name,
        "epoch": nevra.epoch,
        "version": nevra.version,
        "release": nevra.release,
        "arch": nevra.arch,
        "repository": super::closure::repository(pool, id),
        "size": pool.package_size(id),
    })
}

/// A heading, the colour of its packages, and these.
type Group<'a> = (&'a str, anstyle::Style, Vec<PackageId>);

fn show(loaded: &Loaded, solution: &Solution) -> Result<()> {
    let pool = &loaded.pool;
    let of = |wanted: fn(&Reason) -> bool| {
        solution.install.iter().filter(|chosen: &&Chosen| wanted(&chosen.why)).map(|chosen| chosen.id).collect()
    };
    let groups: [Group<'_>; 5] = [
        ("Installing:", GREEN, of(|why| matches!(why, Reason::Asked))),
        ("Installing dependencies:", CYAN, of(|why| matches!(why, Reason::Required(_)))),
        ("Installing weak dependencies:", YELLOW, of(|why| matches!(why, Reason::Recommended(_)))),
        ("Replacing:", YELLOW, of(|why| matches!(why, Reason::Replaces(_)))),
        ("Removing:", RED, solution.erase.clone()),
    ];
    if groups.iter().all(|(.., ids)| ids.is_empty()) {
        return say("Nothing to do");
    }
    // One table, so that columns stand below each other; headings are put in afterwards.
    let heading = ["Package", "Arch", "Version", "Repository", "Size"].map(str::to_owned);
    let mut rows = vec![heading];
    for id in groups.iter().flat_map(|(.., ids)| ids) {
        let nevra = pool.nevra(*id);
        let (evr, arch) = (version(&nevra), plain(&nevra.arch));
        rows.push([plain(&nevra.name), arch, evr, loaded.repository(*id), size(pool.package_size(*id))]);
    }
    let mut lines = columns(&rows, [false, false, false, false, true]).into_iter();
    say(Styled(BOLD, format!(" {}", lines.next().unwrap_or_default())))?;
    for (title, style, ids) in &groups {
        if ids.is_empty() {
            continue;
        }
        say(Styled(BOLD, title))?;
        for line in lines.by_ref().take(ids.len()) {
            say(format_args!(" {}", Styled(*style, line)))?;
        }
    }
    let download: u64 = solution.install.iter().map(|chosen| pool.package_size(chosen.id)).fold(0, u64::saturating_add);
    let installed = solution.install.iter().map(|chosen| pool.installed_size(chosen.id)).fold(0, u64::saturating_add);
    say("")?;
    let mut summary = vec![format!("Install {}", some(solution.install.len(), "package"))];
    if !solution.erase.is_empty() {
        summary.push(format!("remove {}", some(solution.erase.len(), "package")));
    }
    say(format_args!("{}; {} to download, {} installed", summary.join(", "), size(download), size(installed)))
}

fn version(nevra: &copr_rpm::Nevra) -> String {
    let epoch = if nevra.epoch == 0 { String::new() } else { format!("{}:", nevra.epoch) };
    plain(&format!("{epoch}{}-{}", nevra.version, nevra.release))
}
