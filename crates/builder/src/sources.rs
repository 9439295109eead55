//! Source packages: made of a spec, of a git repository, or taken from an address.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use copr_api::builder::{GitMake, ResultFile, SourceMethod, Stage};
use copr_rpm::Package;
use copr_vm::{Input, JobKind, proto};

use crate::{
    buildroot::{Prepared, Wishes, named},
    download::{DownloadOptions, download},
    engine::{Built, Failure, RESULTS_DIR, Task, Work, blocking, verdict},
    machine::Watcher,
};

/// How long the download of a source package may take.
const DOWNLOAD: Duration = Duration::from_secs(3600);

impl Work<'_> {
    /// Makes the one source package of `method`; `files` has what was uploaded for it.
    pub(crate) async fn source(&self, method: &SourceMethod, files: &Path) -> Result<Built, Failure> {
        let results = match method {
            SourceMethod::Url { url } => self.downloaded(url).await?,
            SourceMethod::Spec { spec, files: names } => {
                let inputs = names.iter().map(|file| Input::source(&file.name, files.join(&file.name)));
                self.made(JobKind::Spec { spec: spec.clone() }, inputs.collect()).await?
            }
            SourceMethod::Git { clone_url, committish, subdirectory, spec, make } => {
                let kind = JobKind::Git {
                    clone_url: clone_url.clone(),
                    committish: committish.clone(),
                    subdirectory: subdirectory.clone(),
                    spec: spec.clone(),
                    make: *make == GitMake::MakeSrpm,
                };
                self.made(kind, Vec::new()).await?
            }
        };
        for result in &results {
            self.logs.say(&format!("The source package is {}", result.file));
        }
        Ok(Built { results, others: Vec::new(), shadows: Vec::new() })
    }

    /// Makes it in a machine, which reaches public addresses.
    async fn made(&self, kind: JobKind, inputs: Vec<Input>) -> Result<Vec<ResultFile>, Failure> {
        let definition = &self.task.definition;
        // What a project has built may not say what its next sources are.
        let task = Task { repositories: Vec::new(), extra_packages: Vec::new(), ..self.task.clone() };
        let list = [definition.buildroot.as_slice(), &definition.source].concat();
        let wishes = Wishes {
            group: definition.group.clone(),
            base: named(&list, "the chroot's buildroot and source lists").map_err(Failure::machine)?,
            ..Wishes::default()
        };
        let Prepared { repositories, plan, .. } = self.prepare(&task, wishes).await?;
        let ground = self.ground(&task, &repositories, &plan).await?;
        let mut spec = self.machine(&ground, kind)?;
        spec.job.check().map_err(Failure::User)?;
        spec.inputs = inputs;
        spec.network = Some(self.engine.options.network.clone());
        spec.job.network = true;
        // As Copr has it: a source package belongs to no distribution.
        spec.job.macros.push(("dist".to_owned(), "%nil".to_owned()));
        self.stage.send_replace(Stage::Booting);
        self.logs.state("Start: the machine starts");
        let (report, watcher) = self.run(spec, Watcher::new(self.logs.clone(), Some(self.stage.clone()))).await?;
        watcher.keep_installed();
        verdict(&report, self.logs)?;
        self.source_checked(&report.results).await
    }

    /// Downloads it, and gives it the name that its header says.
    async fn downloaded(&self, url: &str) -> Result<Vec<ResultFile>, Failure> {
        let limits = &self.engine.options.limits;
        let folder = self.dir.join(RESULTS_DIR);
        fs_err::create_dir_all(&folder)?;
        let options = DownloadOptions {
            network: self.engine.options.network.clone(),
            proxy: None,
            bytes: limits.file_bytes,
            total: DOWNLOAD,
        };
        self.logs.state("Start: downloading the source package");
        let path = folder.join("download");
        let downloaded = self.stop.unless_stopped(download(url, &path, &options)).await.ok_or(Failure::Stopped)?;
        let downloaded = downloaded.map_err(|error| match error.is_ours() {
            true => Failure::machine(error.to_string()),
            false => Failure::user(error.to_string()),
        })?;
        let (name, path) = blocking(move || named_by_header(&path)).await??;
        let file = copr_vm::ResultFile { name, path, sha256: downloaded.sha256, size: downloaded.size };
        self.source_checked(&[file]).await
    }

    /// What a source package claims besides its name does not matter.
    async fn source_checked(&self, files: &[copr_vm::ResultFile]) -> Result<Vec<ResultFile>, Failure> {
        Ok(self.checked(files, None).await?.into_iter().map(|(file, _)| file).collect())
    }
}

/// Gives a source package the name that its header says; whether that is right is for others to find out.
fn named_by_header(path: &Path) -> Result<(String, PathBuf), Failure> {
    let wrong =
        |error: &dyn std::fmt::Display| Failure::user(format!("what was downloaded is no source package: {error}"));
    let package = Package::open(path).map_err(|error| wrong(&error))?;
    let name = package.nevra().map_err(|error| wrong(&error))?.file_name();
    if !(name.ends_with(".src.rpm") && proto::valid_result_name(&name)) {
        return Err(wrong(&format!("its header says that it is {name:?}")));
    }
    let named = path.with_file_name(&name);
    fs_err::rename(path, &named)?;
    Ok((name, named))
}
