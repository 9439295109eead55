//! What came out of a machine, taken as what it is: bytes of strangers. A process of its own reads it, see
//! [`check_results_main`]; should a package ever get hold of its reader, that process can open nothing else and tell us
//! nothing that we would believe.

use std::{
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

use copr_api::builder::ResultFile;
use copr_repodata::{Record, RecordOptions};
use copr_rpm::{Nevra, Package, tag};
use copr_vm::{
    ProbeProgram,
    confine::{self, Bounds, ConfineError, Confined},
};
use serde::{Deserialize, Serialize};

use crate::engine::Failure;

/// Most bytes of a question; 500 results are a tenth of it.
const MOST_QUESTION: u64 = 1 << 20;

/// What the child is asked.
#[derive(Debug, Serialize, Deserialize)]
struct Question {
    /// The folder of all files.
    folder: PathBuf,
    /// The packages in it: file name and length in bytes.
    files: Vec<(String, u64)>,
    /// The architecture that they may have, besides `noarch`.
    arch: String,
    /// Name of the source package that they were made from; `None`: they are source packages themselves.
    source: Option<String>,
}

/// What it says.
#[derive(Debug, Serialize, Deserialize)]
struct Said {
    /// What the kernel confined it with.
    confined: String,
    /// One for each file, or why one is refused.
    answer: Result<Vec<Named>, String>,
}

/// A package's name as its header has it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Named {
    name: String,
    epoch: u32,
    version: String,
    release: String,
    arch: String,
}

impl From<Nevra> for Named {
    fn from(Nevra { name, epoch, version, release, arch }: Nevra) -> Self {
        Self { name, epoch, version, release, arch }
    }
}

impl From<Named> for Nevra {
    fn from(Named { name, epoch, version, release, arch }: Named) -> Self {
        Self { name, epoch, version, release, arch }
    }
}

/// Checks all packages among what a machine handed back in `folder`, in a process of its own; other files (spec files) are
/// no packages. Blocks.
///
/// `source` is the source package that was built; `None`: a source package was made.
///
/// # Errors
/// The packager's: the first result that is refused, none at all, or more than one source package where one was to be
/// made. Ours: the process cannot be started.
pub(crate) fn check_all(
    checker: &ProbeProgram,
    folder: &Path,
    results: &[copr_vm::ResultFile],
    arch: &str,
    source: Option<&Nevra>,
) -> Result<Vec<ResultFile>, Failure> {
    let packages: Vec<_> = results.iter().filter(|result| result.name.ends_with(".rpm")).collect();
    match (packages.len(), source) {
        (0, _) => return Err(Failure::user("the build made no package")),
        (2.., None) => return Err(Failure::user("more than one source package was made")),
        _ => {}
    }
    let question = Question {
        folder: folder.to_owned(),
        files: packages.iter().map(|result| (result.name.clone(), result.size)).collect(),
        arch: arch.to_owned(),
        source: source.map(|source| source.name.clone()),
    };
    let named = ask(checker, &question)?.answer.map_err(Failure::User)?;
    // What is believed of the child is a name that its file has already.
    if named.len() != packages.len() {
        return Err(Failure::user("the results could not be read: not all of them were named"));
    }
    packages.into_iter().zip(named).map(|(result, named)| believed(result, named)).collect()
}

fn believed(result: &copr_vm::ResultFile, named: Named) -> Result<ResultFile, Failure> {
    let nevra = Nevra::from(named);
    if nevra.file_name() != result.name {
        return Err(Failure::User(not_named_so(&result.name, &nevra)));
    }
    Ok(ResultFile {
        file: result.name.clone(),
        size: result.size,
        sha256: result.sha256.clone(),
        name: nevra.name,
        epoch: nevra.epoch,
        version: nevra.version,
        release: nevra.release,
        arch: nevra.arch,
    })
}

/// What confines the process that reads results, in words: it is started for nothing.
///
/// # Errors
/// It cannot be started, or not be confined.
pub(crate) fn confinement(checker: &ProbeProgram) -> Result<String, String> {
    let question =
        Question { folder: std::env::temp_dir(), files: Vec::new(), arch: String::new(), source: Some(String::new()) };
    match ask(checker, &question) {
        Ok(said) => Ok(said.confined),
        Err(Failure::User(why) | Failure::Skipped(why) | Failure::Machine(why)) => Err(why),
        Err(Failure::Stopped) => Err("it was stopped".to_owned()),
    }
}

/// Runs the child. What ends it while it reads is the fault of what it read.
fn ask(checker: &ProbeProgram, question: &Question) -> Result<Said, Failure> {
    let child = Confined { program: checker.program.clone(), args: checker.args.clone(), bounds: Bounds::default() };
    let question = serde_json::to_vec(question).map_err(|error| Failure::machine(error.to_string()))?;
    let unable = |why: &dyn std::fmt::Display| Failure::machine(format!("results cannot be checked: {why}"));
    let output = child.run(&question).map_err(|error| match error {
        ConfineError::Start(_) | ConfineError::Io(_) => unable(&error),
        error => Failure::user(format!("the results could not be read: {error}")),
    })?;
    // The last line: what stands before it is not ours.
    let line = output.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let reply: Result<Said, String> = serde_json::from_slice(line).map_err(|error| unable(&error))?;
    reply.map_err(|why| unable(&why))
}

