//! DESIGN's laws, each held by a test: who may import whom, and who may do what.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

use copr_tests::programs::{run_ok, tree};

/// Package to what it may import of ours; ARCHITECTURE.md draws the same. `tests` and `benches` may import everything.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("copr-rpm", &[]),
    ("copr-repodata", &["copr-rpm"]),
    ("copr-resolve", &["copr-rpm", "copr-repodata"]),
    ("copr-view", &["copr-rpm", "copr-repodata"]),
    ("copr-remote", &["copr-rpm", "copr-repodata"]),
    ("copr-api", &[]),
    ("copr-licence", &[]),
    ("copr-vm", &[]),
    ("copr-guest", &["copr-vm"]),
    ("copr-builder", &["copr-rpm", "copr-repodata", "copr-resolve", "copr-remote", "copr-api", "copr-vm"]),
    (
        "copr-cli",
        &[
            "copr-rpm",
            "copr-repodata",
            "copr-resolve",
            "copr-remote",
            "copr-view",
            "copr-api",
            "copr-licence",
            "copr-builder",
        ],
    ),
    (
        "coprd",
        // Of vm only what confines a process.
        &[
            "copr-rpm",
            "copr-repodata",
            "copr-resolve",
            "copr-remote",
            "copr-view",
            "copr-api",
            "copr-licence",
            "copr-builder",
            "copr-vm",
        ],
    ),
    ("copr-python", &["copr-rpm", "copr-repodata", "copr-resolve"]),
];

#[test]
fn nobody_imports_what_the_picture_does_not_draw() {
    let metadata = run_ok(
        Command::new(env!("CARGO"))
            .args(["metadata", "--format-version=1", "--no-deps", "--offline", "--manifest-path"])
            .arg(tree().join("Cargo.toml")),
    )
    .unwrap();
    let metadata: serde_json::Value = serde_json::from_str(&metadata.stdout).unwrap();
    let mut seen = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let imports: BTreeSet<String> = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|dependency| dependency["path"].is_string() && dependency["kind"].is_null())
            .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
            .collect();
        seen.insert(package["name"].as_str().unwrap().to_owned(), imports);
    }
    for (package, allowed) in MAY_IMPORT {
        let imports = seen.remove(*package).unwrap_or_else(|| panic!("{package} is not in the workspace"));
        let forbidden: Vec<_> = imports.iter().filter(|import| !allowed.contains(&import.as_str())).collect();
        assert!(forbidden.is_empty(), "{package} imports {forbidden:?}, but may import only {allowed:?}");
    }
    let rest: Vec<_> = seen.keys().map(String::as_str).collect();
    assert_eq!(rest, ["copr-benches", "copr-tests"], "a new member needs its line in MAY_IMPORT");
}

#[test]
fn law_1_the_library_reads_no_environment_home_clock_or_network() {
    let words =
        ["std::env", "env::var", "SystemTime::now", "Instant::now", "std::net", "TcpStream", "UdpSocket", "home_dir"];
    let pure = ["crates/rpm/src", "crates/repodata/src", "crates/resolve/src", "crates/view/src", "crates/licence/src"];
    forbid(&pure, &words, &[]);
}

#[test]
fn law_2_the_library_and_the_machines_are_synchronous() {
    let words = ["async fn", "async move", ".await", "tokio::", "futures"];
    forbid(
        &[
            "crates/rpm/src",
            "crates/repodata/src",
            "crates/resolve/src",
            "crates/view/src",
            "crates/licence/src",
            "crates/vm/src",
            "crates/guest/src",
        ],
        &words,
        &[],
    );
}

#[test]
fn law_3_sql_http_types_and_processes_each_have_their_room() {
    forbid(&["server/src", "crates"], &["sqlx::"], &["server/src/db"]);
    // A repository's database files are a file format of the library.
    forbid(&["server/src", "crates"], &["rusqlite"], &["crates/repodata/src/sqlite"]);
    forbid(
        &["server/src"],
        &["axum::", "use axum", "StatusCode", "HeaderMap"],
        &["server/src/http", "server/src/web", "server/src/serve.rs"],
    );
    forbid(
        &["server/src", "crates"],
        &["process::Command", "Command::new(\"", "tokio::process"],
        &[
            "crates/vm/src",
            "crates/guest/src",
            "crates/builder/build.rs",
            "crates/vm/tests",
            "crates/builder/tests",
            "crates/cli/tests",
            "crates/remote/tests",
            // A client of the system's ssh, with its configuration, keys and agents.
            "crates/remote/src/target/ssh.rs",
            // The signing process, which alone has keys.
            "server/src/sign/process.rs",
        ],
    );
}

