//! What the machine is made of, and what went wrong with it, in words for the logs.

use std::{
    fs::OpenOptions,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
};

use fs_err as fs;
use nix::{fcntl::OFlag, sys::statvfs::statvfs};

use crate::system::TARGET;

/// A scratch disk with less room than this is full, in bytes.
const FULL: u64 = 1 << 20;

/// Processors, memory, disk and kernel, one line each: what `lscpu`, `free` and `df` tell.
pub(crate) fn describe() -> Vec<String> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
        value.unwrap_or_default().trim().to_owned()
    };
    let (cpus, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let count = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let mut lines = vec![
        format!("processors: {count}"),
        format!("model name: {}", field(&cpus, "model name")),
        format!("MHz: {}", field(&cpus, "cpu MHz")),
        format!("cache size: {}", field(&cpus, "cache size")),
        format!("hypervisor: {}", if field(&cpus, "flags").contains("hypervisor") { "yes" } else { "not told" }),
        format!("flags: {}", field(&cpus, "flags")),
        format!("memory: {}, available {}", field(&memory, "MemTotal"), field(&memory, "MemAvailable")),
        format!("swap: {}", field(&memory, "SwapTotal")),
    ];
    if let Ok(stat) = statvfs(TARGET) {
        let mib = |blocks: u64| blocks.saturating_mul(stat.fragment_size()) >> 20;
        let (all, free) = (mib(stat.blocks()), mib(stat.blocks_available()));
        lines.push(format!("disk: {all} MiB, free {free} MiB"));
    }
    lines.push(format!("kernel: {}", read("/proc/version").trim()));
    lines
}

/// What of memory and disk ran out, when a program has failed.
pub(crate) fn shortages() -> Vec<String> {
    let mut found = killed_for_memory();
    let full = |stat: nix::sys::statvfs::Statvfs| {
        stat.blocks_available().saturating_mul(stat.fragment_size()) < FULL || stat.files_available() == 0
    };
    if statvfs(TARGET).is_ok_and(full) {
        found.push("The disk of the build machine is full".to_owned());
    }
    found
}

/// What the kernel says of processes that it killed because memory ran out.
fn killed_for_memory() -> Vec<String> {
    let flags = OFlag::O_NONBLOCK.bits();
    let Ok(mut log) = OpenOptions::new().read(true).custom_flags(flags).open("/dev/kmsg") else { return Vec::new() };
    let mut found = Vec::new();
    let mut record = [0; 8 << 10];
    // One read gives one record; EAGAIN is the end, EPIPE a record that was overwritten meanwhile.
    loop {
        match log.read(&mut record) {
            Ok(length) => {
                let text = String::from_utf8_lossy(record.get(..length).unwrap_or_default()).into_owned();
                if let Some(at) = text.find("Out of memory: Killed process").filter(|_| found.len() < 20) {
                    found.push(text.get(at..).unwrap_or_default().lines().next().unwrap_or_default().to_owned());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(_) => return found,
        }
    }
}
