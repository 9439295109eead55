//! Packages of a project, and the newest build of each.

use reqwest::Method;
use serde_json::Value;

use super::{Client, Error, nulls_for_empty_lists};
use crate::{
    names::{DirName, OwnerName, ProjectName},
    v3::{Build, Monitor, Package, PackageBuild, PackageEdit},
};

/// Which builds of a package are wanted beside it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct With {
    /// The newest.
    pub latest: bool,
    /// The newest that succeeded.
    pub latest_succeeded: bool,
}

impl With {
    /// As python-copr says it.
    fn query(self) -> [(&'static str, String); 2] {
        let word = |wanted| if wanted { "True" } else { "False" }.to_owned();
        [("with_latest_build", word(self.latest)), ("with_latest_succeeded_build", word(self.latest_succeeded))]
    }
}

impl Client {
    /// `GET /package`.
    ///
    /// # Errors
    /// As every call.
    pub async fn package(
        &self,
        owner: &OwnerName,
        project: &ProjectName,
        name: &str,
        with: With,
    ) -> Result<Package, Error> {
        let query = [("ownername", owner.as_str()), ("projectname", project.as_str()), ("packagename", name)];
        self.answer(self.request(Method::GET, &["package"])?.query(&query).query(&with.query())).await
    }

    /// `GET /package/list`: all packages of a project.
    ///
    /// # Errors
    /// As every call.
    pub async fn packages(&self, owner: &OwnerName, project: &ProjectName, with: With) -> Result<Vec<Package>, Error> {
        let [latest, succeeded] = with.query();
        let query = [("ownername", owner.to_string()), ("projectname", project.to_string()), latest, succeeded];
        self.pages(&["package", "list"], &query).await
    }

    /// `POST /package/add/{owner}/{project}/{name}/scm`: a package that is built from a git repository.
    ///
    /// # Errors
    /// As every call; 409 where there is one of that name.
    pub async fn add_scm_package(
        &self,
        owner: &OwnerName,
        project: &ProjectName,
        name: &str,
        edit: &PackageEdit,
    ) -> Result<Package, Error> {
        let path = ["package", "add", owner.as_str(), project.as_str(), name, "scm"];
        self.answer(self.own(Method::POST, &path)?.json(edit)).await
    }

    /// `POST /package/edit/{owner}/{project}/{name}/scm`: the package as it is then.
    ///
    /// # Errors
    /// As every call.
    pub async fn edit_scm_package(
        &self,
        owner: &OwnerName,
        project: &ProjectName,
        name: &str,
        edit: &PackageEdit,
    ) -> Result<Package, Error> {
        let path = ["package", "edit", owner.as_str(), project.as_str(), name, "scm"];
        self.answer(self.own(Method::POST, &path)?.json(edit)).await
    }

    /// `PUT /package/reset`: the package has no source of its own any more.
    ///
    /// # Errors
    /// As every call.
    pub async fn reset_package(&self, owner: &OwnerName, project: &ProjectName, name: &str) -> Result<Package, Error> {
        self.answer(self.own(Method::PUT, &["package", "reset"])?.json(&named(owner, project, name))).await
    }

    /// `DELETE /package/delete`: the package as it was; its builds go with it.
    ///
    /// # Errors
    /// As every call.
    pub async fn delete_package(&self, owner: &OwnerName, project: &ProjectName, name: &str) -> Result<Package, Error> {
        self.answer(self.own(Method::DELETE, &["package", "delete"])?.json(&named(owner, project, name))).await
    }

    /// `POST /package/build`: a build of the package from its own source.
    ///
    /// # Errors
    /// As every call.
    pub async fn build_package(&self, build: &PackageBuild) -> Result<Build, Error> {
        self.answer(self.own(Method::POST, &["package", "build"])?.json(&nulls_for_empty_lists(build)?)).await
    }

    /// `GET /monitor`: the newest build of each package in each chroot. `fields`: `url_build_log`, `url_backend_log`.
    ///
    /// # Errors
    /// As every call.
    pub async fn monitor(&self, owner: &OwnerName, directory: &DirName, fields: &[&str]) -> Result<Monitor, Error> {
        let project = directory.project();
        let mut query = vec![("ownername", owner.as_str()), ("projectname", project.as_str())];
        if directory.as_str() != project.as_str() {
            query.push(("project_dirname", directory.as_str()));
        }
        query.extend(fields.iter().map(|field| ("additional_fields[]", *field)));
        self.answer(self.request(Method::GET, &["monitor"])?.query(&query)).await
    }
}

/// The body that names a package.
fn named(owner: &OwnerName, project: &ProjectName, name: &str) -> Value {
    serde_json::json!({ "ownername": owner, "projectname": project, "package_name": name })
}
