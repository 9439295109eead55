//! Is KVM usable?
//!
//! `/dev/kvm` can be there and be useless: inside some virtual machines every instruction of a guest's kernel is emulated,
//! and a guest boots for hours, while QEMU says that it is running. What tells is a timed loop in ring 0: a million rounds
//! take about a millisecond on hardware and half a second where they are emulated. The loop can also hang inside the
//! kernel, so it runs in a process of its own, which is killed after three seconds.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use kvm_bindings::{kvm_regs, kvm_segment, kvm_userspace_memory_region};
use kvm_ioctls::{Kvm, VcpuExit};

use crate::{accel::ProbeProgram, raw};

/// Rounds of the loop.
const ROUNDS: u32 = 1_000_000;
/// What they may take.
const LIMIT: Duration = Duration::from_millis(50);
/// What the whole probe may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// The guest's memory.
const MEMORY: usize = 2 << 20;
/// The version of KVM's interface, the only one there ever was.
const API_VERSION: i32 = 12;

/// Runs the probe in this process and prints one sentence; what the hidden argument of [`ProbeProgram`] calls. Returns
/// the exit status: 0 when KVM is usable.
pub fn probe_main() -> i32 {
    match probe_here() {
        Ok(took) => {
            println!("KVM is usable: {ROUNDS} rounds in ring 0 took {took:?}");
            0
        }
        Err(reason) => {
            println!("KVM is not usable: {reason}");
            1
        }
    }
}

/// Asks `program`; the sentence that it printed.
pub(crate) fn probe(program: &ProbeProgram) -> Result<String, String> {
    let device = std::path::Path::new("/dev/kvm");
    if let Err(error) = fs_err::OpenOptions::new().read(true).write(true).open(device) {
        return Err(format!("KVM is not usable: {error}"));
    }
    let child = Command::new(&program.program)
        .args(&program.args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.map_err(|error| format!("KVM is not probed: {}: {error}", program.program.display()))?;
    let started = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if started.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(10)),
            Ok(None) | Err(_) => {
                // When it cannot be killed, it hangs in the kernel; waiting for it would hang us too.
                let _ = child.kill();
                return Err(format!("KVM is not usable: the probe took more than {PATIENCE:?}"));
            }
        }
    };
    let mut said = String::new();
    if let Some(stdout) = child.stdout.take() {
        use std::io::Read;
        let _ = stdout.take(4096).read_to_string(&mut said);
    }
    let said = said.lines().last().unwrap_or("the probe said nothing").to_owned();
    if status.success() && said.starts_with("KVM is usable") { Ok(said) } else { Err(said) }
}

fn named(what: &'static str) -> impl Fn(kvm_ioctls::Error) -> String {
    move |error| format!("{what}: {error}")
}

/// How long the loop took.
fn probe_here() -> Result<Duration, String> {
    let kvm = Kvm::new().map_err(named("/dev/kvm"))?;
    if kvm.get_api_version() != API_VERSION {
        return Err(format!("its interface has version {}, not {API_VERSION}", kvm.get_api_version()));
    }
    // Declared before the machine, so dropped behind it.
    let mut memory = Memory::new();
    memory.fill();
    let vm = kvm.create_vm().map_err(named("making a machine"))?;
    let region = kvm_userspace_memory_region {
        slot: 0,
        flags: 0,
        guest_phys_addr: 0,
        memory_size: MEMORY as u64,
        userspace_addr: memory.address(),
    };
    raw::give_memory(&vm, region).map_err(named("giving the machine memory"))?;
    let mut cpu = vm.create_vcpu(0).map_err(named("making a processor"))?;
    let mut system = cpu.get_sregs().map_err(named("reading the processor"))?;
    let segment = |kind, selector, long, default_size| kvm_segment {
        base: 0,
        limit: 0xffff_ffff,
        selector,
        type_: kind,
        present: 1,
        dpl: 0,
        db: default_size,
        s: 1,
        l: long,
        g: 1,
        ..Default::default()
    };
    system.cs = segment(11, 8, 1, 0);
    for data in [&mut system.ds, &mut system.es, &mut system.fs, &mut system.gs, &mut system.ss] {
        *data = segment(3, 16, 0, 1);
    }
    // Long mode: protected and paging, PAE, LME and LMA.
    system.cr0 = 0x8005_0033;
    system.cr3 = 0x2000;
    system.cr4 = 0x20;
    system.efer = 0x500;
    cpu.set_sregs(&system).map_err(named("setting up the processor"))?;
    let registers = kvm_regs { rip: 0x1000, rflags: 2, rsp: 0x8000, ..Default::default() };
    cpu.set_regs(&registers).map_err(named("setting up the processor"))?;

    let started = Instant::now();
    let mut said = false;
    loop {
        match cpu.run().map_err(named("running the processor"))? {
            VcpuExit::IoOut(0x3f8, [b'K']) => said = true,
            VcpuExit::Hlt => break,
            other => return Err(format!("the processor stopped: {other:?}")),
        }
    }
    let took = started.elapsed();
    match (said, took > LIMIT) {
        (false, _) => Err("its code was not run".to_owned()),
        (true, true) => Err(format!("ring 0 is emulated: {ROUNDS} rounds took {took:?} (limit {LIMIT:?})")),
        (true, false) => Ok(took),
    }
}

/// The guest's memory, page-aligned.
struct Memory {
    pages: Box<[Page]>,
}

#[repr(C, align(4096))]
#[derive(Clone)]
struct Page([u8; 4096]);

impl Memory {
    fn new() -> Self {
        Self { pages: vec![Page([0; 4096]); MEMORY / 4096].into_boxed_slice() }
    }

    fn address(&self) -> u64 {
        self.pages.as_ptr() as u64
    }

    fn put(&mut self, address: usize, bytes: &[u8]) {
        let page = self.pages.get_mut(address / 4096);
        let place = page.and_then(|page| page.0.get_mut(address % 4096..)?.get_mut(..bytes.len()));
        if let Some(place) = place {
            place.copy_from_slice(bytes);
        }
    }

    /// Three page tables that map the first 2 MiB onto themselves, and at 0x1000 the code: `cpuid; mov ecx, ROUNDS;
    /// 1: dec ecx; jnz 1b; mov dx, 0x3f8; mov al, 'K'; out dx, al; hlt`.
    fn fill(&mut self) {
        self.put(0x2000, &0x3003u64.to_le_bytes());
        self.put(0x3000, &0x4003u64.to_le_bytes());
        self.put(0x4000, &0x83u64.to_le_bytes());
        let mut code = vec![0x0f, 0xa2, 0xb9];
        code.extend(ROUNDS.to_le_bytes());
        code.extend([0xff, 0xc9, 0x75, 0xfc, 0x66, 0xba, 0xf8, 0x03, 0xb0, b'K', 0xee, 0xf4]);
        self.put(0x1000, &code);
    }
}
