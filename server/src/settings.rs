//! How one chroot of one build is built: what is said of the build goes before what is said of the chroot, and that before what is
//! said of the project.

use copr_api::builder::Settings;

use crate::db::{build::Build, chroot::ProjectChroot, project::Project};

/// All that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Build-time repositories, as they were written.
    pub additional_repos: Vec<String>,
    /// Packages that the buildroot has.
    pub additional_packages: Vec<String>,
    /// `--with` options.
    pub with_opts: Vec<String>,
    /// `--without` options.
    pub without_opts: Vec<String>,
    /// How the machine is.
    pub machine: Settings,
}

impl Choice {
    /// What holds for a build in a chroot of its project.
    #[must_use]
    pub fn of(project: &Project, own: &ProjectChroot, build: &Build) -> Self {
        let wishes = &build.wishes;
        Self {
            additional_repos: joined(&[&project.additional_repos, &own.additional_repos, &wishes.additional_repos]),
            additional_packages: joined(&[&own.additional_packages, &wishes.additional_packages]),
            with_opts: joined(&[&but(&own.with_opts, &wishes.without_opts), &wishes.with_opts]),
            without_opts: joined(&[&but(&own.without_opts, &wishes.with_opts), &wishes.without_opts]),
            machine: Settings {
                network: build.enable_net,
                memory_mib: wishes.memory_mib.or(own.memory_mib),
                cpus: wishes.cpus.or(own.cpus),
                rpmlint: wishes.rpmlint.unwrap_or(project.rpmlint),
                shadow_check: project.shadow_check,
            },
        }
    }

    /// `--with` and `--without` as the macros that rpmbuild makes of them.
    #[must_use]
    pub fn macros(&self) -> Vec<(String, String)> {
        let with = self.with_opts.iter().map(|option| (format!("_with_{option}"), format!("--with-{option}")));
        let without =
            self.without_opts.iter().map(|option| (format!("_without_{option}"), format!("--without-{option}")));
        with.chain(without).collect()
    }
}

/// Lists one after the other, each word once.
fn joined(lists: &[&[String]]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for word in lists.iter().copied().flatten() {
        if !all.contains(word) {
            all.push(word.clone());
        }
    }
    all
}

fn but(list: &[String], others: &[String]) -> Vec<String> {
    list.iter().filter(|word| !others.contains(word)).cloned().collect()
}
