//! Watching builds: their states as copr-cli prints them, and their logs as they grow.

mod board;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anstyle::{AnsiColor, Style};
use copr_api::{
    client::{LOG_CHUNK_LIMIT, LogChunk},
    names::Chroot,
    v3::{Build, BuildChroot, BuildState, LicenceState},
};

use self::board::Board;
use super::{
    args::LogChoice,
    failure::Failure,
    session::{Session, numbers},
    ui::{colour, harmless, state, styled},
};

/// The log that a builder writes while it works.
const LIVE_LOG: &str = "builder-live.log";

/// Between two looks while something happens.
const FAST: Duration = Duration::from_secs(1);

/// Between two looks when nothing has happened for long.
const SLOW: Duration = Duration::from_secs(10);

/// How long the hub may be away (it is being restarted, a network is down) before watching ends.
const PATIENCE: Duration = Duration::from_secs(300);

/// A log line longer than this is shown in pieces, in bytes.
const LINE_LIMIT: usize = 64 * 1024;

/// Which logs to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Logs {
    /// None: states only.
    None,
    /// Those of builds that have not ended when watching begins.
    Unfinished,
    /// All.
    All,
}

impl Logs {
    /// By the command line: `all` for builds of our own making.
    #[must_use]
    pub(super) fn from(choice: LogChoice, all: bool) -> Self {
        match (choice.no_log, choice.log || all) {
            (true, _) => Self::None,
            (false, true) => Self::All,
            (false, false) => Self::Unfinished,
        }
    }
}

/// Watches until all builds have ended; [`Failure::Build`] unless all went well.
pub(super) async fn watch(session: &Session, builds: &[i64], logs: Logs) -> Result<(), Failure> {
    session.remember(builds);
    session.ui.line("Watching build(s): (this may be safely interrupted)")?;
    let mut watched: BTreeMap<i64, Watched> = builds.iter().map(|id| (*id, Watched::new(*id, logs))).collect();
    let mut board = Board::default();
    let mut pause = FAST;
    let mut away_since = None;
    loop {
        let several = watched.len() > 1;
        let mut news = false;
        for build in watched.values_mut().filter(|build| !build.ended) {
            match build.look(session, several).await {
                Ok(happened) => {
                    news |= happened;
                    if away_since.take().is_some() {
                        session.ui.note("The server is back.");
                    }
                }
                Err(Failure::Hub(error)) if error.is_transient() => {
                    let since = *away_since.get_or_insert_with(|| {
                        session.ui.note(format!("{error}; trying again"));
                        Instant::now()
                    });
                    if since.elapsed() > PATIENCE {
                        return Err(error.into());
                    }
                    break;
                }
                Err(failure) => return Err(failure),
            }
        }
        if watched.values().all(|build| build.ended) {
            break;
        }
        board.show(&session.ui, &watched);
        pause = if news { FAST } else { (pause * 5 / 4).min(SLOW) };
        tokio::time::sleep(pause).await;
    }
    session.ui.still();
    conclude(session, &watched)
}

fn conclude(session: &Session, watched: &BTreeMap<i64, Watched>) -> Result<(), Failure> {
    if session.ui.is_json() {
        session.ui.json(&watched.values().filter_map(|build| build.last.as_ref()).collect::<Vec<_>>())?;
    }
    let of = |state| -> Vec<i64> {
        watched.values().filter(|build| build.state == Some(state)).map(|build| build.id).collect()
    };
    let (failed, canceled) = (of(BuildState::Failed), of(BuildState::Canceled));
    let mut sentences = Vec::new();
    if !failed.is_empty() {
        sentences.push(format!("Build(s) {} failed.", numbers(&failed, ", ")));
    }
    if !canceled.is_empty() {
        sentences.push(format!("Build(s) {} canceled.", numbers(&canceled, ", ")));
    }
    if sentences.is_empty() { Ok(()) } else { Err(Failure::Build(sentences.join(" "))) }
}

/// One build, as far as it was shown.
#[derive(Debug)]
struct Watched {
    id: i64,
    logs: Logs,
    state: Option<BuildState>,
    last: Option<Build>,
    /// The making of its source package.
    source: WatchedChroot,
    chroots: BTreeMap<Chroot, WatchedChroot>,
    /// What was said of its licence.
    licence: Option<LicenceState>,
    ended: bool,
}

/// One chroot of a build, as far as it was shown.
#[derive(Debug, Default)]
struct WatchedChroot {
    state: Option<BuildState>,
    /// Bytes of the log that were read.
    offset: u64,
    lines: Lines,
    ended: bool,
}

