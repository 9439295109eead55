//! Where the lines of a log begin. A log may have any length: it is read through once, as a stream, and what is remembered of it
//! has a bound; what was added since is read when somebody looks again.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::TryStreamExt as _;

use super::trouble;
use crate::store::{FileToRead, Found, Store, Want};

/// Lines of one window.
pub(super) const LINES: u64 = 2000;
/// Bytes of text in one window.
const WINDOW: usize = 512 << 10;
/// Bytes of one line that are shown.
const LINE: usize = 2000;
/// Bytes of a line in which signs of trouble are looked for.
const HEAD: usize = 300;
/// Places of one log that are remembered; twice as far apart whenever there are so many.
const MARKS: usize = 4096;
/// Lines between two places at first.
const STEP: u64 = 500;
/// Bytes that are unpacked of a compressed log: each window is, from the beginning.
pub(super) const UNPACKED: u64 = 64 << 20;
/// Logs that are remembered.
const LOGS: usize = 128;

/// What is known of a log.
#[derive(Debug, Clone)]
pub(super) struct Index {
    /// Bytes that were read through.
    pub(super) bytes: u64,
    /// Line ends among them.
    ends: u64,
    /// The begin of a last line that has no end yet.
    head: Vec<u8>,
    /// Where every `step`th line begins.
    marks: Vec<u64>,
    step: u64,
    /// The first line that tells of trouble, counted from 1.
    pub(super) trouble: Option<u64>,
    /// Of a compressed log, the length of the file that was read.
    packed: u64,
    /// A compressed log goes on behind what was read: it is too long, or broken.
    pub(super) cut: bool,
}

impl Default for Index {
    fn default() -> Self {
        Self { bytes: 0, ends: 0, head: Vec::new(), marks: vec![0], step: STEP, trouble: None, packed: 0, cut: false }
    }
}

impl Index {
    /// How many lines there are; one without its end counts.
    pub(super) fn lines(&self) -> u64 {
        self.ends + u64::from(!self.head.is_empty())
    }

    /// Whether the last line has no end yet.
    pub(super) fn is_open(&self) -> bool {
        !self.head.is_empty()
    }

    /// Reads a compressed log through, unless it is the one that was read before. What is broken ends where it can't be unpacked.
    async fn unpack(&mut self, file: FileToRead) -> io::Result<()> {
        let packed = file.size;
        if self.packed == packed {
            return Ok(());
        }
        let mut index = Self { packed, ..Self::default() };
        // One byte more tells whether it goes on.
        let mut text = file.unpacked(0, UNPACKED + 1).await?;
        loop {
            match text.try_next().await {
                Ok(Some(chunk)) => {
                    let room = usize::try_from(UNPACKED - index.bytes).unwrap_or(usize::MAX);
                    index.cut |= chunk.len() > room;
                    index.take(chunk.get(..room.min(chunk.len())).unwrap_or_default());
                }
                Ok(None) => break,
                Err(error) if is_broken(&error) => {
                    // It may have been the way here that broke: whoever looks next reads it again.
                    (index.cut, index.packed) = (true, 0);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        *self = index;
        Ok(())
    }

    /// Takes the bytes that follow.
    fn take(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.bytes += len(piece);
            let (text, ends) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            if !ends {
                let room = HEAD.saturating_sub(self.head.len());
                self.head.extend_from_slice(text.get(..room.min(text.len())).unwrap_or_default());
                continue;
            }
            if self.trouble.is_none() {
                let start = text.get(..HEAD.min(text.len())).unwrap_or_default();
                let bad = if self.head.is_empty() {
                    trouble::is_in(start)
                } else {
                    let room = HEAD.saturating_sub(self.head.len()).min(start.len());
                    self.head.extend_from_slice(start.get(..room).unwrap_or_default());
                    trouble::is_in(&self.head)
                };
                if bad {
                    self.trouble = Some(self.ends + 1);
                }
            }
            self.head.clear();
            self.ends += 1;
            if self.ends.is_multiple_of(self.step) {
                self.mark();
            }
        }
    }

    fn mark(&mut self) {
        self.marks.push(self.bytes);
        if self.marks.len() >= MARKS {
            let mut keep = false;
            self.marks.retain(|_| {
                keep = !keep;
                keep
            });
            self.step *= 2;
        }
    }

    /// The last remembered place before a line, and the number of the line that begins there.
    fn before(&self, line: u64) -> (u64, u64) {
        let wanted = usize::try_from(line.saturating_sub(1) / self.step).unwrap_or(usize::MAX);
        let at = wanted.min(self.marks.len().saturating_sub(1));
        (self.marks.get(at).copied().unwrap_or_default(), u64::try_from(at).unwrap_or_default() * self.step + 1)
    }
}

/// Whether a log is compressed.
fn is_packed(path: &str) -> bool {
    path.ends_with(".gz")
}

/// What a decompressor says of bytes that it can't go on with.
fn is_broken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof | io::ErrorKind::Other
    )
}

