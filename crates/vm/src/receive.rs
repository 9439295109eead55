//! What the guest sends, checked: order, lengths, sums, names and limits. Nothing here trusts the guest.

use std::{io::Write, path::PathBuf};

use sha2::{Digest, Sha256};

use crate::{
    machine::{Limits, Observer, ResultFile},
    proto::{FromGuest, GuestExit, Stage, VERSION, valid_result_name},
};

/// Most remarks and heartbeats that are taken from one guest: a year of heartbeats.
const MOST_REMARKS: u64 = 10_000_000;

/// Most bytes of all remarks together; they end in logs of ours.
const MOST_REMARKED: u64 = 8 << 20;

/// Most build requirements of one question, and the longest of them in bytes.
const MOST_REQUIREMENTS: usize = 20_000;
const LONGEST_REQUIREMENT: usize = 4096;

/// Why the machine is to be stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Violation {
    /// The guest does not speak as agreed.
    #[error("the guest broke the protocol: {0}")]
    Protocol(String),
    /// The job passed a limit.
    #[error("{0}")]
    Limit(String),
    /// Our side failed.
    #[error(transparent)]
    Host(#[from] std::io::Error),
}

fn broken<T>(what: impl Into<String>) -> Result<T, Violation> {
    Err(Violation::Protocol(what.into()))
}

/// A result that is arriving.
#[derive(Debug)]
struct Open {
    name: String,
    path: PathBuf,
    size: u64,
    got: u64,
    sum: Sha256,
    file: fs_err::File,
}

/// Takes frames in; holds what they amount to. What it wrote is removed when it is dropped, unless [`Receiver::keep`] was called.
#[derive(Debug)]
pub(crate) struct Receiver<'a> {
    nonce: &'a str,
    limits: &'a Limits,
    results_dir: PathBuf,
    stage: Option<Stage>,
    exit: Option<GuestExit>,
    open: Option<Open>,
    results: Vec<ResultFile>,
    logged: u64,
    total: u64,
    remarks: u64,
    texts: u64,
    installed: bool,
    /// The last question for requirements: whether dynamic, and its round.
    asked: Option<(bool, u32)>,
    kept: bool,
}

impl<'a> Receiver<'a> {
    pub(crate) fn new(nonce: &'a str, limits: &'a Limits, results_dir: PathBuf) -> Self {
        Self {
            nonce,
            limits,
            results_dir,
            stage: None,
            exit: None,
            open: None,
            results: Vec::new(),
            logged: 0,
            total: 0,
            remarks: 0,
            texts: 0,
            installed: false,
            asked: None,
            kept: false,
        }
    }

    /// The machine stands where it has said that it is ready: it goes on from a snapshot.
    pub(crate) fn resumed(&mut self) {
        self.stage = Some(Stage::Ready);
    }

    /// The last stage that was reached.
    pub(crate) fn stage(&self) -> Option<Stage> {
        self.stage
    }

    /// The job's end, once it came.
    pub(crate) fn exit(&self) -> Option<&GuestExit> {
        self.exit.as_ref()
    }

    /// True when no result is half-way.
    pub(crate) fn is_whole(&self) -> bool {
        self.open.is_none()
    }

    /// Leaves the results where they are and names them.
    pub(crate) fn keep(mut self) -> Vec<ResultFile> {
        self.kept = true;
        std::mem::take(&mut self.results)
    }

