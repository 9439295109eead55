//! `copr-repo create` beside `createrepo_c`: on generated RPMs, and on the real ones of `COPR_BENCH_RPMS` or the
//! minidistro (`COPR_MINIDISTRO`), and of `../shared/corpus` where that exists.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use copr_benches::{
    data::Data,
    empty_folder, floor,
    measure::{Bench, Contender},
    peers,
};

fn main() -> Result<()> {
    let bench = Bench::new("create", env!("CARGO_BIN_EXE_copr-bench"))?;
    let data = Data::of(peers::tree()?);
    let mut folders = vec![("generated", data.rpms()?)];
    let named = ["COPR_BENCH_RPMS", "COPR_MINIDISTRO"].into_iter().find_map(|name| {
        let folder = env::var_os(name).filter(|folder| !folder.is_empty())?;
        Some(("real", PathBuf::from(folder)))
    });
    folders.extend(named);
    folders.extend(Some(("corpus", peers::tree()?.join("../shared/corpus"))).filter(|(_, folder)| folder.is_dir()));
    for (kind, rpms) in folders {
        for compress in ["gz", "zstd"] {
            let contenders = contenders(&rpms, &data.scratch()?.join("create"), compress)?;
            bench.compare(&format!("{} {kind} RPMs, {compress}", floor::rpms(&rpms)?.len()), &contenders)?;
        }
    }
    Ok(())
}

fn contenders(rpms: &Path, out: &Path, compress: &str) -> Result<Vec<Contender>> {
    let general = format!("--general-compress-type={compress}");
    let ours = ["create", "--workers=2", &general];
    let mut contenders = vec![contender("copr-repo", &peers::copr_repo()?, &ours, out, rpms)];
    for suite in peers::createrepo_c()?.iter().filter(|suite| suite.zstd || compress == "gz") {
        let args = ["--workers=2", "--no-database", &general];
        contenders.push(contender(&suite.name, &suite.program("createrepo_c"), &args, out, rpms));
    }
    if let Some(program) = peers::createrepo_rs()? {
        let compress = format!("--compress-type={compress}");
        let mut contender = contender("createrepo_rs", &program, &["--workers=2", &compress], out, rpms);
        contender.limit = Some(peers::CREATEREPO_RS_LIMIT);
        contenders.push(contender);
    }
    let rpms = rpms.to_owned();
    contenders.push(Contender {
        name: "floor: read and SHA-256".to_owned(),
        command: Box::new(move || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_copr-bench"));
            command.arg("floor").arg(&rpms);
            Ok(command)
        }),
        limit: None,
    });
    Ok(contenders)
}

fn contender(name: &str, program: &Path, args: &[&str], out: &Path, rpms: &Path) -> Contender {
    let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
    let (program, out, rpms) = (program.to_owned(), out.to_owned(), rpms.to_owned());
    Contender {
        name: name.to_owned(),
        command: Box::new(move || {
            empty_folder(&out)?;
            let mut command = Command::new(&program);
            command.args(&args).arg("-o").arg(&out).arg(&rpms);
            Ok(command)
        }),
        limit: None,
    }
}