/// Reads the results of a build in this process, which it confines first; what the hidden argument of
/// [`crate::EngineOptions::checker`] calls, before there is any second thread. The question comes on standard input, the
/// answer goes to standard output. Returns the exit status.
pub fn check_results_main() -> i32 {
    let reply = answer().map_err(|error| error.to_string());
    let Ok(reply) = serde_json::to_string(&reply) else { return 1 };
    let mut out = std::io::stdout().lock();
    let told = write!(out, "\n{reply}\n").and_then(|()| out.flush());
    i32::from(told.is_err())
}

fn answer() -> Result<Said, Box<dyn std::error::Error>> {
    let mut question = Vec::new();
    std::io::stdin().take(MOST_QUESTION).read_to_end(&mut question)?;
    let question: Question = serde_json::from_slice(&question)?;
    let confined = confine::enter(&[&question.folder])?;
    Ok(Said { confined, answer: read_all(&question) })
}

fn read_all(question: &Question) -> Result<Vec<Named>, String> {
    question
        .files
        .iter()
        .map(|(name, size)| {
            read(question, name, *size).map_err(|reason| format!("the result {name} is refused: {reason}"))
        })
        .collect()
}

/// Reads one package's header, and checks that it is what its name says and what this build may make.
fn read(question: &Question, name: &str, size: u64) -> Result<Named, String> {
    let package = Package::open(&question.folder.join(name)).map_err(|error| error.to_string())?;
    // Everything that the repository's metadata will have of it, so that no lie ends a publish.
    let options = RecordOptions::default();
    Record::from_package(&package, &options).map_err(|error| error.to_string())?;
    let nevra = package.nevra().map_err(|error| error.to_string())?;
    if nevra.file_name() != name {
        return Err(format!("its header says that it is {}", nevra.file_name()));
    }
    if let Some(expected) = package.expected_file_size()
        && expected != size
    {
        return Err(format!("it has {size} bytes, its header says {expected}"));
    }
    let (raw, texts) = package.header_signatures();
    if !(raw.is_empty() && texts.is_empty() && package.whole_signatures().is_empty()) {
        return Err("it is signed, and nobody who could sign has seen it".to_owned());
    }
    match (&question.source, package.is_source()) {
        (None, true) => {}
        (None, false) => return Err("it is no source package".to_owned()),
        (Some(source), true) if nevra.name != *source => {
            return Err(format!("the source package that was built is {source}"));
        }
        (Some(_), true) => {}
        (Some(source), false) => {
            if nevra.arch != question.arch && nevra.arch != "noarch" {
                return Err(format!("its architecture is {}, this build is for {}", nevra.arch, question.arch));
            }
            let made_from = package.header.str(tag::SOURCERPM).unwrap_or_default();
            // NAME-VERSION-RELEASE.src.rpm: the name is what stands before the last two dashes, and may have dashes itself.
            if made_from.rsplitn(3, '-').nth(2) != Some(source.as_str()) {
                return Err(format!("it says that it is made from {made_from}, not from {source}"));
            }
        }
    }
    Ok(nevra.into())
}

fn not_named_so(name: &str, nevra: &Nevra) -> String {
    format!("the result {name} is refused: its header says that it is {}", nevra.file_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(folder: &Path, name: &str, size: u64) -> Question {
        let (arch, source) = ("x86_64".to_owned(), Some("a".to_owned()));
        Question { folder: folder.to_owned(), files: vec![(name.to_owned(), size)], arch, source }
    }

    #[test]
    fn a_result_that_is_no_package_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join("a-1-1.noarch.rpm"), b"\x7fELF").unwrap();
        let message = read_all(&question(dir.path(), "a-1-1.noarch.rpm", 4)).unwrap_err();
        assert!(message.starts_with("the result a-1-1.noarch.rpm is refused: "), "{message}");
    }

    #[test]
    fn of_the_child_nothing_is_believed_that_the_files_name_does_not_say() {
        let result = copr_vm::ResultFile {
            name: "a-1-1.noarch.rpm".to_owned(),
            path: PathBuf::new(),
            sha256: "00".to_owned(),
            size: 4,
        };
        let nevra: Nevra = "a-1-1.noarch".parse().unwrap();
        assert_eq!(believed(&result, nevra.into()).unwrap().sha256, "00");
        let lie: Nevra = "b-1-1.noarch".parse().unwrap();
        let Err(Failure::User(message)) = believed(&result, lie.into()) else { panic!("it was believed") };
        assert!(message.contains("says that it is b-1-1.noarch.rpm"), "{message}");
    }

    #[test]
    fn a_program_that_is_no_checker_is_our_own_fault() {
        let checker = ProbeProgram { program: "/bin/true".into(), args: Vec::new() };
        let dir = tempfile::tempdir().unwrap();
        let asked = ask(&checker, &question(dir.path(), "a-1-1.noarch.rpm", 4));
        assert!(matches!(asked, Err(Failure::Machine(_))), "{asked:?}");
    }
}
