//! What came out of a machine, taken as what it is: bytes of strangers. A process of its own reads it, see
//! [`check_results_main`]; should a package ever get hold of its reader, that process can open nothing else and tell us
//! nothing that we would believe.

use std::{
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

use copr_api::builder::ResultFile;
use copr_repodata::{Record, RecordOptions};
use copr_rpm::{DependencyKind, Nevra, Package, tag};
use copr_vm::{
    ProbeProgram,
    confine::{self, Bounds, ConfineError, Confined},
};
use serde::{Deserialize, Serialize};

use crate::engine::Failure;

/// Most bytes of a question; 500 results are a tenth of it.
const MOST_QUESTION: u64 = 1 << 20;
/// Most dependencies of a kind that are told of one package, and characters of each.
const MOST_CLAIMS: usize = 100;
const LONGEST_CLAIM: usize = 200;

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
    #[serde(default)]
    claims: Claims,
}

/// What a package says of itself besides. Nobody has seen the child read it: it is told of, and decides nothing of ours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) vendor: String,
    /// The first few, as rpm writes them.
    pub(crate) obsoletes: Vec<String>,
    /// The first few that may be names of packages.
    pub(crate) provides: Vec<String>,
}

impl Claims {
    fn of(package: &Package) -> Result<Self, copr_rpm::Error> {
        let names = |kind: DependencyKind| -> Result<Vec<String>, copr_rpm::Error> {
            let all = package.dependencies(kind)?;
            let names = all.iter().filter(|one| !one.name.contains(['(', '/', ' '])).map(ToString::to_string);
            Ok(names.take(MOST_CLAIMS).collect())
        };
        let vendor = package.header.str(tag::VENDOR).unwrap_or_default().to_string();
        let (obsoletes, provides) = (names(DependencyKind::Obsoletes)?, names(DependencyKind::Provides)?);
        Ok(Self { vendor, obsoletes, provides }.cut())
    }

    /// Within bounds, whoever says it.
    fn cut(self) -> Self {
        let text = |text: String| text.chars().filter(|c| !c.is_control()).take(LONGEST_CLAIM).collect::<String>();
        let list = |list: Vec<String>| list.into_iter().take(MOST_CLAIMS).map(text).collect();
        Self { vendor: text(self.vendor), obsoletes: list(self.obsoletes), provides: list(self.provides) }
    }
}

impl From<Nevra> for Named {
    fn from(Nevra { name, epoch, version, release, arch }: Nevra) -> Self {
        Self { name, epoch, version, release, arch, claims: Claims::default() }
    }
}

impl From<Named> for Nevra {
    fn from(Named { name, epoch, version, release, arch, .. }: Named) -> Self {
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
) -> Result<Vec<(ResultFile, Claims)>, Failure> {
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
    let both = packages.into_iter().zip(named).map(|(result, mut named)| {
        let claims = std::mem::take(&mut named.claims).cut();
        Ok((believed(result, named)?, claims))
    });
    both.collect()
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
    let claims = Claims::of(&package).map_err(|error| error.to_string())?;
    Ok(Named { claims, ..nevra.into() })
}

fn not_named_so(name: &str, nevra: &Nevra) -> String {
    format!("the result {name} is refused: its header says that it is {}", nevra.file_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This test program, told to be the child.
    fn checker() -> ProbeProgram {
        let name = "results::tests::the_process_that_reads_results";
        let args = ["--exact", name, "--ignored", "--nocapture", "--test-threads=1"];
        ProbeProgram { program: std::env::current_exe().unwrap(), args: args.map(Into::into).to_vec() }
    }

    #[test]
    #[ignore = "it is the child of the others"]
    fn the_process_that_reads_results() {
        std::process::exit(check_results_main());
    }

    /// A package that rpmbuild makes here, with nothing in it.
    fn package(dir: &Path, how: &[&str]) -> PathBuf {
        let spec = dir.join("pretender.spec");
        let text = "Name: pretender\nVersion: 1\nRelease: 1\nSummary: x\nLicense: MIT\n%description\nx\n%files\n";
        fs_err::write(&spec, text).unwrap();
        let top = dir.join(format!("top{}", how.concat()));
        let mut command = std::process::Command::new("rpmbuild");
        command.args(how).args(["--nodeps", "--define", &format!("_topdir {}", top.display())]).arg(&spec);
        let output = command.output().expect("rpmbuild is needed (Debian: apt install rpm)");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let files = walk(&top);
        files.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "rpm")).unwrap()
    }

