//! `copr-repo prune`.

use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::Result;
use copr_repodata::Output;
use copr_repodata::prune::{FileFate, PruneOptions, PruneResult, prune};
use serde_json::{Value, json};

use super::definition::Prune;
use super::show::{RED, Styled, columns, plain, repomd, size, some};
use super::values;

/// Exit code when files of packages were to go and did not.
const LEFT: u8 = 2;

pub(super) fn run(arguments: &Prune) -> Result<ExitCode> {
    let options = PruneOptions {
        keep_younger: arguments.keep_younger.as_deref().map(values::age).transpose()?,
        delete_files: arguments.delete,
        dry_run: arguments.dry_run,
        ..PruneOptions::new(arguments.keep)
    };
    let output = Output {
        retain: values::retain(arguments.retain.as_deref())?,
        ..Output::like(&repomd(&arguments.dir)?, SystemTime::now())
    };
    let result = prune(&arguments.dir, &options, &output)?;
    if arguments.json {
        anstream::println!("{}", object(arguments, &result));
    } else if !arguments.quiet {
        show(arguments, &result);
    }
    let mut code = ExitCode::SUCCESS;
    for package in &result.pruned {
        if let FileFate::Left(reason) = &package.file {
            let place = arguments.dir.join(&package.location_href);
            anstream::eprintln!("copr-repo: {} is left: {}", plain(&place.display().to_string()), plain(reason));
            code = ExitCode::from(LEFT);
        }
    }
    Ok(code)
}

fn object(arguments: &Prune, result: &PruneResult) -> Value {
    let packages: Value = result
        .pruned
        .iter()
        .map(|package| {
            let (file, reason) = match &package.file {
                FileFate::NotAsked => ("kept", None),
                FileFate::Removed => ("removed", None),
                FileFate::Gone => ("gone", None),
                FileFate::Left(reason) => ("left", Some(reason)),
            };
            let (nevra, place) = (package.nevra.to_string(), &package.location_href);
            json!({ "nevra": nevra, "location": place, "size": package.size, "file": file, "reason": reason })
        })
        .collect();
    json!({
        "pruned": packages,
        "packages": result.published.packages,
        "revision": result.published.revision,
        "changed": result.published.changed,
        "dry_run": arguments.dry_run,
    })
}

fn show(arguments: &Prune, result: &PruneResult) {
    let rows: Vec<_> =
        result.pruned.iter().map(|package| [plain(&package.location_href), size(package.size)]).collect();
    columns(&rows, [false, true]).iter().for_each(|row| anstream::println!("{} {row}", Styled(RED, '-')));
    let bytes = result.pruned.iter().fold(0u64, |sum, package| sum.saturating_add(package.size));
    let removed = result.pruned.iter().filter(|package| package.file == FileFate::Removed).count();
    let (gone, left) = (some(result.pruned.len(), "package"), some(result.published.packages, "package"));
    let place = arguments.dir.display();
    let files = if arguments.delete && !arguments.dry_run {
        format!(", {} removed", some(removed, "file"))
    } else {
        String::new()
    };
    let verb = if arguments.dry_run { "would go" } else { "taken out" };
    anstream::println!("{place}: {gone} ({}) {verb}{files}, {left} left", size(bytes));
}
