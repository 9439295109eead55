//! Small repositories as text: one package a line, `NEVRA; requires a >= 1, b; provides c; files /bin/x`, and one line
//! `install a, b` that says what is asked for. What cannot be read is left out, so that any text is some repository.

use copr_repodata::{File, Record};
use copr_rpm::{Dependency, Nevra};

/// Most packages that are read, so that the checker can hold a set of them in one number.
const MOST_PACKAGES: usize = 64;
/// Most entries of one list that are read.
const MOST_ENTRIES: usize = 64;

/// Packages, and what is asked for.
#[derive(Default)]
pub(crate) struct Case {
    /// Shown where a property does not hold.
    text: String,
    /// In the order of the text.
    pub(crate) records: Vec<Record>,
    /// All of these at once.
    pub(crate) wanted: Vec<Dependency>,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl Case {
    /// Reads a text.
    pub(crate) fn read(text: &str) -> Self {
        let mut case = Self { text: text.to_owned(), ..Self::default() };
        for line in text.lines().map(str::trim) {
            if let Some(list) = line.strip_prefix("install ") {
                case.wanted.extend(dependencies(list));
            } else if case.records.len() < MOST_PACKAGES {
                case.records.extend(package(line));
            }
        }
        case.wanted.truncate(MOST_ENTRIES);
        case
    }
}

/// A package of one line; `None` when it does not begin with a NEVRA.
pub(crate) fn package(line: &str) -> Option<Record> {
    let mut parts = line.split(';').map(str::trim);
    let nevra: Nevra = parts.next()?.parse().ok()?;
    let own = format!("{} = {}", nevra.name, nevra.evr()).parse().ok();
    let mut record = Record { nevra, provides: own.into_iter().collect(), ..Record::default() };
    for (kind, list) in parts.filter_map(|part| part.split_once(' ')) {
        let target = match kind {
            "requires" => &mut record.requires,
            "provides" => &mut record.provides,
            "conflicts" => &mut record.conflicts,
            "obsoletes" => &mut record.obsoletes,
            "recommends" => &mut record.recommends,
            "suggests" => &mut record.suggests,
            "supplements" => &mut record.supplements,
            "enhances" => &mut record.enhances,
            "files" => {
                let paths = list.split(',').map(|path| path.trim().to_owned());
                record.files.extend(paths.take(MOST_ENTRIES).map(|path| File { path, ..File::default() }));
                continue;
            }
            _ => continue,
        };
        target.extend(dependencies(list));
    }
    Some(record)
}

fn dependencies(list: &str) -> impl Iterator<Item = Dependency> {
    list.split(',').filter_map(|word| word.parse().ok()).take(MOST_ENTRIES)
}
