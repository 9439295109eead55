//! Running programs against each other in one run: medians, peak memory and ratios, never absolute claims.

use std::{
    env, fmt,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::sys::{
    resource::{UsageWho, getrusage},
    signal::{Signal, kill},
};

/// How often each contender runs, unless `COPR_BENCH_ROUNDS` says otherwise.
const ROUNDS: usize = 5;

/// One program of a comparison.
pub struct Contender {
    /// Shown in the table.
    pub name: String,
    /// Makes the command of one run; called before each, so that it may also clear what the last run left.
    pub command: Box<dyn Fn() -> Result<Command>>,
    /// It is killed when it takes longer, and does not run again; for programs that are known to hang.
    pub limit: Option<Duration>,
}

/// What one run took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Seconds from start to end.
    pub wall: f64,
    /// Seconds on all processors, in the program and in the kernel for it.
    pub cpu: f64,
    /// Most memory that it had at a time, MiB.
    pub peak: f64,
}

/// Why a contender has no figures.
#[derive(Debug)]
enum Failure {
    /// It was killed after so long.
    Limit(Duration),
    /// It failed.
    Status(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(limit) => write!(f, "did not end in {} s", limit.as_secs()),
            Self::Status(status) => write!(f, "failed: {status}"),
        }
    }
}

/// One benchmark: a name, and how its comparisons are run.
pub struct Bench {
    name: &'static str,
    helper: PathBuf,
    rounds: usize,
    filters: Vec<String>,
    json: Option<PathBuf>,
}

impl Bench {
    /// A benchmark with its settings from the environment and the command line. `helper` is the program `copr-bench`.
    ///
    /// # Errors
    /// `COPR_BENCH_ROUNDS` is no number.
    pub fn new(name: &'static str, helper: &str) -> Result<Self> {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty());
        let rounds = match set("COPR_BENCH_ROUNDS") {
            None => ROUNDS,
            Some(text) => {
                let number = text.to_str().and_then(|text| text.parse().ok()).filter(|rounds| *rounds > 0);
                number.context("COPR_BENCH_ROUNDS must be a number, 1 or more")?
            }
        };
        // cargo adds `--bench`
        let filters = env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
        Ok(Self { name, helper: helper.into(), rounds, filters, json: set("COPR_BENCH_JSON").map(PathBuf::from) })
    }

