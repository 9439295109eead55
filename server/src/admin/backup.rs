//! `coprd admin backup` and `restore`: database, keys and configuration in one file, which either engine takes back.
//!
//! zstd around lines of JSON: a head, files, rows, and an end with the sum of all that stands before it. The head names the schema.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{keys, open};
use crate::{
    clock,
    db::{
        self,
        dump::{self, Line},
    },
    folder::Folder,
};

/// What the head says that the file is.
const FORMAT: &str = "coprd-backup-1";
/// The longest line.
const LINE_BYTES: u64 = 64 << 20;
/// The longest file of the data folder that is taken along.
const FILE_BYTES: u64 = 1 << 20;
/// Most files of the folder of keys.
const KEYS: usize = 1000;
/// What is taken along beside the folder `keys`, when it is there.
const FILES: [&str; 4] = ["coprd.toml", "admin-token", "builder-token", "signing-key"];

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Entry {
    Head { format: String, schema: i64, made_ms: i64, engine: String },
    File { name: String, mode: u32, base64: String },
    Row { table: String, columns: Map<String, Value> },
    Numbered { table: String, last: i64 },
    End { sha256: String, lines: u64 },
}

/// Writes a backup, while a server runs or not, and says what is in it. `to` is the new file, or a folder that gets one with the
/// time in its name.
///
/// # Errors
/// The database can't be read, or the file can't be written or is there already; then nothing is left of it.
pub async fn backup(data: &Path, config: Option<&Path>, to: &Path) -> Result<String> {
    let (folder, read_config, db) = open(data, config).await?;
    let now = clock::now_ms();
    let target = if to.is_dir() { to.join(format!("coprd-{}-{now}.backup", clock::date(now))) } else { to.to_owned() };
    if target.exists() {
        bail!("{} is there already", target.display());
    }
    let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let temporary =
        tempfile::NamedTempFile::new_in(parent).with_context(|| format!("cannot write in {}", parent.display()))?;
    // It holds secrets: a temporary file is for its owner only, and stays so.
    let mut out = Summed::new(zstd::Encoder::new(temporary, 3)?);
    let schema = db::schema_version(&db).await?;
    out.entry(&Entry::Head { format: FORMAT.to_owned(), schema, made_ms: now, engine: db.engine().to_owned() })?;
    let mut files = 0;
    let named = config.map_or_else(|| folder.config(), Path::to_owned);
    for (name, path) in files_of(&folder, &named)? {
        out.entry(&file_entry(name, &path)?)?;
        files += 1;
    }
    drop(read_config);
    let mut rows = 0_u64;
    dump::read(&db, |line| {
        out.entry(&match line {
            Line::Row { table, columns } => {
                rows += 1;
                Entry::Row { table, columns }
            }
            Line::Numbered { table, last } => Entry::Numbered { table, last },
        })
    })
    .await?;
    db.close().await;
    let temporary = out.end()?.finish()?;
    temporary.as_file().sync_all()?;
    temporary.persist_noclobber(&target).map_err(|error| error.error).with_context(|| target.display().to_string())?;
    Ok(format!("{}: {rows} rows, {files} files, schema {schema}. It holds secrets.\n", target.display()))
}

/// Puts a backup into the database that the configuration names, which may be of the other engine, and its files into the data
/// folder: all, or, when something is wrong, nothing. Files that are there stay unless `force` is set.
///
/// # Errors
/// The file is not whole, a server runs on the folder, the database has rows (and `force` is not set), or its schema is another.
pub async fn restore(data: &Path, config: Option<&Path>, from: &Path, force: bool) -> Result<String> {
    let (schema, files) = verify(from).with_context(|| format!("{} is not restored", from.display()))?;
    let newest = db::newest_schema();
    if schema != newest {
        bail!(
            "{} has schema {schema}, this coprd knows {newest}: restore it with the coprd that made it, then start the new one",
            from.display()
        );
    }
    let fresh = !data.join("coprd.toml").exists();
    let folder = Folder::open(data)?;
    let _lock = folder.lock().context("stop the server first")?;
    if fresh
        && config.is_none()
        && let Some((_, mode, bytes)) = files.iter().find(|(name, ..)| name == "coprd.toml")
    {
        // What the configuration says of the database holds for the restore.
        place(&folder.path().join("coprd.toml"), *mode, bytes)?;
    }
    let (_, _, db) = open(data, config).await?;
    let mut lines = Lines::open(from)?;
    let rows = dump::write(&db, force, || {
        loop {
            return Ok(match lines.next()? {
                Some(Entry::Row { table, columns }) => Some(Line::Row { table, columns }),
                Some(Entry::Numbered { table, last }) => Some(Line::Numbered { table, last }),
                Some(Entry::Head { .. } | Entry::File { .. }) => continue,
                Some(Entry::End { .. }) | None => None,
            });
        }
    })
    .await;
    db.close().await;
    let rows = rows?;
    let mut placed = Vec::new();
    for (name, mode, bytes) in &files {
        let target = folder.path().join(name);
        if force || !target.exists() {
            place(&target, *mode, bytes)?;
            placed.push(name.as_str());
        }
    }
    let (_, read_config, db) = open(data, config).await?;
    // All is in its place; that the server will not start is better known now.
    let fits = match db::key::proof(&db).await? {
        Some(proof) => match keys::signing(&folder, &read_config, &db)?.check(&proof).await {
            Ok(_) => "the signing key fits the keys in the database\n".to_owned(),
            Err(error) => format!("WRONG: {error}\n"),
        },
        None => String::new(),
    };
    db.close().await;
    Ok(format!(
        "{rows} rows restored; files: {}\n{fits}",
        if placed.is_empty() { "none".to_owned() } else { placed.join(", ") }
    ))
}