fn len(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or_default()
}

/// Which log: its path below the results, and which attempt wrote it.
type Name = (String, i64);

/// The logs that somebody looked at lately.
#[derive(Debug, Default)]
pub(super) struct Indexes(Mutex<VecDeque<(Name, Arc<tokio::sync::Mutex<Index>>)>>);

impl Indexes {
    fn of(&self, name: Name) -> Arc<tokio::sync::Mutex<Index>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().position(|(other, _)| *other == name).and_then(|at| known.remove(at));
        let entry = found.unwrap_or_else(|| (name, Arc::default()));
        let index = Arc::clone(&entry.1);
        known.push_back(entry);
        if known.len() > LOGS {
            known.pop_front();
        }
        index
    }

    /// What there is to know of a log, as long as it is now; `None`: there is no such log.
    ///
    /// # Errors
    /// It can't be read.
    pub(super) async fn look(&self, store: &Store, path: &str, attempt: i64) -> io::Result<Option<Index>> {
        let index = self.of((path.to_owned(), attempt));
        // Who looks at the same moment waits for one reading.
        let mut index = index.lock().await;
        let Some(file) = open(store, path).await? else { return Ok(None) };
        if is_packed(path) {
            index.unpack(file).await?;
            return Ok(Some(index.clone()));
        }
        if file.size < index.bytes {
            *index = Index::default();
        }
        let (begin, size) = (index.bytes, file.size);
        if begin < size {
            // Whatever fails, or whoever goes away: what was read stays read.
            let mut stream = file.read(begin, size - begin).await?;
            while let Some(chunk) = stream.try_next().await? {
                index.take(&chunk);
            }
        }
        Ok(Some(index.clone()))
    }
}

async fn open(store: &Store, path: &str) -> io::Result<Option<FileToRead>> {
    match store.find(path, Want::Facts).await? {
        Found::File(file) => Ok(Some(file)),
        _ => Ok(None),
    }
}

/// One line, as far as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: u64,
    /// Its begin.
    pub(super) text: String,
    /// Bytes that follow.
    pub(super) more: u64,
}

/// Lines that are shown together.
#[derive(Debug, Default)]
struct Window {
    lines: VecDeque<Line>,
    bytes: usize,
    /// The lines wanted are the last ones: the first are let go when there are too many bytes.
    last: bool,
    /// Nothing more fits.
    full: bool,
}

impl Window {
    fn push(&mut self, number: u64, text: &[u8], length: u64) {
        let line =
            Line { number, text: String::from_utf8_lossy(text).into_owned(), more: length.saturating_sub(len(text)) };
        self.bytes += line.text.len();
        self.lines.push_back(line);
        let lines = usize::try_from(LINES).unwrap_or(usize::MAX);
        if self.last {
            while self.lines.len() > lines || self.bytes > WINDOW {
                let Some(gone) = self.lines.pop_front() else { break };
                self.bytes -= gone.text.len();
            }
        } else {
            self.full = self.lines.len() >= lines || self.bytes + LINE > WINDOW;
        }
    }
}

