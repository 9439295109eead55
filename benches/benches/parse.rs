//! Parsing the three files of a whole distribution, beside createrepo_c's `PackageIterator`. Each on one thread, each in
//! a process of its own.

use std::{path::PathBuf, process::Command};

use anyhow::Result;
use copr_benches::{
    data::{Data, Format},
    measure::{Bench, Contender},
    peers,
};

fn main() -> Result<()> {
    let bench = Bench::new("parse", env!("CARGO_BIN_EXE_copr-bench"))?;
    let data = Data::of(peers::tree()?);
    for format in [Format::Plain, Format::Gzip, Format::Zstd] {
        let title = format!("65,000 packages, primary, filelists and other, {}", format.name());
        if !bench.wanted(&title) {
            continue;
        }
        let repository = data.repository(format)?;
        let contender = |name: &str, words: Vec<PathBuf>| {
            let words = [words, vec![repository.clone()]].concat();
            Contender {
                name: name.to_owned(),
                command: Box::new(move || {
                    let mut command = Command::new(words.first().cloned().unwrap_or_default());
                    command.args(words.iter().skip(1));
                    Ok(command)
                }),
                limit: None,
            }
        };
        let ours = vec![env!("CARGO_BIN_EXE_copr-bench").into(), "parse".into()];
        let mut contenders = vec![contender("copr_repodata::read", ours)];
        if let Some(python) = peers::python()? {
            let script = peers::tree()?.join("benches/benches/parse.py");
            contenders.push(contender("createrepo_c (Python)", vec![python, script]));
        }
        bench.compare(&title, &contenders)?;
    }
    Ok(())
}
