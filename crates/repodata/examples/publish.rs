//! Adds packages to a repository as often as asked, each time under another name, and tells what it took: `publish DIR gz|zstd open|- COUNT RPM…`. For
//! profilers and for watching memory; the comparison with other programs is `cargo bench --bench publish`.

use std::path::Path;
use std::time::{Instant, SystemTime};

use copr_repodata::{Delta, Output, Publisher, Record, RecordOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, compression, open, count, rpms @ ..] = arguments.as_slice() else {
        return Err("publish DIR gz|zstd open|- COUNT RPM…".into());
    };
    let run = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    for number in 0..count.parse::<usize>()? {
        let start = Instant::now();
        let mut delta = Delta::default();
        for rpm in rpms {
            let path = Path::new(rpm);
            let name = path.file_name().and_then(|name| name.to_str()).ok_or("a file needs a name")?;
            delta.add.push(Record::from_file(path, &format!("new/{run}/{number}/{name}"), &RecordOptions::default())?);
        }
        let output = Output {
            compression: compression.parse()?,
            open_checksums: open == "open",
            ..Output::new(SystemTime::now())
        };
        let published = Publisher::new(Path::new(dir), output).publish(&delta)?;
        println!("{:.3} s: {published:?}", start.elapsed().as_secs_f64());
    }
    Ok(())
}