/// The lines from one on, or the last ones (`None`), as many as a window has.
///
/// # Errors
/// The log can't be read.
pub(super) async fn window(store: &Store, path: &str, index: &Index, from: Option<u64>) -> io::Result<Vec<Line>> {
    let first = from.unwrap_or_else(|| index.lines().saturating_sub(LINES - 1)).max(1);
    let (begin, mut number) = index.before(first);
    let mut window = Window { last: from.is_none(), ..Window::default() };
    let Some(file) = open(store, path).await? else { return Ok(Vec::new()) };
    // It may have begun anew since.
    let packed = is_packed(path);
    let end = if packed { index.bytes } else { index.bytes.min(file.size) };
    if begin >= end {
        return Ok(Vec::new());
    }
    let mut stream = match packed {
        true => file.unpacked(begin, end - begin).await?,
        false => file.read(begin, end - begin).await?,
    };
    let (mut text, mut length) = (Vec::new(), 0);
    'reading: while let Some(chunk) = stream.try_next().await? {
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            let (part, ends) = match piece.strip_suffix(b"\n") {
                Some(part) => (part, true),
                None => (piece, false),
            };
            let room = LINE.saturating_sub(text.len()).min(part.len());
            text.extend_from_slice(part.get(..room).unwrap_or_default());
            length += len(part);
            if !ends {
                continue;
            }
            if number >= first {
                window.push(number, &text, length);
            }
            text.clear();
            (length, number) = (0, number + 1);
            if window.full {
                break 'reading;
            }
        }
    }
    if length > 0 && number >= first && !window.full {
        window.push(number, &text, length);
    }
    Ok(window.lines.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(folder: &std::path::Path, content: &[u8]) -> Store {
        let path = folder.join("results/a/p/c/b");
        fs_err::create_dir_all(&path).unwrap();
        fs_err::write(path.join("build.log"), content).unwrap();
        Store::open(folder, None).unwrap()
    }

    const PATH: &str = "a/p/c/b/build.log";

    async fn numbers(store: &Store, index: &Index, from: Option<u64>) -> (u64, u64, usize) {
        let lines = window(store, PATH, index, from).await.unwrap();
        for line in &lines {
            assert!(line.text.is_empty() || line.text.starts_with(&format!("line {} ", line.number)), "{line:?}");
        }
        (lines.first().unwrap().number, lines.last().unwrap().number, lines.len())
    }

    #[tokio::test]
    async fn any_window_of_a_long_log_is_found_and_what_is_added_is_read_alone() {
        let folder = tempfile::tempdir().unwrap();
        let text: String = (1..=10_000).map(|n| format!("line {n} says something\n")).collect();
        let store = store(folder.path(), text.as_bytes());
        let indexes = Indexes::default();
        let index = indexes.look(&store, PATH, 1).await.unwrap().unwrap();
        assert_eq!((index.lines(), index.trouble, index.is_open()), (10_000, None, false));
        assert_eq!(numbers(&store, &index, None).await, (8001, 10_000, 2000));
        assert_eq!(numbers(&store, &index, Some(1)).await, (1, 2000, 2000));
        assert_eq!(numbers(&store, &index, Some(4321)).await, (4321, 6320, 2000));
        assert_eq!(numbers(&store, &index, Some(9999)).await, (9999, 10_000, 2));
        assert!(window(&store, PATH, &index, Some(10_001)).await.unwrap().is_empty());

        let more = format!("{text}line 10001 has an error: here\nline 10002 has no end");
        fs_err::write(folder.path().join("results").join(PATH), more).unwrap();
        let index = indexes.look(&store, PATH, 1).await.unwrap().unwrap();
        assert_eq!((index.lines(), index.trouble, index.is_open()), (10_002, Some(10_001), true));
        assert_eq!(numbers(&store, &index, Some(10_001)).await, (10_001, 10_002, 2));

        // A new attempt, and one that nobody has told of.
        for attempt in [2, 1] {
            fs_err::write(folder.path().join("results").join(PATH), "line 1 \n").unwrap();
            let index = indexes.look(&store, PATH, attempt).await.unwrap().unwrap();
            assert_eq!((index.lines(), index.trouble), (1, None));
        }
        assert!(indexes.look(&store, "a/p/c/b/root.log", 1).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn lines_without_end_and_lines_without_number_cost_no_memory() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path(), &vec![b'x'; 8 << 20]);
        let index = Indexes::default().look(&store, PATH, 1).await.unwrap().unwrap();
        assert_eq!((index.lines(), index.head.len()), (1, HEAD));
        let lines = window(&store, PATH, &index, None).await.unwrap();
        assert_eq!((lines.len(), lines[0].text.len(), lines[0].more), (1, LINE, (8 << 20) - 2000));

        fs_err::write(folder.path().join("results").join(PATH), vec![b'\n'; 8 << 20]).unwrap();
        let index = Indexes::default().look(&store, PATH, 1).await.unwrap().unwrap();
        assert_eq!(index.lines(), 8 << 20);
        assert!(index.marks.len() < MARKS, "{}", index.marks.len());
        assert_eq!(numbers(&store, &index, Some(7_654_321)).await, (7_654_321, 7_656_320, 2000));

        let wide: String = (1..=5000).map(|n| format!("line {n} {}\n", "w".repeat(3000))).collect();
        fs_err::write(folder.path().join("results").join(PATH), wide).unwrap();
        let index = Indexes::default().look(&store, PATH, 1).await.unwrap().unwrap();
        for from in [None, Some(1), Some(4000)] {
            let lines = window(&store, PATH, &index, from).await.unwrap();
            assert!(lines.iter().map(|line| line.text.len()).sum::<usize>() <= WINDOW, "{from:?}");
            assert!(lines.len() > 200, "{}", lines.len());
        }
        assert_eq!(numbers(&store, &index, None).await.1, 5000);
    }

    #[test]
    fn logs_that_nobody_looks_at_are_forgotten() {
        let indexes = Indexes::default();
        for number in 0..1000 {
            indexes.of((format!("log {number}"), 1));
        }
        assert_eq!(indexes.0.lock().unwrap().len(), LOGS);
    }
}