    fn walk(dir: &Path) -> Vec<PathBuf> {
        let entries = fs_err::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
    }

    /// Checks one result for `x86_64` of `source`.
    fn verdict(bytes: &[u8], name: &str, source: &str) -> Result<Vec<ResultFile>, Failure> {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join(name), bytes).unwrap();
        let (path, sha256, size) = (dir.path().join(name), "00".to_owned(), bytes.len() as u64);
        let results = [copr_vm::ResultFile { name: name.to_owned(), path, sha256, size }];
        let source = (!source.is_empty()).then(|| format!("{source}-1-1.src").parse().unwrap());
        let checked = check_all(&checker(), dir.path(), &results, "x86_64", source.as_ref())?;
        Ok(checked.into_iter().map(|(file, _)| file).collect())
    }

    fn refused(bytes: &[u8], name: &str, source: &str, why: &str) {
        match verdict(bytes, name, source) {
            Err(Failure::User(message)) => {
                assert!(message.starts_with(&format!("the result {name} is refused: ")), "{message}");
                assert!(message.contains(why), "{why}: {message}");
            }
            other => panic!("{why}: {other:?}"),
        }
    }

    #[test]
    fn results_are_what_their_names_say_and_what_was_to_be_built() {
        let dir = tempfile::tempdir().unwrap();
        let source = fs_err::read(package(dir.path(), &["-bs"])).unwrap();
        let name = "pretender-1-1.src.rpm";
        for of in ["pretender", ""] {
            let fine = verdict(&source, name, of).unwrap();
            assert_eq!((fine[0].name.as_str(), fine[0].arch.as_str()), ("pretender", "src"));
        }
        refused(b"\x7fELF", name, "pretender", "");
        refused(&source, "other-1-1.src.rpm", "other", "its header says that it is pretender-1-1.src.rpm");
        refused(&source, name, "other", "the source package that was built is other");
        refused(&[source.as_slice(), b"more"].concat(), name, "pretender", "its header says");
        let mut signed = source.clone();
        // The MD5 sum's entry becomes one of a signature.
        let at = signed.windows(8).position(|window| window == [0, 0, 3, 0xEC, 0, 0, 0, 7]).unwrap();
        signed[at + 3] = 0xED;
        refused(&signed, name, "pretender", "it is signed");

        let foreign = fs_err::read(package(dir.path(), &["-bb", "--target=aarch64"])).unwrap();
        refused(&foreign, "pretender-1-1.aarch64.rpm", "pretender", "its architecture is aarch64");
        let plain = fs_err::read(package(dir.path(), &["-bb", "--target=noarch"])).unwrap();
        assert_eq!(verdict(&plain, "pretender-1-1.noarch.rpm", "pretender").unwrap()[0].arch, "noarch");
        refused(&plain, "pretender-1-1.noarch.rpm", "other", "it says that it is made from pretender-1-1.src.rpm");
        refused(&plain, "pretender-1-1.noarch.rpm", "", "it is no source package");
    }

    #[test]
    fn a_build_without_packages_has_failed() {
        let dir = tempfile::tempdir().unwrap();
        let source = "a-1-1.src".parse().unwrap();
        let checked = check_all(&checker(), dir.path(), &[], "x86_64", Some(&source));
        assert!(matches!(checked, Err(Failure::User(_))), "{checked:?}");
    }

    #[test]
    fn the_process_that_reads_results_tells_how_it_is_confined() {
        let told = confinement(&checker()).unwrap();
        assert!(told.contains("seccomp"), "{told}");
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
        let asked = confinement(&checker);
        assert!(asked.is_err_and(|why| why.starts_with("results cannot be checked")));
    }
}
