//! `copr-repo merge` beside `mergerepo_c`: two repositories of 40,000 packages, 15,000 of them in both.

use std::process::Command;

use anyhow::Result;
use copr_benches::{
    data::Data,
    empty_folder,
    measure::{Bench, Contender},
    peers,
};

fn main() -> Result<()> {
    let bench = Bench::new("merge", env!("CARGO_BIN_EXE_copr-bench"))?;
    let data = Data::of(peers::tree()?);
    let halves = data.halves()?;
    let out = data.scratch()?.join("merge");
    let mut programs = vec![("copr-repo".to_owned(), peers::copr_repo()?, vec!["merge"])];
    for suite in peers::createrepo_c()? {
        let name = suite.name.replace("createrepo_c", "mergerepo_c");
        programs.push((name, suite.program("mergerepo_c"), vec!["--no-database"]));
    }
    for (title, method) in [("one of each name", None), ("all versions", Some("--all"))] {
        let contender = |(name, program, first): &(String, _, Vec<&str>)| {
            let mut args: Vec<String> = first.iter().map(|&word| word.to_owned()).collect();
            args.extend(method.map(str::to_owned));
            args.push("--compress-type=gz".to_owned());
            for half in &halves {
                args.extend(["-r".to_owned(), half.display().to_string()]);
            }
            args.extend(["-o".to_owned(), out.display().to_string()]);
            let (program, out): (std::path::PathBuf, _) = (Clone::clone(program), out.clone());
            Contender {
                name: name.clone(),
                command: Box::new(move || {
                    empty_folder(&out)?;
                    let mut command = Command::new(&program);
                    command.args(&args);
                    Ok(command)
                }),
                limit: None,
            }
        };
        let contenders: Vec<Contender> = programs.iter().map(contender).collect();
        bench.compare(&format!("2 x 40,000 packages, {title}, gz"), &contenders)?;
    }
    Ok(())
}