impl Watched {
    fn new(id: i64, logs: Logs) -> Self {
        let source = WatchedChroot::default();
        Self { id, logs, state: None, last: None, source, chroots: BTreeMap::new(), licence: None, ended: false }
    }

    /// Shows what is new since the last look; whether anything is.
    async fn look(&mut self, session: &Session, several: bool) -> Result<bool, Failure> {
        let build = session.client.build(self.id).await?;
        if build.state == BuildState::Unknown {
            return Err(Failure::Build(format!("Build {} is in an unknown state.", self.id)));
        }
        if self.state.is_none() && build.state.is_final() && self.logs == Logs::Unfinished {
            self.logs = Logs::None;
        }
        let changed = self.state != Some(build.state);
        if changed && !build.state.is_final() {
            say(session, &format!("Build {}", self.id), build.state)?;
        }
        self.say_licence(session, &build)?;
        // The state was read before the log: once it is final, the log that follows is whole.
        let mut news = changed;
        let unmade = build.source_package.name.is_none();
        if (unmade || self.source.state.is_some()) && !self.source.ended {
            news |= self.look_at_source(session, several, unmade && build.state == BuildState::Failed).await?;
        }
        let chroots = session.client.build_chroots(self.id).await?;
        let prefixed = several || chroots.len() > 1;
        for chroot in &chroots {
            let known = self.chroots.entry(chroot.name.clone()).or_default();
            if known.ended {
                continue;
            }
            // The build's own line has said it already when there is but one chroot, or when this one is no different.
            let worth_saying = chroots.len() > 1
                && known.state != Some(chroot.state)
                && (chroot.state.is_final() || chroot.state != build.state);
            let what = format!("Build {} in {}", self.id, chroot.name);
            if worth_saying && !chroot.state.is_final() {
                say(session, &what, chroot.state)?;
            }
            if self.logs != Logs::None {
                let prefix = if prefixed { prefix(self.id, chroot, several, &chroots) } else { String::new() };
                news |= known
                    .read_log(session, chroot.name.as_str(), chroot.state, chroot.result_url.as_deref(), &prefix)
                    .await?;
            }
            if worth_saying && chroot.state.is_final() {
                say(session, &what, chroot.state)?;
            }
            news |= known.state != Some(chroot.state);
            known.state = Some(chroot.state);
            known.ended = chroot.state.is_final();
        }
        if build.state.is_final() {
            if build.state == BuildState::Failed {
                for chroot in chroots.iter().filter(|chroot| chroot.state == BuildState::Failed) {
                    if let Some(url) = &chroot.result_url {
                        let url = styled(Style::new().underline(), harmless(url));
                        session.ui.line(format!("  Logs of {}: {url}", chroot.name))?;
                    }
                }
            }
            say(session, &format!("Build {}", self.id), build.state)?;
            self.ended = true;
        }
        self.state = Some(build.state);
        self.last = Some(build);
        Ok(news)
    }
}

impl Watched {
    /// Says what was found of the licence, where that is worth a line.
    fn say_licence(&mut self, session: &Session, build: &Build) -> Result<(), Failure> {
        let Some(licence) = &build.licence else { return Ok(()) };
        if self.licence.replace(licence.state) == Some(licence.state) {
            return Ok(());
        }
        let reason = harmless(licence.reason.as_deref().unwrap_or_default());
        let said = match licence.state {
            LicenceState::Review => format!("  Build {} waits for a decision about its licence: {reason}", self.id),
            LicenceState::Unknown | LicenceState::Approved | LicenceState::Refused => {
                format!("  Licence of build {}: {reason}", self.id)
            }
            LicenceState::Allowed => return Ok(()),
        };
        Ok(session.ui.line(said)?)
    }

    /// Shows what is new in the log of the source's making; whether anything is. When that failed, says where its files are.
    async fn look_at_source(&mut self, session: &Session, several: bool, failed: bool) -> Result<bool, Failure> {
        let now = session.client.source_chroot(self.id).await?;
        let mut news = self.source.state != Some(now.state);
        if self.logs != Logs::None {
            let prefix = if several { format!("{} source | ", self.id) } else { String::new() };
            let what = "the source package";
            news |= self.source.read_log(session, what, now.state, now.result_url.as_deref(), &prefix).await?;
        }
        if let Some(url) = now.result_url.filter(|_| failed) {
            let url = styled(Style::new().underline(), harmless(&url));
            session.ui.line(format!("  Logs of the source package: {url}"))?;
        }
        self.source.state = Some(now.state);
        self.source.ended = now.state.is_final();
        Ok(news)
    }
}

