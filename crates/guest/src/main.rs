//! The static init that runs as PID 1 inside a build machine: it waits for the word to begin, mounts the disks, installs
//! packages with rpm, does the job (a build, a source package, a base image, rpmlint) as an ordinary user, hands the results
//! back, and powers off, whatever happens.
//!
//! It speaks the protocol of [`copr_vm::proto`] on one virtio-serial port. Without unsafe code there is no `pre_exec`, so
//! the steps between fork and rpmbuild are done by this program itself, started again with a hidden argument ([`child`]).

mod accounts;
mod base;
mod begin;
mod building;
mod channel;
mod child;
mod hardware;
mod home;
mod install;
mod job;
mod lint;
mod network;
mod results;
mod run;
mod source;
mod system;

use copr_vm::proto::{ErrorKind, GuestExit};

use crate::job::Work;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some(child::OUTER) => std::process::exit(child::outer(args.get(2..).unwrap_or_default())),
        Some(child::INNER) => std::process::exit(child::inner(args.get(2..).unwrap_or_default())),
        _ if std::process::id() == 1 => init(),
        _ => {
            eprintln!("copr-guest is the init of a build machine, and no command");
            std::process::exit(2);
        }
    }
}

/// What PID 1 does. Never returns: the machine is off behind it.
fn init() -> ! {
    // A panic must not keep the machine on; its text has gone to the console.
    let _ = std::panic::catch_unwind(work);
    system::power_off()
}

fn work() {
    if let Err(error) = system::start() {
        println!("guest: {error}");
    }
    let channel = match channel::open() {
        Ok(channel) => channel,
        Err(error) => return println!("guest: no channel to the host: {error}"),
    };
    let begun = begin::begin(&channel.ready());
    let exit = match begun.map_err(job::setup("beginning")).and_then(|()| job::prepare()) {
        Err(error) => {
            channel.hello("-");
            let _answers = channel.listen_to_host();
            GuestExit::Error(error.kind, error.text)
        }
        Ok(job) => {
            channel.hello(&job.nonce);
            let answers = channel.listen_to_host();
            channel.start_heartbeat();
            match std::panic::catch_unwind(|| job::run(&Work::new(&job, &channel, &answers))) {
                Ok(Ok(code)) => GuestExit::Exit(code),
                Ok(Err(error)) => GuestExit::Error(error.kind, error.text),
                Err(_) => GuestExit::Error(ErrorKind::Setup, "the guest panicked; see its console".to_owned()),
            }
        }
    };
    channel.end(exit);
}
