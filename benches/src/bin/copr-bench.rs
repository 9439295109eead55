//! The benchmarks' helper.
//!
//! `copr-bench data` makes all data sets and prints their folders, `copr-bench data publish` those of one benchmark,
//! `copr-bench data repository` the repository of a whole distribution; the other actions are what benchmarks start:
//! `run SECONDS PROGRAM ...`, `floor FOLDER`, `copy-metadata REPOSITORY FOLDER`, `parse REPOSITORY`, and
//! `resolve cold REPOSITORY CACHE | cached TIMES CACHE | solve weak|strict CACHE FILE TIMES`.

use std::{env, path::Path};

use anyhow::{Context, Result, bail};
use copr_benches::{
    data::{Data, Format, SIZES},
    floor, measure,
    measure::say,
    parse, peers, resolve,
};

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["data"] => make_data(),
        ["data", "publish"] => make_publish_data(),
        ["data", "repository"] => {
            say(&Data::of(peers::tree()?).repository(Format::Zstd)?.display().to_string());
            Ok(())
        }
        ["run", limit, program, ..] => {
            let limit = limit.parse().context("run: the first word is a number of seconds")?;
            measure::run_measured(limit, Path::new(program), args.get(3..).unwrap_or_default())
        }
        ["floor", folder] => {
            say(&format!("{} bytes", floor::sum_all(Path::new(folder), 2)?));
            Ok(())
        }
        ["copy-metadata", from, to] => {
            say(&format!("{} bytes", floor::copy_metadata(Path::new(from), Path::new(to))?));
            Ok(())
        }
        ["parse", repository] => {
            let counts = parse::parse(Path::new(repository))?;
            say(&format!("{} packages, {} files, {} changes", counts.packages, counts.files, counts.changelogs));
            Ok(())
        }
        ["resolve", words @ ..] => run_resolve(words),
        _ => bail!(
            "usage: copr-bench data | run SECONDS PROGRAM ... | floor FOLDER | copy-metadata REPOSITORY FOLDER | \
             parse REPOSITORY | resolve ..."
        ),
    }
}

fn run_resolve(words: &[&str]) -> Result<()> {
    let packages = match words {
        ["cold", repository, cache] => resolve::cold(Path::new(repository), Path::new(cache))?,
        ["cached", times, cache] => resolve::cached(Path::new(cache), times.parse()?)?,
        ["solve", weak, cache, file, times] => {
            resolve::solve(*weak == "weak", Path::new(cache), Path::new(file), times.parse()?)?
        }
        _ => bail!(
            "usage: copr-bench resolve cold REPOSITORY CACHE | cached TIMES CACHE | solve weak|strict CACHE FILE TIMES"
        ),
    };
    say(&format!("{packages} packages"));
    Ok(())
}

fn make_publish_data() -> Result<()> {
    let data = Data::of(peers::tree()?);
    let mut folders = vec![data.hundred_rpms()?];
    for format in [Format::Zstd, Format::Gzip] {
        folders.push(data.repository(format)?);
    }
    for packages in SIZES {
        folders.push(data.repository_of(packages, Format::Zstd)?);
    }
    folders.iter().for_each(|folder| say(&folder.display().to_string()));
    Ok(())
}

fn make_data() -> Result<()> {
    let data = Data::of(peers::tree()?);
    let mut folders = vec![data.rpms()?, data.tree()?, data.new_rpms()?];
    for format in [Format::Gzip, Format::Zstd, Format::Plain] {
        folders.push(data.repository(format)?);
    }
    folders.extend(data.halves()?);
    folders.iter().for_each(|folder| say(&folder.display().to_string()));
    Ok(())
}
