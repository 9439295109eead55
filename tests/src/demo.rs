//! `make demo`: the whole journey, shown.

use std::{io::Write, process::ExitCode};

use copr_tests::{journey, programs::tree, report::Report};

fn main() -> ExitCode {
    let keep = std::env::args().skip(1).any(|arg| arg == "--keep");
    match demo(keep) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn demo(keep: bool) -> anyhow::Result<()> {
    let mut report = Report::new(false);
    report.step("plugin: the DNF plugin built from this tree", |report| {
        let made = copr_tests::programs::run_ok(&mut std::process::Command::new(tree().join("python/prepare-plugin")))?;
        report.line(made.last_line());
        Ok(())
    })?;
    let arrived = journey::travel(&tree().join("target/demo"), &mut report)?;
    report.summary();
    let mut out = std::io::stdout().lock();
    writeln!(out)?;
    for (program, printed) in &arrived.printed {
        writeln!(out, "  {program:8} printed  {printed}")?;
    }
    for (source, seconds) in &arrived.builds {
        writeln!(out, "  {source:44} submitted to published in {seconds:.1} s")?;
    }
    writeln!(out, "\n  The project's page: {}", arrived.page)?;
    if keep {
        let data = arrived.server.options.data.display().to_string();
        writeln!(
            out,
            "  The server runs on (process {}); stop it with: kill {}",
            arrived.server.pid(),
            arrived.server.pid()
        )?;
        writeln!(out, "  Its data: {data}; a client: target/release/copr --config target/demo/bob.conf list")?;
        arrived.server.keep();
    } else {
        arrived.server.stop()?;
        writeln!(out, "  Stopped. `make demo KEEP=1` leaves the server running to look around.")?;
    }
    Ok(())
}
