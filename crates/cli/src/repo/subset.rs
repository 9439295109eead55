//! `copr-repo subset`.

use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::Result;
use copr_repodata::Output;
use copr_repodata::subset::{SubsetOptions, subset};
use serde_json::json;

use super::definition::Subset;
use super::show::{count, plain, repomd, size, some};
use super::values;

/// Exit code when a pattern matches nothing.
const UNMATCHED: u8 = 2;

pub(super) fn run(arguments: &Subset) -> Result<ExitCode> {
    let options = SubsetOptions {
        packages: arguments.packages.clone(),
        sources: arguments.sources.clone(),
        arches: arguments.arches.clone(),
        newest_only: arguments.newest_only,
        base: arguments.base.clone(),
        packages_only: arguments.packages_only,
        ..SubsetOptions::default()
    };
    let output = Output { retain: values::retain(None)?, ..Output::like(&repomd(&arguments.dir)?, SystemTime::now()) };
    let made = subset(&arguments.dir, &arguments.out, &options, &output)?;
    let place = arguments.out.join("repodata").display().to_string();
    if arguments.json {
        let object = json!({
            "repodata": place,
            "packages": made.published.packages,
            "of": made.of,
            "size": made.size,
            "revision": made.published.revision,
            "unmatched": made.unmatched,
        });
        anstream::println!("{object}");
    } else if !arguments.quiet {
        let (packages, of) = (some(made.published.packages, "package"), count(made.of as u64));
        anstream::println!("{place}: {packages} of {of}, {}", size(made.size));
    }
    for pattern in &made.unmatched {
        anstream::eprintln!("copr-repo: no package matches `{}`", plain(pattern));
    }
    Ok(if made.unmatched.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(UNMATCHED) })
}
