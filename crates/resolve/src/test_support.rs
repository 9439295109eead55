//! Packages made up in one line, for the tests of this crate.

use copr_repodata::Record;
use copr_rpm::Dependency;

use crate::{Packages, Pool, RepositoryInfo};

/// A package from `NEVRA; requires a >= 1, b; provides c; ...`: kinds requires, provides, conflicts, obsoletes,
/// recommends, suggests, supplements, enhances, files, vendor.
pub(crate) fn package(line: &str) -> Record {
    let mut parts = line.split(';').map(str::trim);
    let nevra: copr_rpm::Nevra = parts.next().unwrap_or_default().parse().expect("a NEVRA");
    let own: Dependency = format!("{} = {}", nevra.name, nevra.evr()).parse().expect("a capability");
    let mut record = Record { nevra, provides: vec![own], ..Record::default() };
    for part in parts {
        let (kind, list) = part.split_once(' ').expect("a kind and a list");
        let words = list.split(',').map(str::trim);
        if kind == "files" {
            record.files.extend(
                words.map(|path| copr_repodata::File { path: path.to_owned(), ..copr_repodata::File::default() }),
            );
            continue;
        }
        if kind == "vendor" {
            list.clone_into(&mut record.vendor);
            continue;
        }
        let target = match kind {
            "requires" => &mut record.requires,
            "provides" => &mut record.provides,
            "conflicts" => &mut record.conflicts,
            "obsoletes" => &mut record.obsoletes,
            "recommends" => &mut record.recommends,
            "suggests" => &mut record.suggests,
            "supplements" => &mut record.supplements,
            "enhances" => &mut record.enhances,
            other => panic!("unknown kind {other}"),
        };
        target.extend(words.map(dependency));
    }
    record
}

/// Packages, one a line.
pub(crate) fn packages(lines: &str) -> Packages {
    let records: Vec<Record> = lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(package).collect();
    Packages::from_records(&records).expect("a small repository")
}

/// A dependency, rich ones as they stand in a header.
pub(crate) fn dependency(text: &str) -> Dependency {
    if text.starts_with('(') { Dependency::named(text) } else { text.parse().expect("a dependency") }
}

/// A pool for `x86_64` of repositories (`id` or `id@priority`) with packages, one a line.
pub(crate) fn pool(repositories: &[(&str, &str)]) -> Pool {
    let mut pool = Pool::new("x86_64");
    for (id, lines) in repositories {
        let (id, priority) = id.split_once('@').unwrap_or((id, "99"));
        let mut info = RepositoryInfo::new(id, format!("file:///{id}/"));
        info.priority = priority.parse().expect("a number");
        pool.add(info, packages(lines)).expect("a small repository");
    }
    pool
}
