//! rpmlint on the source package and the results, in a machine of its own.

use std::time::Duration;

use copr_api::builder::{ResultFile, Rpmlint};
use copr_vm::{Exit, Input, JobKind, proto};

use crate::{
    buildroot::{Prepared, Wishes, named},
    engine::{Failure, RESULTS_DIR, Task, Work, verdict},
    machine::Watcher,
};

/// How long rpmlint may take on a machine with hardware virtualisation.
const TIME: Duration = Duration::from_secs(300);

impl Work<'_> {
    /// Has rpmlint read the results. Its report is `rpmlint.log`.
    ///
    /// # Errors
    /// Only where the task says that rpmlint's word counts.
    pub(crate) async fn lint(&self, results: &[ResultFile]) -> Result<(), Failure> {
        let policy = self.task.settings.rpmlint;
        if policy == Rpmlint::Off || self.task.definition.rpmlint.is_empty() {
            return Ok(());
        }
        match (self.linted(results).await, policy) {
            (Ok(Exit::Built(0)), _) => Ok(()),
            (Ok(Exit::Built(status)), Rpmlint::Enforce) => Err(Failure::User(format!(
                "rpmlint finds errors (its exit status is {status}), and the project does not allow them; see rpmlint.log"
            ))),
            (Ok(_), _) => Ok(()),
            (Err(Failure::Stopped), _) => Err(Failure::Stopped),
            (Err(failure), Rpmlint::Enforce) => Err(failure),
            (Err(failure), _) => {
                self.logs.say(&format!("rpmlint cannot be run, and the build goes on without: {failure}"));
                Ok(())
            }
        }
    }

    async fn linted(&self, results: &[ResultFile]) -> Result<Exit, Failure> {
        self.logs.state("Start: rpmlint");
        let definition = &self.task.definition;
        // Only the distribution's: a project's own packages must not decide what is said of them.
        let task = Task { repositories: Vec::new(), extra_packages: Vec::new(), ..self.task.clone() };
        let base = named(&definition.rpmlint, "the chroot's rpmlint list").map_err(Failure::machine)?;
        let Prepared { repositories, plan, .. } = self.prepare(&task, Wishes { base, ..Wishes::default() }).await?;
        let ground = self.ground(&task, &repositories, &plan).await?;
        let mut spec = self.machine(&ground, JobKind::Lint)?;
        spec.network = None;
        spec.job.network = false;
        spec.limits.build = TIME;
        let folder = self.dir.join(RESULTS_DIR);
        spec.inputs = results
            .iter()
            .map(|result| Input {
                path_in_disk: format!("{}/{}", proto::LINT_DIR, result.file),
                source: folder.join(&result.file),
            })
            .collect();
        let (report, _) = self.run(spec, Watcher::new(self.logs.clone(), None)).await?;
        match report.exit {
            Exit::Built(_) => Ok(report.exit),
            _ => Err(verdict(&report, self.logs).err().unwrap_or(Failure::Stopped)),
        }
    }
}
