//! `copr-repo stats`.

use std::process::ExitCode;

use anyhow::Result;
use copr_repodata::stats::{Stats as Figures, stats};
use copr_rpm::{DependencyKind, Nevra};
use serde_json::{Value, json};

use super::definition::Stats;
use super::show::{BOLD, Styled, columns, count, date, plain, size};

/// How many of the largest packages, vendors and licences people see.
const SHOWN: usize = 5;

pub(super) fn run(arguments: &Stats) -> Result<ExitCode> {
    let figures = stats(&arguments.dir)?;
    if arguments.json {
        anstream::println!("{}", object(&figures));
    } else {
        show(&figures);
    }
    Ok(ExitCode::SUCCESS)
}

fn object(figures: &Figures) -> Value {
    let common = |counts: &[(String, usize)]| -> Value {
        counts.iter().map(|(name, packages)| json!({ "name": name, "packages": packages })).collect()
    };
    let built = |built: &Option<(Nevra, u64)>| {
        built.as_ref().map(|(nevra, time)| json!({ "nevra": nevra.to_string(), "time": time }))
    };
    let arches: Value = figures
        .arches
        .iter()
        .map(|arch| json!({ "arch": arch.arch, "packages": arch.packages, "size": arch.size }))
        .collect();
    let metadata: Value = figures
        .metadata
        .iter()
        .map(|file| {
            let (size, open) = (file.size, file.open_size);
            json!({ "type": file.kind, "location": file.location_href, "size": size, "open_size": open })
        })
        .collect();
    let largest: Value =
        figures.largest.iter().map(|(nevra, size)| json!({ "nevra": nevra.to_string(), "size": size })).collect();
    let dependencies: serde_json::Map<String, Value> =
        figures.dependencies.iter().map(|(kind, number)| (word(*kind).to_owned(), json!(number))).collect();
    json!({
        "revision": figures.revision,
        "packages": figures.packages,
        "names": figures.names,
        "source_packages": figures.source_packages,
        "size_package": figures.size_package,
        "size_installed": figures.size_installed,
        "arches": arches,
        "dependencies": dependencies,
        "files": { "plain": figures.files.plain, "dirs": figures.files.dirs, "ghosts": figures.files.ghosts },
        "changelogs": figures.changelogs,
        "metadata": metadata,
        "largest": largest,
        "oldest": built(&figures.oldest),
        "newest": built(&figures.newest),
        "vendors": common(&figures.vendors),
        "licenses": common(&figures.licenses),
    })
}

fn word(kind: DependencyKind) -> &'static str {
    match kind {
        DependencyKind::Requires => "requires",
        DependencyKind::Provides => "provides",
        DependencyKind::Conflicts => "conflicts",
        DependencyKind::Obsoletes => "obsoletes",
        DependencyKind::Recommends => "recommends",
        DependencyKind::Suggests => "suggests",
        DependencyKind::Supplements => "supplements",
        DependencyKind::Enhances => "enhances",
    }
}

fn show(figures: &Figures) {
    let files = figures.files;
    let all_files = files.plain.saturating_add(files.dirs).saturating_add(files.ghosts);
    let mut rows = vec![
        ["packages".to_owned(), count(figures.packages as u64), format!("{} names", count(figures.names as u64))],
        ["size".to_owned(), size(figures.size_package), format!("{} installed", size(figures.size_installed))],
        ["files".to_owned(), count(all_files), format!("{} folders", count(files.dirs))],
        ["changes".to_owned(), count(figures.changelogs), String::new()],
    ];
    if let (Some((_, oldest)), Some((_, newest))) = (&figures.oldest, &figures.newest) {
        rows.push(["built".to_owned(), date(*newest), format!("oldest {}", date(*oldest))]);
    }
    lines(&columns(&rows, [false, true, false]));

    let arches = figures.arches.iter().map(|a| [plain(&a.arch), count(a.packages as u64), size(a.size)]);
    section("architectures", &columns(&arches.collect::<Vec<_>>(), [false, true, true]));
    let some = figures.dependencies.iter().filter(|(_, number)| *number > 0);
    let dependencies: Vec<_> = some.map(|(kind, number)| [word(*kind).to_owned(), count(*number)]).collect();
    section("dependencies", &columns(&dependencies, [false, true]));
    let bytes = |bytes: Option<u64>| bytes.map_or_else(|| "-".to_owned(), size);
    let metadata = figures.metadata.iter().map(|file| {
        let open = file.open_size.map(|open| format!("{} open", size(open))).unwrap_or_default();
        [plain(&file.kind), bytes(file.size), open]
    });
    section("metadata", &columns(&metadata.collect::<Vec<_>>(), [false, true, true]));
    let largest = figures.largest.iter().take(SHOWN).map(|(nevra, bytes)| [plain(&nevra.to_string()), size(*bytes)]);
    section("largest packages", &columns(&largest.collect::<Vec<_>>(), [false, true]));
    for (title, counts) in [("vendors", &figures.vendors), ("licences", &figures.licenses)] {
        let rows = counts.iter().take(SHOWN).map(|(name, packages)| [plain(name), count(*packages as u64)]);
        section(title, &columns(&rows.collect::<Vec<_>>(), [false, true]));
    }
}

fn section(title: &str, rows: &[String]) {
    if !rows.is_empty() {
        anstream::println!("\n{}", Styled(BOLD, title));
        lines(rows);
    }
}

fn lines(rows: &[String]) {
    rows.iter().for_each(|row| anstream::println!("  {row}"));
}
