//! The memory of a process and all that it started, while it runs.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// How often it is looked at; summing the pages of a machine takes some milliseconds.
const PERIOD: Duration = Duration::from_millis(500);

/// Most memory at a time, in MiB: the proportional set size (PSS), in which what processes share counts once.
#[derive(Debug, Clone, Copy, Default)]
pub struct Peak {
    /// All but QEMU, together.
    pub host: f64,
    /// QEMU: the guest's memory, and what emulates it.
    pub machine: f64,
}

/// Looks at a process and its descendants until it is told to end.
pub struct Watch {
    end: Arc<AtomicBool>,
    thread: JoinHandle<Peak>,
}

impl Watch {
    /// Watches the process `pid`.
    #[must_use]
    pub fn of(pid: u32) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&end);
        let thread = thread::spawn(move || {
            let mut peak = Peak::default();
            while !ended.load(Ordering::Relaxed) {
                let now = measure(pid);
                peak = Peak { host: peak.host.max(now.host), machine: peak.machine.max(now.machine) };
                thread::sleep(PERIOD);
            }
            peak
        });
        Self { end, thread }
    }

    /// Ends it, and gives the most that was seen.
    #[must_use]
    pub fn end(self) -> Peak {
        self.end.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

/// The memory of `root` and its descendants now. Processes that end meanwhile count as nothing.
fn measure(root: u32) -> Peak {
    let mut peak = Peak::default();
    for (pid, name) in descendants(root) {
        let Ok(sums) = fs_err::read_to_string(format!("/proc/{pid}/smaps_rollup")) else { continue };
        let kib =
            sums.lines().find_map(|line| line.strip_prefix("Pss:")).and_then(|rest| rest.split_whitespace().next());
        let mib = kib.and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0;
        *(if name.starts_with("qemu-system") { &mut peak.machine } else { &mut peak.host }) += mib;
    }
    peak
}

/// Number and name of `root` and of all below it.
fn descendants(root: u32) -> Vec<(u32, String)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = fs_err::read_to_string(entry.path().join("stat")) else { continue };
        // `PID (NAME) STATE PARENT`; a name may have spaces and brackets.
        let (Some(open), Some(close)) = (stat.find('('), stat.rfind(')')) else { continue };
        let parent = stat.get(close + 1..).and_then(|rest| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        if let Some(parent) = parent {
            all.push((pid, parent, stat.get(open + 1..close).unwrap_or_default().to_owned()));
        }
    }
    let mut known = BTreeSet::from([root]);
    loop {
        let before = known.len();
        known.extend(
            all.iter().filter(|(_, parent, _)| known.contains(parent)).map(|(pid, ..)| *pid).collect::<Vec<_>>(),
        );
        if known.len() == before {
            break;
        }
    }
    all.into_iter().filter(|(pid, ..)| known.contains(pid)).map(|(pid, _, name)| (pid, name)).collect()
}