    /// Takes one frame.
    ///
    /// # Errors
    /// Each means: stop the machine.
    pub(crate) fn take(&mut self, frame: FromGuest, observer: &mut dyn Observer) -> Result<(), Violation> {
        let in_turn = match self.stage {
            None => matches!(frame, FromGuest::Ready { .. }),
            Some(Stage::Ready) => matches!(frame, FromGuest::Hello { .. }),
            Some(_) => !matches!(frame, FromGuest::Ready { .. } | FromGuest::Hello { .. }),
        };
        if !in_turn {
            return broken("it does not begin with ready and hello, each once");
        }
        let after_the_end = self.exit.is_some()
            && !matches!(
                frame,
                FromGuest::Stage { stage: Stage::End, .. } | FromGuest::Heartbeat(_) | FromGuest::Diagnostic(_)
            );
        if after_the_end {
            return broken("it went on behind the job's end");
        }
        match frame {
            FromGuest::Ready { version, .. } if version != VERSION => {
                broken(format!("it speaks version {version}, and we speak {VERSION}"))
            }
            FromGuest::Ready { uptime, .. } => {
                self.stage = Some(Stage::Ready);
                observer.stage(Stage::Ready, uptime);
                Ok(())
            }
            FromGuest::Hello { nonce, uptime } => self.hello(&nonce, uptime, observer),
            FromGuest::Stage { stage, uptime } => {
                if self.stage >= Some(stage) {
                    return broken(format!("the stage {stage} came late or twice"));
                }
                self.stage = Some(stage);
                observer.stage(stage, uptime);
                Ok(())
            }
            FromGuest::Log(stream, bytes) => {
                self.logged = self.logged.saturating_add(bytes.len() as u64);
                // The guest counts too, and says it more nicely; it gets a little room for that.
                if self.logged > self.limits.log_bytes.saturating_add(1 << 20) {
                    return Err(Violation::Limit(format!("the logs passed {} bytes", self.limits.log_bytes)));
                }
                observer.log(stream, &bytes);
                Ok(())
            }
            FromGuest::Heartbeat(beat) => {
                self.remark()?;
                observer.heartbeat(&beat);
                Ok(())
            }
            FromGuest::Installed(text) => {
                if std::mem::replace(&mut self.installed, true) {
                    return broken("it said twice what is installed");
                }
                observer.installed(&text);
                Ok(())
            }
            FromGuest::BuildRequires { round, dynamic, requires } => self.question(round, dynamic, &requires),
            FromGuest::Diagnostic(text) => {
                self.remark()?;
                self.texts = self.texts.saturating_add(text.len() as u64);
                if self.texts > MOST_REMARKED {
                    return broken("it talks too much");
                }
                observer.note(&format!("guest: {text}"));
                Ok(())
            }
            FromGuest::File { size, name } => self.file(size, name),
            FromGuest::Data(bytes) => self.data(&bytes),
            FromGuest::FileEnd { sha256 } => self.file_end(&sha256, observer),
            FromGuest::Exit(_) if self.open.is_some() => broken("the job ended in the middle of a result"),
            FromGuest::Exit(exit) => {
                self.exit = Some(exit);
                Ok(())
            }
        }
    }

    fn hello(&mut self, nonce: &str, uptime: f64, observer: &mut dyn Observer) -> Result<(), Violation> {
        // A guest that could not read its job says `-`, and then what kept it from reading.
        if nonce != self.nonce && nonce != "-" {
            return broken("its nonce is that of another job");
        }
        self.stage = Some(Stage::Hello);
        observer.stage(Stage::Hello, uptime);
        Ok(())
    }

    /// Questions come in order, in the middle of the job: the static ones, counted from 1, then the dynamic ones.
    fn question(&mut self, round: u32, dynamic: bool, requires: &[String]) -> Result<(), Violation> {
        let odd = |text: &String| text.len() > LONGEST_REQUIREMENT || text.chars().any(char::is_control);
        if requires.len() > MOST_REQUIREMENTS || requires.iter().any(odd) {
            return Err(Violation::Limit(format!(
                "the build requirements are too many (at most {MOST_REQUIREMENTS}), or one is too long (at most \
                 {LONGEST_REQUIREMENT} bytes) or has control characters"
            )));
        }
        let next = match self.asked {
            Some((true, _)) if !dynamic => return broken("it asks for static requirements behind dynamic ones"),
            Some((kind, last)) if kind == dynamic => last + 1,
            _ => 1,
        };
        if round != next || self.stage < Some(Stage::Installed) || self.stage >= Some(Stage::Built) {
            return broken("it asks for requirements out of turn");
        }
        self.asked = Some((dynamic, round));
        Ok(())
    }

