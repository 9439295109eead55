//! Answers many small questions about versions and dependencies, so that they can be compared with rpm's answers: lines on
//! standard input, fields separated by tabs.
//!
//! `compare A B`: `<`, `=` or `>` for two EVRs.
//! `provide DEPENDENCY`: somebody provides it; `require DEPENDENCY`: the numbers of those, from 0, that satisfy it.
//! `install NAME EVR [PROVIDE]...`: it is installed; `requires DEPENDENCY`, `conflicts DEPENDENCY`: can a package that has this
//! be there with all that are installed? `solve` answers those, a `yes` or `no` each. `clear` forgets all.

use std::io::{BufWriter, Error, ErrorKind, Read as _, Write as _};

use copr_repodata::Record;
use copr_resolve::pool::{PackageId, Packages, Pool, RepositoryInfo};
use copr_resolve::solve::{Request, Wish, solve};
use copr_rpm::{Dependency, Evr, Nevra};

fn main() -> Result<(), Error> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut compared = Vec::new();
    let mut known = Known::default();
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields.as_slice() {
            ["compare", a, b] => {
                compared.push(package("a", a, &[])?);
                compared.push(package("b", b, &[])?);
            }
            ["provide", text] => known.installed.push(package(&format!("p{}", known.installed.len()), "1-1", &[text])?),
            ["require", text] => {
                let pool = known.pool()?;
                let numbers: Vec<String> =
                    pool.providers_of(&dependency(text)?).iter().map(|id| id.index().to_string()).collect();
                writeln!(out, "{}", numbers.join(" "))?;
            }
            ["install", name, evr, provides @ ..] => known.installed.push(package(name, evr, provides)?),
            ["requires", text] => known.ask(|record| &mut record.requires, text)?,
            ["conflicts", text] => known.ask(|record| &mut record.conflicts, text)?,
            ["solve"] => {
                for answer in known.answers()? {
                    writeln!(out, "{}", if answer { "yes" } else { "no" })?;
                }
            }
            ["clear"] => known = Known::default(),
            _ => return Err(Error::new(ErrorKind::InvalidData, format!("no such question: {line}"))),
        }
    }
    let pool = pool_of(&compared)?;
    let ids: Vec<PackageId> = pool.ids().collect();
    for pair in ids.chunks_exact(2) {
        if let [a, b] = pair {
            let order = pool.compare_evr(pool.evr(*a), pool.evr(*b));
            writeln!(
                out,
                "{}",
                if order.is_lt() {
                    "<"
                } else if order.is_gt() {
                    ">"
                } else {
                    "="
                }
            )?;
        }
    }
    out.flush()
}

/// What the questions are about.
#[derive(Default)]
struct Known {
    installed: Vec<Record>,
    asked: Vec<Record>,
    /// Made at the first question.
    pool: Option<Pool>,
}

impl Known {
    fn pool(&mut self) -> Result<&Pool, Error> {
        let pool = match self.pool.take() {
            Some(pool) => pool,
            None => pool_of(self.installed.iter().chain(&self.asked))?,
        };
        Ok(self.pool.insert(pool))
    }

    fn ask(&mut self, list: impl FnOnce(&mut Record) -> &mut Vec<Dependency>, text: &str) -> Result<(), Error> {
        let mut record = package(&format!("w{}", self.asked.len()), "1-1", &[])?;
        list(&mut record).push(dependency(text)?);
        self.asked.push(record);
        Ok(())
    }

    fn answers(&mut self) -> Result<Vec<bool>, Error> {
        let installed = self.installed.len();
        let pool = self.pool()?;
        let ids: Vec<PackageId> = pool.ids().collect();
        let (installed, asked) = ids.split_at(installed.min(ids.len()));
        let wish = |id: &PackageId| Wish::Packages(vec![*id], pool.describe(*id));
        let all: Vec<Wish> = installed.iter().map(wish).collect();
        let answer = |id: &PackageId| {
            let install = all.iter().cloned().chain([wish(id)]).collect();
            solve(pool, &Request { install, ..Request::default() }).is_ok()
        };
        Ok(asked.iter().map(answer).collect())
    }
}

fn pool_of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Result<Pool, Error> {
    let mut pool = Pool::new("x86_64");
    let packages = Packages::from_records(records).map_err(invalid)?;
    pool.add(RepositoryInfo::new("r", "file:///r/"), packages).map_err(invalid)?;
    Ok(pool)
}

fn package(name: &str, evr: &str, provides: &[&str]) -> Result<Record, Error> {
    let evr: Evr = evr.parse().map_err(invalid)?;
    let nevra = Nevra {
        name: name.to_owned(),
        epoch: evr.epoch_or_zero(),
        version: evr.version.clone(),
        release: evr.release.clone().unwrap_or_default(),
        arch: "noarch".to_owned(),
    };
    let own = dependency(&format!("{name} = {evr}"))?;
    let provides = provides.iter().map(|text| dependency(text)).chain([Ok(own)]).collect::<Result<_, _>>()?;
    Ok(Record { nevra, provides, ..Record::default() })
}

fn dependency(text: &str) -> Result<Dependency, Error> {
    if text.starts_with('(') { Ok(Dependency::named(text)) } else { text.parse().map_err(invalid) }
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::InvalidData, error)
}
