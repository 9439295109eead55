//! Makes the data sets: `copr-bench data`.

use std::path::Path;

use anyhow::{Context, Result};
use copr_benches::data::{Data, Format};

fn main() -> Result<()> {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no source tree")?;
    let data = Data::of(tree);
    let made = |path: std::path::PathBuf| println!("{}", path.display());
    made(data.rpms()?);
    made(data.repository(Format::Gzip)?);
    made(data.tree()?);
    made(data.new_rpms()?);
    made(data.repository(Format::Zstd)?);
    made(data.repository(Format::Plain)?);
    data.halves()?.into_iter().for_each(made);
    Ok(())
}
