//! A build, as mock does it: the source package is rebuilt in the target, so that its requirements are those of the
//! target's macros; what they ask for is installed, until nothing is added any more; then rpmbuild.

use std::path::Path;

use copr_vm::proto::{ErrorKind, LogStream, MOST_ROUNDS, SOURCE_DIR, Stage, excluded, valid_result_name};
use fs_err as fs;

use crate::{
    child::Place,
    home::{self, ORIGINALS, TOPDIR},
    install,
    job::{JobError, Work, setup},
    results,
    system::INPUT,
};

/// rpmbuild's exit status when it only lacks requirements. With `-br --nodeps` it ends so in any case (seen with 4.18).
const LACKS_REQUIREMENTS: i32 = 11;
/// What a source package requires whose spec has `%generate_buildrequires`.
const DYNAMIC: &str = "rpmlib(DynamicBuildRequires)";
/// How the files end that `rpmbuild -br` writes.
const GENERATED: &str = ".buildreqs.nosrc.rpm";
/// How the file ends that `rpmbuild -bs` writes: `.src.rpm`, or with `NoSource` `.nosrc.rpm`.
const REBUILT: &str = "src.rpm";
/// rpm's format for [`Header::parse`].
const QUERY: &str = "%|EXCLUSIVEARCH?{[only %{EXCLUSIVEARCH}\\n]}|%|EXCLUDEARCH?{[not %{EXCLUDEARCH}\\n]}|\
    %|BUILDARCHS?{[for %{BUILDARCHS}\\n]}|%|REQUIRENAME?{[requires %{REQUIRENEVRS}\\n]}|";

/// Builds `source`, a file name on the input disk; rpmbuild's exit status.
pub(crate) fn run(work: &Work<'_>, source: &str) -> Result<i32, JobError> {
    install::check_programs(&["bash", "rpm", "rpmbuild"])?;
    home::make(work.job).map_err(setup("the build's home"))?;
    let original = format!("{ORIGINALS}/{source}");
    home::give(work.job, &Path::new(INPUT).join(SOURCE_DIR).join(source), &home::outside(&original))
        .map_err(setup("the source package"))?;
    work.channel.stage(Stage::Installed);
    let unpack = ["/usr/bin/rpm", "-i", "--nodeps", "--nosignature", &original];
    let code = work.run(Place::User, LogStream::Build, &unpack)?;
    if code != 0 {
        return Err(refused(format!("{source} cannot be unpacked (rpm ended with status {code}); see build.log")));
    }
    let spec = format!("{TOPDIR}/SPECS/{}", only_spec(&home::outside(TOPDIR).join("SPECS"))?);
    let mut code = 0;
    let dynamic = static_rounds(work, &spec)?;
    if dynamic {
        code = dynamic_rounds(work, &spec)?;
    }
    if code == 0 {
        install::tell(work)?;
        // With its dependency check: it names what the buildroot lacks.
        let mut program = vec!["/usr/bin/rpmbuild", "-ba", "--target", &work.job.arch];
        program.extend(dynamic.then_some("--noprep"));
        program.push(&spec);
        code = work.as_user(&program)?;
    }
    work.channel.stage(Stage::Built);
    if code == 0 {
        results::of_build(work, TOPDIR, &spec)?;
    }
    Ok(code)
}

fn refused(text: String) -> JobError {
    JobError::new(ErrorKind::Source, text)
}

fn never_settles(what: &str) -> JobError {
    refused(format!("{what} still asks for more after {MOST_ROUNDS} rounds"))
}

/// The name of the one spec in a folder.
fn only_spec(folder: &Path) -> Result<String, JobError> {
    let entries = fs::read_dir(folder).map_err(|error| refused(format!("the folder of specs: {error}")))?;
    let mut specs: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".spec"))
        .collect();
    match (specs.pop(), specs.len()) {
        (Some(spec), 0) if valid_result_name(&spec) => Ok(spec),
        (Some(spec), 0) => Err(refused(format!("the spec may not have the file name {spec:?}"))),
        (None, _) => Err(refused("the source package holds no spec".to_owned())),
        (Some(_), others) => Err(refused(format!("the source package holds {} specs", others + 1))),
    }
}

/// Rebuilds the source package and installs what it asks for, until nothing is added; whether it has dynamic requirements.
fn static_rounds(work: &Work<'_>, spec: &str) -> Result<bool, JobError> {
    for round in 1..=MOST_ROUNDS {
        remove_made(&|_| true)?;
        let code = work.as_user(&["/usr/bin/rpmbuild", "-bs", "--target", &work.job.arch, "--nodeps", spec])?;
        if code != 0 {
            let name = spec.rsplit('/').next().unwrap_or_default();
            let text = format!("{name} cannot be rebuilt (rpmbuild -bs ended with status {code}); see build.log");
            return Err(refused(text));
        }
        let header = read_header(work, &only_made(REBUILT)?)?;
        if let Some(why) = excluded(&work.job.arch, &header.only, &header.not, &header.built_for) {
            return Err(JobError::new(ErrorKind::Skipped, why));
        }
        if !work.ask(false, round, &header.requires)? {
            work.channel.stage(Stage::Unpacked);
            return Ok(header.dynamic);
        }
    }
    Err(never_settles("the spec"))
}

