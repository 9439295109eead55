//! Builds the guest (`crates/guest`), statically, for the machines that the builder starts, and tells the path of the
//! executable in `COPR_GUEST_BINARY`.
//!
//! It is a cargo of its own with a target folder of its own, so it neither waits for nor disturbs the outer one. The
//! target must be named even though it is the host's: without it no procedural macro could be built beside `+crt-static`.

use std::{
    env,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    process::Command,
};

/// The only architecture that machines have today.
const TARGET: &str = "x86_64-unknown-linux-gnu";

fn main() {
    if let Err(error) = build() {
        // cargo shows what a build script writes to standard error when it fails.
        eprintln!("building the guest, the init of build machines: {error}");
        std::process::exit(1);
    }
}

fn build() -> Result<(), String> {
    let variable = |name: &str| env::var_os(name).map(PathBuf::from).ok_or_else(|| format!("cargo did not set {name}"));
    let workspace = variable("CARGO_MANIFEST_DIR")?.join("../..");
    let workspace = workspace.canonicalize().map_err(|error| format!("{}: {error}", workspace.display()))?;
    let out = variable("OUT_DIR")?.join("guest");
    for path in [
        "crates/guest/src",
        "crates/guest/Cargo.toml",
        "crates/vm/Cargo.toml",
        "crates/vm/src/lib.rs",
        "crates/vm/src/proto.rs",
        "crates/vm/src/raw.rs",
        "Cargo.lock",
    ] {
        println!("cargo:rerun-if-changed={}", workspace.join(path).display());
    }
    println!("cargo:rerun-if-changed=build.rs");

    let mut cargo = Command::new(variable("CARGO")?);
    cargo.current_dir(&workspace);
    cargo.args(["build", "--locked", "--quiet", "--package", "copr-guest", "--profile", "release", "--target", TARGET]);
    cargo.arg("--target-dir").arg(&out);
    clean_environment(&mut cargo);
    // Fields of this variable are parted by 0x1f.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+crt-static\u{1f}-Cstrip=symbols");
    let status = cargo.status().map_err(|error| format!("cargo cannot be started: {error}"))?;
    if !status.success() {
        return Err(format!(
            "cargo ended with {status}. The target {TARGET} and the static C library (Debian: libc6-dev, Fedora: glibc-static) must be installed"
        ));
    }
    let binary = out.join(TARGET).join("release/copr-guest");
    is_static(&binary)?;
    println!("cargo:rustc-env=COPR_GUEST_BINARY={}", binary.display());
    Ok(())
}

/// Takes away what the outer cargo, clippy or a coverage tool set for itself.
fn clean_environment(cargo: &mut Command) {
    for (name, _) in env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        let ours = name.starts_with("CARGO_")
            && !["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_TERM_COLOR", "CARGO_BUILD_JOBS"].contains(&name)
            && !name.starts_with("CARGO_REGISTR")
            && !name.starts_with("CARGO_HTTP_")
            && !name.starts_with("CARGO_SOURCE_");
        let flags = ["RUSTFLAGS", "RUSTDOCFLAGS", "RUSTC", "RUSTDOC", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"];
        let of_the_script =
            ["TARGET", "HOST", "PROFILE", "OUT_DIR", "OPT_LEVEL", "DEBUG", "NUM_JOBS", "RUSTC_LINKER", "CLIPPY_ARGS"];
        if ours || flags.contains(&name) || of_the_script.contains(&name) || name.starts_with("DEP_") {
            cargo.env_remove(name);
        }
    }
}

/// A machine has no dynamic linker: a guest that asks for one could never start.
fn is_static(binary: &Path) -> Result<(), String> {
    let mut bytes = Vec::new();
    File::open(binary)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .map_err(|error| format!("{}: {error}", binary.display()))?;
    let asks = bytes.windows(20).any(|window| window == b"/lib64/ld-linux-x86-");
    if asks { Err(format!("{} is not static", binary.display())) } else { Ok(()) }
}