#[test]
fn law_4_inside_the_server_modules_import_downwards_only() {
    const LEVELS: &[&[&str]] = &[&["http", "web"], &["queue"], &["publish"], &["sign"], &["store", "db"], &["config"]];
    let level = |module: &str| LEVELS.iter().position(|names| names.contains(&module));
    let server = tree().join("server/src");
    let mut checked = 0;
    for file in rust_files(&server) {
        let inside = file.strip_prefix(&server).unwrap();
        let first = inside.components().next().unwrap().as_os_str().to_string_lossy().replace(".rs", "");
        let Some(own) = level(&first) else { continue };
        checked += 1;
        for (number, line) in product_lines(&file) {
            for part in line.split("crate::").skip(1) {
                let names = part.trim_start_matches('{');
                let module: String = names.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if let Some(other) = level(&module) {
                    assert!(
                        other > own || module == first || (other == own && own == 0),
                        "server/src/{}:{number}: {first} imports {module}, which is not below it: {line}",
                        inside.display()
                    );
                }
            }
        }
    }
    assert!(checked > 5, "the check found only {checked} files of the server's modules");
}

#[test]
fn law_5_names_are_types_and_each_type_has_one_home() {
    let homes = [
        ("Evr", "crates/rpm/src"),
        ("Nevra", "crates/rpm/src"),
        ("Chroot", "crates/api/src"),
        ("ProjectName", "crates/api/src"),
        ("OwnerName", "crates/api/src"),
        ("Secret", "crates/api/src"),
        ("RepoUrl", "crates/remote/src"),
    ];
    let files: Vec<PathBuf> =
        ["crates", "server/src", "python/src"].iter().flat_map(|root| rust_files(&tree().join(root))).collect();
    for (name, home) in homes {
        let definition = format!("pub struct {name}");
        let found: Vec<String> = files
            .iter()
            .filter(|file| {
                product_lines(file).iter().any(|(_, line)| {
                    line.trim_start()
                        .strip_prefix(&definition)
                        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
                })
            })
            .map(|file| file.strip_prefix(tree()).unwrap().display().to_string())
            .collect();
        assert_eq!(found.len(), 1, "{name} must be defined once, in {home}; it is in {found:?}");
        assert!(found[0].starts_with(home), "{name} must be defined in {home}; it is in {}", found[0]);
    }
}

#[test]
fn unsafe_code_stands_in_one_audited_module() {
    let found: Vec<String> = ["crates", "server/src", "python/src"]
        .iter()
        .flat_map(|root| rust_files(&tree().join(root)))
        .filter(|file| {
            product_lines(file).iter().any(|(_, line)| line.contains("unsafe {") || line.contains("unsafe fn"))
        })
        .map(|file| file.strip_prefix(tree()).unwrap().display().to_string())
        .collect();
    assert_eq!(found, ["crates/vm/src/raw.rs"]);
}

/// Fails on every line below `roots`, outside the `allowed` places, that has one of the words.
fn forbid(roots: &[&str], words: &[&str], allowed: &[&str]) {
    let mut files = 0;
    let mut found = Vec::new();
    for root in roots {
        for file in rust_files(&tree().join(root)) {
            let shown = file.strip_prefix(tree()).unwrap().display().to_string();
            if allowed.iter().any(|place| shown.starts_with(place)) {
                continue;
            }
            files += 1;
            for (number, line) in product_lines(&file) {
                if let Some(word) = words.iter().find(|word| line.contains(*word)) {
                    found.push(format!("{shown}:{number}: {word}: {}", line.trim()));
                }
            }
        }
    }
    assert!(files > 3, "the check read only {files} files below {roots:?}");
    assert!(found.is_empty(), "against the law:\n{}", found.join("\n"));
}

/// Every .rs file below a folder, sorted.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The lines of a file that are shipped: no comments, nothing from its unit tests on, no files that hold only tests.
fn product_lines(file: &Path) -> Vec<(usize, String)> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let in_tests = file.components().any(|part| part.as_os_str() == "tests");
    if name == "tests.rs" || name.ends_with("_tests.rs") || in_tests {
        return Vec::new();
    }
    let text = fs_err::read_to_string(file).unwrap();
    text.lines()
        .enumerate()
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(number, line)| (number + 1, line.to_owned()))
        .collect()
}