impl WatchedChroot {
    /// Shows the log's new lines; whether there were any. A finished job's log is read to its end.
    async fn read_log(
        &mut self,
        session: &Session,
        name: &str,
        now: BuildState,
        results: Option<&str>,
        prefix: &str,
    ) -> Result<bool, Failure> {
        let Some(results) = results else { return Ok(false) };
        let mut news = false;
        loop {
            match session.client.log_from(results, LIVE_LOG, self.offset).await? {
                LogChunk::Restarted => {
                    session.ui.note(format!("{name}: another machine begins this build anew"));
                    self.offset = 0;
                    self.lines = Lines::default();
                }
                LogChunk::Bytes(bytes) => {
                    self.offset += bytes.len() as u64;
                    session.ui.lines(&self.lines.push(&bytes, prefix))?;
                    news |= !bytes.is_empty();
                    if bytes.len() < LOG_CHUNK_LIMIT {
                        break;
                    }
                }
            }
        }
        if now.is_final() {
            session.ui.lines(&self.lines.rest(prefix))?;
        }
        Ok(news)
    }
}

/// `  12:34:56 Build 7: running`, copr-cli's line.
fn say(session: &Session, what: &str, now: BuildState) -> Result<(), Failure> {
    let time = jiff::Zoned::now().strftime("%H:%M:%S").to_string();
    Ok(session.ui.line(format!("  {time} {what}: {}", state(now)))?)
}

/// What a log line begins with when several logs are shown at once, in a colour of its own.
fn prefix(id: i64, chroot: &BuildChroot, several: bool, all: &[BuildChroot]) -> String {
    const COLOURS: [AnsiColor; 5] =
        [AnsiColor::Cyan, AnsiColor::Magenta, AnsiColor::Green, AnsiColor::Blue, AnsiColor::Yellow];
    let place = all.iter().position(|other| other.name == chroot.name).unwrap_or(0);
    let place = place + usize::try_from(id).unwrap_or(0);
    let style = COLOURS.get(place % COLOURS.len()).map_or(Style::new(), |c| colour(*c));
    let width = all.iter().map(|other| other.name.as_str().len()).max().unwrap_or(0);
    let text = format!("{:width$} |", chroot.name.as_str());
    let text = if several { format!("{id} {text}") } else { text };
    format!("{} ", styled(style, text))
}

/// Cuts a stream of bytes into lines that a terminal may show.
#[derive(Debug, Default)]
struct Lines {
    pending: Vec<u8>,
}

impl Lines {
    /// The lines that `bytes` completes.
    fn push(&mut self, bytes: &[u8], prefix: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.pending.extend_from_slice(piece);
            if self.pending.ends_with(b"\n") || self.pending.len() > LINE_LIMIT {
                lines.extend(self.rest(prefix));
            }
        }
        lines
    }

    /// What is left, as a line.
    fn rest(&mut self, prefix: &str) -> Vec<String> {
        if self.pending.is_empty() {
            return Vec::new();
        }
        let line = std::mem::take(&mut self.pending);
        let text = String::from_utf8_lossy(&line);
        // A progress meter rewrites its line after each carriage return: its last form is the one to keep.
        let text = text.trim_end_matches(['\n', '\r']);
        let text = text.rsplit('\r').next().unwrap_or_default();
        vec![format!("{prefix}{}", harmless(text))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_shown_in_whole_lines_however_it_is_cut() {
        let mut lines = Lines::default();
        assert_eq!(lines.push(b"one\ntw", "> "), ["> one"]);
        assert_eq!(lines.push(b"o\r\n\n10%\r99%\r100%\nlast", "> "), ["> two", "> ", "> 100%"]);
        assert_eq!(lines.rest("> "), ["> last"]);
        assert!(lines.rest("> ").is_empty());
    }

    #[test]
    fn a_character_cut_in_two_by_a_chunk_is_shown_whole() {
        let mut lines = Lines::default();
        assert!(lines.push(&[b'a', 0xC3], "").is_empty());
        assert_eq!(lines.push(&[0xA4, b'\n'], ""), ["aä"]);
    }

    #[test]
    fn a_line_without_end_is_not_kept_in_memory() {
        let mut lines = Lines::default();
        let mut shown = 0;
        for _ in 0..100 {
            shown += lines.push(&[b'x'; 10_000], "").len();
        }
        assert!(shown > 10 && lines.pending.len() <= LINE_LIMIT);
    }
}
