//! `copr-repo diff`.

use std::process::ExitCode;

use anstyle::Style;
use anyhow::Result;
use copr_repodata::diff::{Change, Diff as Found, KindChange, Side, diff};
use serde_json::{Value, json};

use super::definition::Diff;
use super::show::{BOLD, CYAN, DIM, GREEN, RED, Styled, YELLOW, columns, count, plain, size};

/// Exit code when the repositories differ and that is asked for.
const DIFFER: u8 = 2;

pub(super) fn run(arguments: &Diff) -> Result<ExitCode> {
    let found = diff(&arguments.old, &arguments.new)?;
    if arguments.json {
        anstream::println!("{}", object(&found));
    } else {
        if !arguments.summary {
            show(&found);
        }
        anstream::println!("{}", summary(&found));
    }
    Ok(if arguments.exit_code && !found.is_empty() { ExitCode::from(DIFFER) } else { ExitCode::SUCCESS })
}

fn object(found: &Found) -> Value {
    let sides = |sides: &[Side]| -> Value { sides.iter().map(side).collect() };
    let changes = |changes: &[Change]| -> Value {
        changes.iter().map(|change| json!({ "old": side(&change.old), "new": side(&change.new) })).collect()
    };
    let metadata: Value =
        found.metadata.iter().map(|(kind, change)| json!({ "type": kind, "change": word(*change) })).collect();
    json!({
        "revisions": { "old": found.revisions.0, "new": found.revisions.1 },
        "differ": !found.is_empty(),
        "added": sides(&found.added),
        "removed": sides(&found.removed),
        "upgraded": changes(&found.upgraded),
        "downgraded": changes(&found.downgraded),
        "changed": changes(&found.changed),
        "moved": changes(&found.moved),
        "unchanged": found.unchanged,
        "metadata": metadata,
    })
}

fn side(side: &Side) -> Value {
    json!({
        "nevra": side.nevra.to_string(),
        "name": side.nevra.name,
        "epoch": side.nevra.epoch,
        "version": side.nevra.version,
        "release": side.nevra.release,
        "arch": side.nevra.arch,
        "location": side.location_href,
        "base": side.location_base,
        "checksum": side.checksum.to_string(),
        "size": side.size,
    })
}

fn word(change: KindChange) -> &'static str {
    match change {
        KindChange::Added => "added",
        KindChange::Removed => "removed",
        KindChange::Changed => "changed",
    }
}

/// The version as people write it.
fn version(side: &Side) -> String {
    let nevra = &side.nevra;
    match nevra.epoch {
        0 => format!("{}-{}", nevra.version, nevra.release),
        epoch => format!("{epoch}:{}-{}", nevra.version, nevra.release),
    }
}

fn show(found: &Found) {
    let mut rows: Vec<[String; 4]> = Vec::new();
    let mut signs: Vec<(Style, char)> = Vec::new();
    let mut row = |style, sign, side: &Side, what: String, last: String| {
        signs.push((style, sign));
        rows.push([plain(&side.nevra.name), plain(&side.nevra.arch), plain(&what), plain(&last)]);
    };
    found.added.iter().for_each(|side| row(GREEN, '+', side, version(side), size(side.size)));
    found.removed.iter().for_each(|side| row(RED, '-', side, version(side), size(side.size)));
    for (changes, style, sign) in [(&found.upgraded, CYAN, '>'), (&found.downgraded, YELLOW, '<')] {
        for Change { old, new } in changes {
            row(style, sign, new, format!("{} -> {}", version(old), version(new)), size(new.size));
        }
    }
    for Change { old, new } in &found.changed {
        row(YELLOW, '~', new, version(new), format!("{} -> {}", size(old.size), size(new.size)));
    }
    for Change { old, new } in &found.moved {
        row(DIM, '=', new, version(new), format!("{} -> {}", place(old), place(new)));
    }
    for (line, (style, sign)) in columns(&rows, [false; 4]).into_iter().zip(signs) {
        anstream::println!("{} {line}", Styled(style, sign));
    }
    for (kind, change) in &found.metadata {
        let (style, sign) = match change {
            KindChange::Added => (GREEN, '+'),
            KindChange::Removed => (RED, '-'),
            KindChange::Changed => (YELLOW, '~'),
        };
        anstream::println!("{} metadata: {}", Styled(style, sign), plain(kind));
    }
}

fn place(side: &Side) -> String {
    match &side.location_base {
        None => side.location_href.clone(),
        Some(base) => format!("{}/{}", base.trim_end_matches('/'), side.location_href),
    }
}

fn summary(found: &Found) -> String {
    let counts = [
        (found.added.len(), "added"),
        (found.removed.len(), "removed"),
        (found.upgraded.len(), "upgraded"),
        (found.downgraded.len(), "downgraded"),
        (found.changed.len(), "changed"),
        (found.moved.len(), "moved"),
        (found.metadata.len(), "metadata changed"),
    ];
    let some = counts.iter().filter(|(number, _)| *number > 0);
    let mut parts: Vec<String> =
        some.map(|(number, what)| format!("{} {what}", Styled(BOLD, count(*number as u64)))).collect();
    parts.push(format!("{} unchanged", count(found.unchanged as u64)));
    parts.join(", ")
}
