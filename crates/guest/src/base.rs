//! The end of a machine that makes a base image: what is left on the scratch disk must be whole, and nobody's in particular.

use std::{io, path::Path};

use copr_vm::proto::Stage;
use fs_err as fs;

use crate::{
    install,
    job::{JobError, Work, setup},
    system::{self, TARGET},
};

/// What belongs to one machine: its name, and identities and seeds that scriptlets made; no two builds may share them.
const OF_ONE_MACHINE: [&str; 4] =
    ["etc/hostname", "var/lib/dbus/machine-id", "var/lib/systemd/random-seed", "var/lib/random-seed"];

/// Cleans the target and takes it off in good order; 0.
pub(crate) fn finish(work: &Work<'_>) -> Result<i32, JobError> {
    install::tell(work)?;
    work.channel.stage(Stage::Installed);
    clean(Path::new(TARGET)).map_err(setup("cleaning the base"))?;
    system::unmount_target().map_err(setup("taking off the base"))?;
    work.channel.stage(Stage::Built);
    Ok(0)
}

fn clean(target: &Path) -> io::Result<()> {
    for path in OF_ONE_MACHINE {
        match fs::remove_file(target.join(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    // Empty, and not away: some packages' scriptlets ask whether it is there (machine-id(5)).
    let id = target.join("etc/machine-id");
    if fs::symlink_metadata(&id).is_ok_and(|meta| meta.is_file()) {
        fs::write(&id, "")?;
    }
    for folder in ["tmp", "var/tmp"] {
        for entry in fs::read_dir(target.join(folder)).into_iter().flatten().flatten() {
            let is_folder = entry.file_type()?.is_dir();
            let removed = if is_folder { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
            removed?;
        }
    }
    Ok(())
}