    /// Whether a comparison is asked for: one of the words of the command line is in its title, or there are no words.
    #[must_use]
    pub fn wanted(&self, title: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| title.contains(filter.as_str()))
    }

    /// How often each contender runs.
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.rounds
    }

    /// Runs the contenders in turn, some rounds, and prints their command lines, medians, and the ratio to the first
    /// one that has figures.
    ///
    /// # Errors
    /// One cannot be started, or the file of `COPR_BENCH_JSON` cannot be written. A contender that fails is shown as
    /// such.
    pub fn compare(&self, title: &str, contenders: &[Contender]) -> Result<()> {
        if !self.wanted(title) {
            return Ok(());
        }
        say(&format!("{}: {title}", self.name));
        let mut results: Vec<Result<Vec<Usage>, Failure>> = contenders.iter().map(|_| Ok(Vec::new())).collect();
        // In turn, not one after the other: what else the machine does hits all alike.
        for round in 0..self.rounds {
            for (contender, result) in contenders.iter().zip(&mut results) {
                let Ok(usages) = result else { continue };
                let command = (contender.command)()?;
                if round == 0 {
                    say(&format!("  {:24} {}", contender.name, words(&command)));
                }
                match self.run(&command, contender.limit).with_context(|| contender.name.clone())? {
                    Ok(usage) => usages.push(usage),
                    Err(failure) => *result = Err(failure),
                }
            }
        }
        say(&format!("  {:24} {:>9} {:>9} {:>9} {:>9} {:>8}", "", "median s", "least s", "cpu s", "peak MiB", "ratio"));
        let mut first = None;
        for (contender, result) in contenders.iter().zip(&results) {
            match result {
                Err(failure) => say(&format!("  {:24} {failure}", contender.name)),
                Ok(usages) => {
                    let wall = median(usages, |usage| usage.wall);
                    let least = usages.iter().map(|usage| usage.wall).fold(f64::INFINITY, f64::min);
                    let cpu = median(usages, |usage| usage.cpu);
                    let peak = usages.iter().map(|usage| usage.peak).fold(0.0, f64::max);
                    let ratio = wall / *first.get_or_insert(wall);
                    let name = &contender.name;
                    say(&format!("  {name:24} {wall:>9.3} {least:>9.3} {cpu:>9.3} {peak:>9.0} {ratio:>6.2} x"));
                }
            }
            self.record(title, contender, result)?;
        }
        say("");
        Ok(())
    }

    /// Runs a command once, unmeasured: to prepare what a measured one needs.
    ///
    /// # Errors
    /// It cannot be started or fails.
    pub fn prepare(&self, mut command: Command) -> Result<()> {
        let shown = words(&command);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let status = command.status().with_context(|| format!("cannot start {shown}"))?;
        if !status.success() {
            bail!("{shown} ended with {status}");
        }
        Ok(())
    }

    /// Runs a command through [`run_measured`] in a process of its own, whose only child it is.
    fn run(&self, command: &Command, limit: Option<Duration>) -> Result<Result<Usage, Failure>> {
        let mut helper = Command::new(&self.helper);
        helper.arg("run").arg(limit.map_or(0, |limit| limit.as_secs()).to_string());
        helper.arg(command.get_program()).args(command.get_args());
        let output = helper.stdin(Stdio::null()).output().context("cannot start copr-bench")?;
        let text = String::from_utf8_lossy(&output.stdout);
        if let Some(failure) = text.strip_prefix("failed ") {
            return Ok(Err(Failure::Status(failure.trim().to_owned())));
        }
        if let Some(limit) = limit.filter(|_| text.starts_with("limit")) {
            return Ok(Err(Failure::Limit(limit)));
        }
        let mut numbers = text.split_whitespace().map(str::parse::<f64>);
        match (numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(wall)), Some(Ok(cpu)), Some(Ok(peak))) => Ok(Ok(Usage { wall, cpu, peak })),
            _ => bail!("cannot run {}: {}", words(command), String::from_utf8_lossy(&output.stderr).trim()),
        }
    }

    /// Records one result.
    fn record(&self, title: &str, contender: &Contender, result: &Result<Vec<Usage>, Failure>) -> Result<()> {
        let mut line = serde_json::json!({ "bench": self.name, "case": title, "contender": contender.name });
        match result {
            Ok(usages) => {
                line["wall_s"] = usages.iter().map(|usage| usage.wall).collect();
                line["cpu_s"] = usages.iter().map(|usage| usage.cpu).collect();
                line["peak_mib"] = usages.iter().map(|usage| usage.peak).collect();
            }
            Err(failure) => line["failure"] = failure.to_string().into(),
        }
        self.record_line(&line)
    }

    /// Appends a line of JSON to the file that `COPR_BENCH_JSON` names, if it names one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn record_line(&self, line: &serde_json::Value) -> Result<()> {
        let Some(path) = &self.json else { return Ok(()) };
        let mut file = fs_err::OpenOptions::new().create(true).append(true).open(path)?;
        Ok(writeln!(file, "{line}")?)
    }
}

/// The helper's part: runs a program, kills it after `limit` seconds (0: never), and says on standard output what it
/// took. The system tells the memory only of all children together, hence a process for each.
///
/// # Errors
/// The program cannot be started.
pub fn run_measured(limit: u64, program: &Path, args: &[String]) -> Result<()> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id())?);
    let (ended, end) = mpsc::channel::<()>();
    let watch = (limit > 0).then(|| {
        thread::spawn(move || {
            let late = end.recv_timeout(Duration::from_secs(limit)) == Err(mpsc::RecvTimeoutError::Timeout);
            late && kill(pid, Signal::SIGKILL).is_ok()
        })
    });
    let status = child.wait()?;
    let wall = began.elapsed().as_secs_f64();
    drop(ended);
    if watch.is_some_and(|watch| watch.join().unwrap_or(false)) {
        say("limit");
        return Ok(());
    }
    if !status.success() {
        say(&format!("failed {status}"));
        return Ok(());
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let cpu = seconds(usage.user_time()) + seconds(usage.system_time());
    say(&format!("{wall} {cpu} {}", usage.max_rss() as f64 / 1024.0));
    Ok(())
}

/// The middle one of some values; 0 when there are none.
pub fn median<T>(of: &[T], value: impl Fn(&T) -> f64) -> f64 {
    let mut values: Vec<f64> = of.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// A command line as one would type it.
fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// A line on standard output.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
