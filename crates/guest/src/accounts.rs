//! The build's user and group in the target's account files.

use std::{io, path::Path};

use copr_vm::proto::Job;
use fs_err as fs;

use crate::{child::HOME, system};

/// Makes the job's user and group, in place of ones of the same name.
pub(crate) fn ensure(root: &Path, job: &Job) -> io::Result<()> {
    let user = format!("{}:x:{}:{}::{HOME}:/bin/bash", job.user, job.uid, job.gid);
    let group = format!("{}:x:{}:", job.group, job.gid);
    put(&root.join("etc/passwd"), &job.user, &user, "root:x:0:0:root:/root:/bin/bash\n")?;
    put(&root.join("etc/group"), &job.group, &group, "root:x:0:\n")
}

fn put(path: &Path, name: &str, line: &str, when_missing: &str) -> io::Result<()> {
    let old = match fs::read_to_string(path) {
        Ok(old) => old,
        Err(error) if error.kind() == io::ErrorKind::NotFound => when_missing.to_owned(),
        Err(error) => return Err(error),
    };
    let mut new = String::with_capacity(old.len() + line.len() + 2);
    let others = old.lines().filter(|known| known.split(':').next() != Some(name));
    for line in others.chain([line]) {
        new.push_str(line);
        new.push('\n');
    }
    system::put(path, &new)
}
