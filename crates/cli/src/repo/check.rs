//! `copr-repo check`.

use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context, Result};
use copr_repodata::check::{CheckOptions, Packages, Report, Severity, check};

use super::definition::{Check, Depth};
use super::show::{GREEN, RED, Styled, YELLOW, plain, some};

pub(super) fn run(arguments: &Check) -> Result<ExitCode> {
    let options = CheckOptions {
        packages: match arguments.packages {
            Depth::No => Packages::No,
            Depth::Exist => Packages::Exist,
            Depth::Sizes => Packages::Sizes,
            Depth::Checksums => Packages::Checksums,
        },
        strict: arguments.strict,
        now: Some(SystemTime::now()),
        scratch: Some(std::env::temp_dir()),
        workers: usize::from(arguments.workers.unwrap_or(0)),
    };
    let report = check(&arguments.dir, &options).context("the repository cannot be checked")?;
    if arguments.json {
        anstream::println!("{}", object(&report));
    } else {
        show(arguments, &report);
    }
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn object(report: &Report) -> serde_json::Value {
    let problem = |problem: &copr_repodata::check::Problem| {
        serde_json::json!({
            "severity": word(problem.severity),
            "what": problem.what,
            "reason": problem.reason,
        })
    };
    serde_json::json!({
        "sound": report.is_sound(),
        "errors": report.errors,
        "warnings": report.warnings,
        "metadata_files": report.metadata_files,
        "packages": report.packages,
        "package_files": report.package_files,
        "elsewhere": report.elsewhere,
        "superseded": report.superseded,
        "problems": report.problems.iter().map(problem).collect::<Vec<_>>(),
    })
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn show(arguments: &Check, report: &Report) {
    for problem in &report.problems {
        let (style, quiet) = match problem.severity {
            Severity::Error => (RED, false),
            Severity::Warning => (YELLOW, arguments.quiet),
        };
        if !quiet {
            let word = Styled(style, word(problem.severity));
            anstream::println!("{word}: {}", plain(&problem.to_string()));
        }
    }
    if arguments.quiet {
        return;
    }
    let hidden = (report.errors + report.warnings).saturating_sub(report.problems.len());
    if hidden > 0 {
        anstream::println!("... and {}", some(hidden, "more problem"));
    }
    let mut seen = vec![some(report.metadata_files, "metadata file"), some(report.packages, "package")];
    if report.package_files != report.packages {
        seen.push(format!("{} looked at", some(report.package_files, "package file")));
    }
    if report.superseded > 0 {
        seen.push(format!("{} of earlier metadata", some(report.superseded, "file")));
    }
    let verdict = match (report.errors, report.warnings) {
        (0, 0) => Styled(GREEN, "sound".to_owned()),
        (0, warnings) => Styled(YELLOW, format!("sound, {}", some(warnings, "warning"))),
        (errors, 0) => Styled(RED, some(errors, "error")),
        (errors, warnings) => Styled(RED, format!("{}, {}", some(errors, "error"), some(warnings, "warning"))),
    };
    anstream::println!("{}: {verdict} ({})", arguments.dir.display(), seen.join(", "));
}