fn files_of(folder: &Folder, config: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut files: Vec<(String, PathBuf)> = FILES
        .iter()
        .map(|name| {
            ((*name).to_owned(), if *name == "coprd.toml" { config.to_owned() } else { folder.path().join(name) })
        })
        .filter(|(_, path)| path.is_file())
        .collect();
    let keys = folder.path().join("keys");
    if keys.is_dir() {
        for entry in fs_err::read_dir(&keys)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).map(|name| format!("keys/{name}"));
            if path.is_file()
                && let Some(name) = name.filter(|name| is_known(name))
            {
                files.push((name, path));
            }
        }
    }
    if files.len() > KEYS {
        bail!("{} has more than {KEYS} files", keys.display());
    }
    files.sort();
    Ok(files)
}

/// Whether a backup may name this file: one of the list, or one in the folder of keys.
fn is_known(name: &str) -> bool {
    FILES.contains(&name)
        || name.strip_prefix("keys/").is_some_and(|key| {
            !key.is_empty()
                && !key.starts_with('.')
                && key.len() <= 255
                && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_.@+".contains(c))
        })
}

fn file_entry(name: String, path: &Path) -> Result<Entry> {
    let file = fs_err::File::open(path)?;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES {
        bail!("{} is longer than {FILE_BYTES} bytes", path.display());
    }
    Ok(Entry::File { name, mode, base64: STANDARD.encode(bytes) })
}

/// Writes a file whole or not at all.
fn place(target: &Path, mode: u32, bytes: &[u8]) -> Result<()> {
    let parent = target.parent().context("a file has a folder")?;
    fs_err::create_dir_all(parent)?;
    let mut file = tempfile::NamedTempFile::new_in(parent)?;
    file.write_all(bytes)?;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(mode & 0o700))?;
    file.as_file().sync_all()?;
    file.persist(target).map_err(|error| error.error).with_context(|| target.display().to_string())?;
    Ok(())
}

type Files = Vec<(String, u32, Vec<u8>)>;

/// Reads all of it once before anything is changed: the schema and the files.
fn verify(from: &Path) -> Result<(i64, Files)> {
    let mut lines = Lines::open(from)?;
    let schema = match lines.next()? {
        Some(Entry::Head { format, schema, .. }) if format == FORMAT => schema,
        _ => bail!("it is no backup of coprd"),
    };
    let mut files = Files::new();
    loop {
        match lines.next()?.context("it is cut off")? {
            Entry::File { name, mode, base64 } if is_known(&name) && files.len() < KEYS + FILES.len() => {
                files.push((name, mode, STANDARD.decode(base64)?));
            }
            Entry::File { name, .. } => bail!("it holds the file {name:?}, which no backup holds"),
            Entry::Row { .. } | Entry::Numbered { .. } => {}
            Entry::Head { .. } => bail!("it has two heads"),
            Entry::End { .. } => break,
        }
    }
    if lines.next()?.is_some() {
        bail!("something stands behind its end");
    }
    Ok((schema, files))
}

/// Writes entries and sums them.
struct Summed<W> {
    inner: W,
    sum: Sha256,
    lines: u64,
}

impl<W: io::Write> Summed<W> {
    fn new(inner: W) -> Self {
        Self { inner, sum: Sha256::new(), lines: 0 }
    }

    fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.sum.update(&line);
        self.lines += 1;
        self.inner.write_all(&line)
    }

    fn end(mut self) -> io::Result<W> {
        let sha256 = hex::encode(self.sum.clone().finalize());
        let lines = self.lines;
        self.entry(&Entry::End { sha256, lines })?;
        Ok(self.inner)
    }
}

/// Reads entries; the end is given only when the sum is right.
struct Lines {
    reader: BufReader<zstd::Decoder<'static, BufReader<fs_err::File>>>,
    sum: Sha256,
    lines: u64,
}

impl Lines {
    fn open(path: &Path) -> io::Result<Self> {
        let reader = BufReader::new(zstd::Decoder::new(fs_err::File::open(path)?)?);
        Ok(Self { reader, sum: Sha256::new(), lines: 0 })
    }

    fn next(&mut self) -> io::Result<Option<Entry>> {
        let mut line = Vec::new();
        (&mut self.reader).take(LINE_BYTES).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        let wrong = |text: String| io::Error::new(io::ErrorKind::InvalidData, text);
        if line.last() != Some(&b'\n') {
            return Err(wrong(format!("line {} is cut off or too long", self.lines + 1)));
        }
        let entry: Entry =
            serde_json::from_slice(&line).map_err(|error| wrong(format!("line {}: {error}", self.lines + 1)))?;
        if let Entry::End { sha256, lines } = &entry
            && (*lines != self.lines || *sha256 != hex::encode(self.sum.clone().finalize()))
        {
            return Err(wrong("its sum is another: the file was changed or damaged".to_owned()));
        }
        self.sum.update(&line);
        self.lines += 1;
        Ok(Some(entry))
    }
}
