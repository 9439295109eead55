//! Builds: submitted, looked at, stopped, deleted.

use std::collections::BTreeMap;

use reqwest::{Method, header::CONTENT_LENGTH};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Client, Error, nulls_for_empty_lists};
use crate::{
    names::{DirName, OwnerName, ProjectName},
    v3::{Build, BuildChroot, BuildOptions, Page, ScmBuild, SourceChroot},
};

/// What a build made in one chroot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltPackages {
    /// Every package, the source package among them.
    pub packages: Vec<BuiltPackage>,
}

/// A package that was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltPackage {
    /// Name.
    pub name: String,
    /// Epoch; null where the package has none.
    pub epoch: Option<i64>,
    /// Version.
    pub version: String,
    /// Release.
    pub release: String,
    /// Architecture; `src` for the source package.
    pub arch: String,
}

impl Client {
    /// `POST /build/check-before-build`: whether a build with these options would be taken, before a long upload.
    ///
    /// # Errors
    /// As every call: the hub's reason why it would not.
    pub async fn check_before_build(&self, options: &BuildOptions) -> Result<(), Error> {
        let request = self.own(Method::POST, &["build", "check-before-build"])?;
        self.answer::<Value>(request.json(&nulls_for_empty_lists(options)?)).await.map(drop)
    }

    /// `POST /build/create/url`: a build for each of `options.pkgs`.
    ///
    /// # Errors
    /// As every call.
    pub async fn url_builds(&self, options: &BuildOptions) -> Result<Vec<Build>, Error> {
        let request = self.own(Method::POST, &["build", "create", "url"])?;
        self.answer::<Page<Build>>(request.json(&nulls_for_empty_lists(options)?)).await.map(|page| page.items)
    }

    /// `POST /build/create/scm`: a build of a repository.
    ///
    /// # Errors
    /// As every call.
    pub async fn scm_build(&self, scm: &ScmBuild) -> Result<Build, Error> {
        let request = self.own(Method::POST, &["build", "create", "scm"])?;
        self.answer(request.json(&nulls_for_empty_lists(scm)?)).await
    }

    /// `GET /build/{id}`.
    ///
    /// # Errors
    /// As every call.
    pub async fn build(&self, id: i64) -> Result<Build, Error> {
        self.answer(self.request(Method::GET, &["build", &id.to_string()])?).await
    }

    /// `GET /build/list`: all builds of a project, or of one package of it, newest first.
    ///
    /// # Errors
    /// As every call.
    pub async fn builds(
        &self,
        owner: &OwnerName,
        project: &ProjectName,
        package: Option<&str>,
    ) -> Result<Vec<Build>, Error> {
        let mut query = vec![("ownername", owner.to_string()), ("projectname", project.to_string())];
        query.extend(package.map(|name| ("packagename", name.to_owned())));
        self.pages(&["build", "list"], &query).await
    }

    /// `PUT /build/cancel/{id}`: the build as it is then.
    ///
    /// # Errors
    /// As every call; 409 when it has ended.
    pub async fn cancel_build(&self, id: i64) -> Result<Build, Error> {
        let request = self.own(Method::PUT, &["build", "cancel", &id.to_string()])?;
        self.answer(request.header(CONTENT_LENGTH, 0)).await
    }

    /// `DELETE /build/delete/list`: all of these builds, or none. The numbers that were deleted.
    ///
    /// # Errors
    /// As every call; 400 names those that are not there, still run or are another's.
    pub async fn delete_builds(&self, builds: &[i64]) -> Result<Vec<i64>, Error> {
        #[derive(Deserialize)]
        struct Deleted {
            builds: Vec<i64>,
        }
        let request = self.own(Method::DELETE, &["build", "delete", "list"])?;
        self.answer::<Deleted>(request.json(&json!({ "builds": builds }))).await.map(|deleted| deleted.builds)
    }

    /// `GET /build-chroot/list`: the chroots of a build with their states and result folders.
    ///
    /// # Errors
    /// As every call.
    pub async fn build_chroots(&self, build: i64) -> Result<Vec<BuildChroot>, Error> {
        self.pages(&["build-chroot", "list"], &[("build_id", build.to_string())]).await
    }

    /// `GET /build/source-chroot/{id}`: how far the build's source package is.
    ///
    /// # Errors
    /// As every call.
    pub async fn source_chroot(&self, build: i64) -> Result<SourceChroot, Error> {
        self.answer(self.request(Method::GET, &["build", "source-chroot", &build.to_string()])?).await
    }

    /// `GET /build/built-packages/{id}`: chroot to what was made there.
    ///
    /// # Errors
    /// As every call.
    pub async fn built_packages(&self, build: i64) -> Result<BTreeMap<String, BuiltPackages>, Error> {
        self.answer(self.request(Method::GET, &["build", "built-packages", &build.to_string()])?).await
    }
}

/// Build options for a project's directory, all else unsaid.
#[must_use]
pub fn build_options(owner: &OwnerName, directory: &DirName) -> BuildOptions {
    BuildOptions {
        ownername: owner.to_string(),
        projectname: directory.project().to_string(),
        project_dirname: Some(directory.to_string()),
        ..BuildOptions::default()
    }
}