    fn remark(&mut self) -> Result<(), Violation> {
        self.remarks += 1;
        if self.remarks > MOST_REMARKS { broken("it talks too much") } else { Ok(()) }
    }

    fn file(&mut self, size: u64, name: String) -> Result<(), Violation> {
        if self.open.is_some() {
            return broken("a result began inside another");
        }
        if self.stage < Some(Stage::Built) {
            return broken("a result came before the build's end");
        }
        if !valid_result_name(&name) {
            return broken(format!("a result has the name {name:?}"));
        }
        if self.results.iter().any(|known| known.name == name) {
            return broken(format!("the result {name} came twice"));
        }
        if self.results.len() >= self.limits.files as usize {
            return Err(Violation::Limit(format!("the build made more than {} files", self.limits.files)));
        }
        if size > self.limits.file_bytes {
            let most = self.limits.file_bytes;
            return Err(Violation::Limit(format!("the result {name} has {size} bytes; at most {most} are allowed")));
        }
        self.total = self.total.saturating_add(size);
        if self.total > self.limits.total_bytes {
            return Err(Violation::Limit(format!("the results have more than {} bytes", self.limits.total_bytes)));
        }
        let path = self.results_dir.join(&name);
        let file = fs_err::OpenOptions::new().write(true).create_new(true).open(&path)?;
        self.open = Some(Open { name, path, size, got: 0, sum: Sha256::new(), file });
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        let Some(open) = &mut self.open else { return broken("bytes came outside a result") };
        open.got = open.got.saturating_add(bytes.len() as u64);
        if open.got > open.size {
            return broken(format!("the result {} is longer than was said", open.name));
        }
        open.sum.update(bytes);
        Ok(open.file.write_all(bytes)?)
    }

    fn file_end(&mut self, sha256: &[u8; 32], observer: &mut dyn Observer) -> Result<(), Violation> {
        let Some(open) = &mut self.open else { return broken("a result ended that never began") };
        if open.got != open.size {
            return broken(format!("the result {} is shorter than was said", open.name));
        }
        let sum = open.sum.clone().finalize();
        if sum[..] != sha256[..] {
            return broken(format!("the sum of the result {} is wrong", open.name));
        }
        let Some(open) = self.open.take() else { return Ok(()) };
        observer.file(&open.name, open.size);
        self.results.push(ResultFile { name: open.name, path: open.path, sha256: hex::encode(sum), size: open.size });
        Ok(())
    }
}