/// Runs `%generate_buildrequires` and installs what it asks for, until nothing is added; the exit status when it fails.
fn dynamic_rounds(work: &Work<'_>, spec: &str) -> Result<i32, JobError> {
    for round in 1..=MOST_ROUNDS {
        remove_made(&|name| name.ends_with(GENERATED))?;
        let mut program = vec!["/usr/bin/rpmbuild", "-br", "--target", &work.job.arch, "--nodeps"];
        program.extend((round > 1).then_some("--noprep"));
        program.push(spec);
        let code = work.as_user(&program)?;
        if code != 0 && code != LACKS_REQUIREMENTS {
            return Ok(code);
        }
        // A spec without any requirement writes none.
        let settled = code == 0 && made(GENERATED).is_empty();
        let requires = if settled { Vec::new() } else { read_header(work, &only_made(GENERATED)?)?.requires };
        if settled || !work.ask(true, round, &requires)? {
            // It is no result.
            remove_made(&|name| name.ends_with(GENERATED))?;
            return Ok(0);
        }
    }
    Err(never_settles("%generate_buildrequires"))
}

/// Where rpmbuild writes source packages.
fn made_folder() -> std::path::PathBuf {
    home::outside(TOPDIR).join("SRPMS")
}

/// The names of the files there with this end.
fn made(end: &str) -> Vec<String> {
    let entries = fs::read_dir(made_folder()).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(end)).collect()
}

/// The path, in the target, of the only one.
fn only_made(end: &str) -> Result<String, JobError> {
    match &made(end)[..] {
        [name] => Ok(format!("{TOPDIR}/SRPMS/{name}")),
        others => Err(refused(format!("rpmbuild wrote {} files *{end} and not one", others.len()))),
    }
}

/// Removes the files there that `is` picks.
fn remove_made(is: &dyn Fn(&str) -> bool) -> Result<(), JobError> {
    if !results::is_plain(&made_folder()) {
        return Err(refused(format!("{TOPDIR}/SRPMS is no plain folder any more")));
    }
    for name in made("").iter().filter(|name| is(name)) {
        // It may be a folder by now; then it is counted, and refused, when a package is looked for.
        let _ = fs::remove_file(made_folder().join(name));
    }
    Ok(())
}

/// What is asked of a source package's header.
#[derive(Debug, Default, PartialEq, Eq)]
struct Header {
    only: Vec<String>,
    not: Vec<String>,
    built_for: Vec<String>,
    requires: Vec<String>,
    dynamic: bool,
}

/// Reads a header with the target's rpm, as the build's user: it was written by the packager's code.
fn read_header(work: &Work<'_>, package: &str) -> Result<Header, JobError> {
    let program = ["/usr/bin/rpm", "-qp", "--nosignature", "--qf", QUERY, package];
    match work.captured(Place::User, &program) {
        Ok((0, text)) => Ok(Header::parse(&text)),
        Ok((code, _)) => Err(refused(format!("{package} cannot be read: rpm ended with status {code}"))),
        Err(error) => Err(refused(format!("{package} cannot be read: {error}"))),
    }
}

impl Header {
    /// Of lines as [`QUERY`] makes them.
    fn parse(text: &str) -> Self {
        let mut header = Self::default();
        for line in text.lines() {
            let Some((kind, value)) = line.split_once(' ') else { continue };
            let value = value.trim();
            match kind {
                "only" => header.only.push(value.to_owned()),
                "not" => header.not.push(value.to_owned()),
                "for" => header.built_for.push(value.to_owned()),
                // What rpm itself must be able to do; no package provides it.
                "requires" if value.starts_with("rpmlib(") => header.dynamic |= value.starts_with(DYNAMIC),
                "requires" => header.requires.push(value.to_owned()),
                _ => {}
            }
        }
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_rpm_prints_it() {
        let text = "only aarch64\nnot s390x\nfor noarch\nrequires (a or b)\nrequires gcc >= 4\n\
            requires rpmlib(DynamicBuildRequires) <= 4.15.0-1\nrequires rpmlib(FileDigests) <= 4.6.0-1\n";
        let words = |text: &str| vec![text.to_owned()];
        let expected = Header {
            only: words("aarch64"),
            not: words("s390x"),
            built_for: words("noarch"),
            requires: vec!["(a or b)".to_owned(), "gcc >= 4".to_owned()],
            dynamic: true,
        };
        assert_eq!(Header::parse(text), expected);
        assert_eq!(Header::parse(""), Header::default());
    }
}
