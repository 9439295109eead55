//! Writes packages that rpmbuild does not make into a folder, for tests that show them to other tools.
//!
//! `odd-packages FOLDER`

#[path = "../tests/small_rpm/mod.rs"]
mod small_rpm;

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return Err(std::io::Error::other("usage: odd-packages FOLDER"));
    };
    for (name, bytes) in small_rpm::odd::packages() {
        std::io::Write::write_all(&mut std::fs::File::create(folder.join(format!("{name}.rpm")))?, &bytes)?;
    }
    Ok(())
}