impl Drop for Receiver<'_> {
    fn drop(&mut self) {
        let half = self.open.take().map(|open| open.path);
        let whole = self.results.drain(..).map(|result| result.path);
        for path in half.into_iter().chain(whole).filter(|_| !self.kept) {
            // Nobody is left to tell; the caller's folder is temporary anyway.
            let _ = fs_err::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::proto::{ErrorKind, LogStream};

    struct Nobody;

    impl Observer for Nobody {
        fn stage(&mut self, _stage: Stage, _uptime: f64) {}
        fn log(&mut self, _stream: LogStream, _bytes: &[u8]) {}
        fn file(&mut self, _name: &str, _size: u64) {}
        fn note(&mut self, _text: &str) {}
    }

    /// What every guest begins with.
    fn hello() -> [FromGuest; 2] {
        [FromGuest::Ready { version: VERSION, uptime: 1.0 }, FromGuest::Hello { nonce: "n".into(), uptime: 1.0 }]
    }

    fn question(round: u32, dynamic: bool) -> FromGuest {
        FromGuest::BuildRequires { round, dynamic, requires: vec!["make".into()] }
    }

    fn stage(stage: Stage) -> FromGuest {
        FromGuest::Stage { stage, uptime: 2.0 }
    }

    fn file(name: &str, size: u64) -> FromGuest {
        FromGuest::File { size, name: name.into() }
    }

    fn end(content: &[u8]) -> FromGuest {
        FromGuest::FileEnd { sha256: Sha256::digest(content).into() }
    }

    /// Takes the frames; the first complaint, and what lies in the results' folder when the receiver is gone.
    fn feed(limits: &Limits, frames: impl IntoIterator<Item = FromGuest>) -> (Option<String>, usize) {
        let dir = tempfile::tempdir().unwrap();
        let mut receiver = Receiver::new("n", limits, dir.path().to_path_buf());
        let mut frames = frames.into_iter();
        let complaint = frames.find_map(|frame| receiver.take(frame, &mut Nobody).err()).map(|error| error.to_string());
        drop(receiver);
        (complaint, count(dir.path()))
    }

    fn count(folder: &Path) -> usize {
        fs_err::read_dir(folder).unwrap().count()
    }

    #[test]
    fn a_whole_result_is_kept_and_summed() {
        let dir = tempfile::tempdir().unwrap();
        let limits = Limits::default();
        let mut receiver = Receiver::new("n", &limits, dir.path().to_path_buf());
        let data = FromGuest::Data(b"hello".to_vec());
        let exit = FromGuest::Exit(GuestExit::Exit(0));
        let rest = [stage(Stage::Built), file("a.rpm", 5), data, end(b"hello"), exit, stage(Stage::End)];
        for frame in hello().into_iter().chain(rest) {
            receiver.take(frame, &mut Nobody).unwrap();
        }
        assert_eq!(receiver.exit(), Some(&GuestExit::Exit(0)));
        let results = receiver.keep();
        assert_eq!(results[0].sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        assert_eq!(fs_err::read(&results[0].path).unwrap(), b"hello");
    }

    #[test]
    fn what_breaks_the_order_is_refused_and_nothing_is_left_over() {
        let built = || stage(Stage::Built);
        let data = |bytes: &[u8]| FromGuest::Data(bytes.to_vec());
        let cases: Vec<(&str, Vec<FromGuest>)> = vec![
            ("twice what", vec![FromGuest::Installed(String::new()), FromGuest::Installed(String::new())]),
            ("out of turn", vec![stage(Stage::Installed), question(1, false), question(1, false)]),
            ("out of turn", vec![question(1, false)]),
            ("behind dynamic", vec![stage(Stage::Installed), question(1, true), question(1, false)]),
            ("too much", { vec![FromGuest::Diagnostic("x".repeat(16 << 10)); 513] }),
            ("each once", hello().to_vec()),
            ("late or twice", vec![built(), stage(Stage::Mounted)]),
            ("before the build's end", vec![file("a.rpm", 1)]),
            ("the name", vec![built(), file("../a.rpm", 1)]),
            ("inside another", vec![built(), file("a.rpm", 1), file("b.rpm", 1)]),
            ("came twice", vec![built(), file("a.rpm", 0), end(b""), file("a.rpm", 0)]),
            ("longer", vec![built(), file("a.rpm", 1), data(b"ab")]),
            ("shorter", vec![built(), file("a.rpm", 2), data(b"a"), end(b"a")]),
            ("sum", vec![built(), file("a.rpm", 1), data(b"a"), end(b"b")]),
            ("outside a result", vec![built(), data(b"a")]),
            ("never began", vec![built(), end(b"")]),
            ("middle of a result", vec![built(), file("a.rpm", 1), FromGuest::Exit(GuestExit::Exit(0))]),
            ("behind the job's end", vec![FromGuest::Exit(GuestExit::Error(ErrorKind::Setup, String::new())), built()]),
        ];
        let [ready, _] = hello();
        let begun = cases.into_iter().map(|(what, frames)| (what, hello().into_iter().chain(frames).collect()));
        let beginnings: [(&str, Vec<FromGuest>); 4] = [
            ("ready and hello", vec![stage(Stage::Mounted)]),
            ("ready and hello", vec![ready.clone(), stage(Stage::Mounted)]),
            ("version", vec![FromGuest::Ready { version: VERSION + 1, uptime: 0.0 }]),
            ("nonce", vec![ready, FromGuest::Hello { nonce: "m".into(), uptime: 0.0 }]),
        ];
        for (what, frames) in begun.chain(beginnings) {
            let (complaint, left) = feed(&Limits::default(), frames);
            assert!(complaint.as_ref().is_some_and(|text| text.contains(what)), "{what}: {complaint:?}");
            assert_eq!(left, 0, "{what}: something is left over");
        }
    }

    #[test]
    fn limits_hold_whatever_the_guest_says() {
        let limits = Limits { log_bytes: 0, file_bytes: 10, total_bytes: 15, files: 2, ..Limits::default() };
        let log = || FromGuest::Log(LogStream::Build, vec![b'x'; 1 << 20]);
        assert!(feed(&limits, hello().into_iter().chain([log()])).0.is_none());
        assert!(feed(&limits, hello().into_iter().chain([log(), log()])).0.unwrap().contains("logs"));
        let results = |sizes: &[u64]| {
            let mut frames = [hello().to_vec(), vec![stage(Stage::Built)]].concat();
            for (n, size) in sizes.iter().enumerate() {
                let content = vec![b'x'; usize::try_from((*size).min(100)).unwrap()];
                frames.extend([file(&format!("{n}.rpm"), *size), FromGuest::Data(content.clone()), end(&content)]);
            }
            feed(&limits, frames).0.unwrap_or_default()
        };
        assert!(results(&[u64::MAX]).contains("at most 10"));
        assert!(results(&[8, 8]).contains("more than 15"));
        assert!(results(&[1, 1, 1]).contains("more than 2 files"));
        assert_eq!(results(&[8, 7]), "");
    }

    #[test]
    fn questions_that_no_package_has_are_refused() {
        let asks = |requires: Vec<String>| {
            let question = FromGuest::BuildRequires { round: 1, dynamic: false, requires };
            let frames = hello().into_iter().chain([stage(Stage::Installed), question]);
            feed(&Limits::default(), frames).0.unwrap_or_default()
        };
        assert_eq!(asks(vec!["make".into(), "(a if b)".into()]), "");
        for wrong in [vec!["x".into(); MOST_REQUIREMENTS + 1], vec!["x".repeat(5000)], vec!["a\u{1b}[2J".into()]] {
            assert!(asks(wrong).contains("requirements"));
        }
    }

    #[test]
    fn a_machine_from_a_snapshot_begins_with_its_hello() {
        let limits = Limits::default();
        let begun = |frame| {
            let mut receiver = Receiver::new("n", &limits, PathBuf::new());
            receiver.resumed();
            receiver.take(frame, &mut Nobody)
        };
        let [ready, hello] = hello();
        assert!(begun(hello).is_ok() && begun(ready).is_err());
    }

    #[test]
    fn a_result_never_overwrites_a_file_nor_follows_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let limits = Limits::default();
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), dir.path().join("a.rpm")).unwrap();
        let mut receiver = Receiver::new("n", &limits, dir.path().to_path_buf());
        for frame in hello() {
            receiver.take(frame, &mut Nobody).unwrap();
        }
        receiver.take(stage(Stage::Built), &mut Nobody).unwrap();
        assert!(matches!(receiver.take(file("a.rpm", 1), &mut Nobody), Err(Violation::Host(_))));
        assert!(!dir.path().join("elsewhere").exists());
    }

    proptest! {
        #[test]
        fn random_frames_never_panic(frames in proptest::collection::vec(
            (proptest::sample::select(b"SLHIBFDZXE".to_vec()), proptest::collection::vec(any::<u8>(), 0..60)), 0..40,
        )) {
            let frames = frames.into_iter().filter_map(|(kind, payload)| FromGuest::decode(kind, payload).ok());
            let (_, left) = feed(&Limits::default(), hello().into_iter().chain([stage(Stage::Built)]).chain(frames));
            prop_assert_eq!(left, 0);
        }
    }
}
