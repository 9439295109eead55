//! Source packages: made of a spec, of a git repository, or taken from an address.

use std::path::Path;

use copr_api::builder::{GitMake, ResultFile, SourceMethod, Stage};
use copr_vm::{Input, JobKind};

use crate::{
    buildroot::{Prepared, Wishes, named},
    engine::{Built, Failure, Task, Work, verdict},
    machine::Watcher,
};

impl Work<'_> {
    /// Makes the one source package of `method`; `files` has what was uploaded for it.
    pub(crate) async fn source(&self, method: &SourceMethod, files: &Path) -> Result<Built, Failure> {
        let results = match method {
            SourceMethod::Url { url } => return Err(Failure::machine(format!("{url} cannot be downloaded"))),
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
        Ok(Built { results, others: Vec::new() })
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
        self.checked(&report.results, None).await
    }
}
