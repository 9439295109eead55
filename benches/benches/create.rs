//! `copr-repo create` beside createrepo_c on one folder of RPMs: `COPR_BENCH_RPMS`, or the minidistro.
//!
//! `make bench` builds the release program first; createrepo_c is compared when it is installed (Debian's in `PATH`, PyPI's
//! in `target/venv`).

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use copr_benches::{Contender, available, compare};

fn main() -> Result<()> {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no source tree")?;
    let rpms: PathBuf = env::var_os("COPR_BENCH_RPMS")
        .or_else(|| env::var_os("COPR_MINIDISTRO"))
        .filter(|folder| !folder.is_empty())
        .context("name a folder of RPMs in COPR_BENCH_RPMS")?
        .into();
    let out = tree.join("target/bench-create");
    for compress in ["gz", "zstd"] {
        let mut contenders =
            vec![contender("copr-repo create", &tree.join("target/release/copr-repo"), &rpms, &out, {
                vec!["create".into(), "--workers=2".into(), "--compress".into(), compress.into()]
            })];
        for (name, program) in [
            ("createrepo_c (Debian)", "createrepo_c".into()),
            ("createrepo_c (PyPI)", tree.join("target/venv/bin/createrepo_c")),
        ] {
            let version = Command::new(&program).arg("--version").output();
            let old = version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(" 0."));
            if !available(&program.display().to_string()) || (old && compress == "zstd") {
                continue;
            }
            contenders.push(contender(name, &program, &rpms, &out, {
                vec!["--workers=2".into(), "--no-database".into(), format!("--general-compress-type={compress}")]
            }));
        }
        compare(&format!("{} RPMs of {}, {compress}", count(&rpms)?, rpms.display()), 5, &contenders)?;
    }
    Ok(())
}

fn contender(name: &str, program: &Path, rpms: &Path, out: &Path, args: Vec<String>) -> Contender {
    let (program, rpms, out) = (program.to_owned(), rpms.to_owned(), out.to_owned());
    Contender {
        name: name.to_owned(),
        command: Box::new(move || {
            let _ = std::fs::remove_dir_all(&out);
            std::fs::create_dir(&out)?;
            let mut command = Command::new(&program);
            command.args(&args).arg("-o").arg(&out).arg(&rpms);
            Ok(command)
        }),
    }
}

fn count(folder: &Path) -> Result<usize> {
    let mut found = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found += count(&path)?;
        } else if path.extension().is_some_and(|extension| extension == "rpm") {
            found += 1;
        }
    }
    Ok(found)
}
