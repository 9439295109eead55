//! Projects, their chroots, and what a hub offers.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use reqwest::{
    Method,
    header::CONTENT_LENGTH,
    multipart::{Form, Part},
};
use serde_json::{Value, json};

use super::{Client, Error, nulls_for_empty_lists, upload};
use crate::{
    names::{Chroot, DirName, OwnerName, ProjectName},
    v3::{
        ChrootEdit, Page, Project, ProjectAdd, ProjectEdit, ProjectKeys, Prune, PruneReport, PruneWish, ReleasePackage,
        RpmRepo, Undelete, Undeleted,
    },
};

/// What becomes of a chroot's comps.xml, the file that groups its packages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Comps {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is replaced by this file.
    Upload(PathBuf),
    /// There is none any more.
    Delete,
}

/// What a chroot can be told beside [`ChrootEdit`]: comps.xml, and settings that hubs keep for mock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChrootExtras {
    /// Its comps.xml.
    pub comps: Comps,
    /// mock's isolation setting.
    pub isolation: Option<String>,
    /// mock's bootstrap setting.
    pub bootstrap: Option<String>,
    /// Image that mock's bootstrap begins with.
    pub bootstrap_image: Option<String>,
}

impl Client {
    /// `POST /project/prune/{owner}/{project}`: takes old builds away that nobody needs, or tells which those are.
    ///
    /// # Errors
    /// As every call.
    pub async fn prune(
        &self,
        owner: &OwnerName,
        project: &ProjectName,
        wish: &PruneWish,
    ) -> Result<PruneReport, Error> {
        let path = ["project", "prune", owner.as_str(), project.as_str()];
        self.answer(self.own(Method::POST, &path)?.json(wish)).await
    }

    /// `GET /project/prunes`: what was pruned and can be brought back, the newest first.
    ///
    /// # Errors
    /// As every call.
    pub async fn prunes(&self, owner: &OwnerName, project: &ProjectName) -> Result<Vec<Prune>, Error> {
        let query = [("ownername", owner.as_str()), ("projectname", project.as_str())];
        let answer: Page<Prune> = self.answer(self.request(Method::GET, &["project", "prunes"])?.query(&query)).await?;
        Ok(answer.items)
    }

    /// `PUT /project/undelete/{owner}/{project}`: brings back what was pruned.
    ///
    /// # Errors
    /// As every call.
    pub async fn undelete(
        &self,
        owner: &OwnerName,
        project: &ProjectName,
        what: &Undelete,
    ) -> Result<Undeleted, Error> {
        let path = ["project", "undelete", owner.as_str(), project.as_str()];
        self.answer(self.own(Method::PUT, &path)?.json(what)).await
    }

    /// `GET /mock-chroots/list`: every chroot that the hub offers, with its comment.
    ///
    /// # Errors
    /// As every call.
    pub async fn chroots(&self) -> Result<BTreeMap<String, String>, Error> {
        let answer: BTreeMap<String, Option<String>> =
            self.answer(self.request(Method::GET, &["mock-chroots", "list"])?).await?;
        Ok(answer.into_iter().map(|(name, comment)| (name, comment.unwrap_or_default())).collect())
    }

    /// `GET /project`.
    ///
    /// # Errors
    /// As every call.
    pub async fn project(&self, owner: &OwnerName, project: &ProjectName) -> Result<Project, Error> {
        let query = [("ownername", owner.as_str()), ("projectname", project.as_str())];
        self.answer(self.request(Method::GET, &["project"])?.query(&query)).await
    }

    /// `GET /rpmrepo/{owner}/{directory}/{release}`: what clients need to enable a project, with all that it depends on. The
    /// release (`fedora-44`) is the one of the caller; hubs answer the same for each.
    ///
    /// # Errors
    /// As every call.
    pub async fn rpmrepo(&self, owner: &OwnerName, directory: &DirName, release: &str) -> Result<RpmRepo, Error> {
        let path = ["rpmrepo", owner.as_str(), directory.as_str(), release];
        self.answer(self.request(Method::GET, &path)?).await
    }

    /// `GET /project/list`: the projects of `owner`, or of everyone.
    ///
    /// # Errors
    /// As every call.
    pub async fn projects(&self, owner: Option<&OwnerName>) -> Result<Vec<Project>, Error> {
        let query: Vec<_> = owner.map(|owner| ("ownername", owner.to_string())).into_iter().collect();
        self.pages(&["project", "list"], &query).await
    }

    /// `GET /project/search`: projects whose name, owner or description has `text` in it.
    ///
    /// # Errors
    /// As every call.
    pub async fn search(&self, text: &str) -> Result<Vec<Project>, Error> {
        self.pages(&["project", "search"], &[("query", text.to_owned())]).await
    }

    /// `POST /project/add/{owner}`. With `exist_ok` a project that is there already is returned and left as it is.
    ///
    /// # Errors
    /// As every call.
    pub async fn add_project(&self, owner: &OwnerName, add: &ProjectAdd, exist_ok: bool) -> Result<Project, Error> {
        let query = [("ownername", owner.as_str()), ("exist_ok", if exist_ok { "True" } else { "False" })];
        let request = self.own(Method::POST, &["project", "add", owner.as_str()])?.query(&query);
        self.answer(request.json(&nulls_for_empty_lists(add)?)).await
    }

    /// `PUT /project/edit/{owner}/{project}`: the project as it is then.
    ///
    /// # Errors
    /// As every call.
    pub async fn edit_project(
        &self,
        owner: &OwnerName,
        project: &ProjectName,
        edit: &ProjectEdit,
    ) -> Result<Project, Error> {
        let path = ["project", "edit", owner.as_str(), project.as_str()];
        self.answer(self.own(Method::PUT, &path)?.json(edit)).await
    }

    /// `DELETE /project/delete/{owner}/{project}`: the project as it was.
    ///
    /// # Errors
    /// As every call.
    pub async fn delete_project(&self, owner: &OwnerName, project: &ProjectName) -> Result<Project, Error> {
        let path = ["project", "delete", owner.as_str(), project.as_str()];
        self.answer(self.own(Method::DELETE, &path)?.json(&json!({ "verify": true }))).await
    }

    /// `POST /project/fork/{owner}/{project}`: the copy. One that is there already is only updated with `confirm`.
    ///
    /// # Errors
    /// As every call.
    pub async fn fork_project(
        &self,
        from: (&OwnerName, &ProjectName),
        to: (&OwnerName, &ProjectName),
        confirm: bool,
    ) -> Result<Project, Error> {
        let path = ["project", "fork", from.0.as_str(), from.1.as_str()];
        let body = json!({ "name": to.1, "ownername": to.0, "confirm": confirm });
        self.answer(self.own(Method::POST, &path)?.json(&body)).await
    }

    /// `PUT /project/regenerate-repos/{owner}/{project}`: all that was built becomes visible to users.
    ///
    /// # Errors
    /// As every call.
    pub async fn regenerate_repos(&self, owner: &OwnerName, project: &ProjectName) -> Result<Project, Error> {
        let path = ["project", "regenerate-repos", owner.as_str(), project.as_str()];
        self.answer(self.own(Method::PUT, &path)?.header(CONTENT_LENGTH, 0)).await
    }

    /// `GET /project-chroot`: what is chosen for a chroot of a project.
    ///
    /// # Errors
    /// As every call.
    pub async fn project_chroot(
        &self,
        owner: &OwnerName,
        project: &ProjectName,
        chroot: &Chroot,
    ) -> Result<Value, Error> {
        let query = [("ownername", owner.as_str()), ("projectname", project.as_str()), ("chrootname", chroot.as_str())];
        self.answer(self.request(Method::GET, &["project-chroot"])?.query(&query)).await
    }

    /// `GET /project-chroot/build-config`: what a build there is made with.
    ///
    /// # Errors
    /// As every call.
    pub async fn build_config(
        &self,
        owner: &OwnerName,
        project: &ProjectName,
        chroot: &Chroot,
    ) -> Result<Value, Error> {
        let query = [("ownername", owner.as_str()), ("projectname", project.as_str()), ("chrootname", chroot.as_str())];
        self.answer(self.request(Method::GET, &["project-chroot", "build-config"])?.query(&query)).await
    }

    /// `GET /project-chroot/release-package`: the package that subscribes a machine to it. Only our server has them.
    ///
    /// # Errors
    /// As every call.
    pub async fn release_package(
        &self,
        owner: &OwnerName,
        project: &ProjectName,
        chroot: &Chroot,
    ) -> Result<ReleasePackage, Error> {
        let query = [("ownername", owner.as_str()), ("projectname", project.as_str()), ("chrootname", chroot.as_str())];
        self.answer(self.request(Method::GET, &["project-chroot", "release-package"])?.query(&query)).await
    }

    /// `GET /project-key`: what a project's packages are signed with. Only our servers know it.
    ///
    /// # Errors
    /// As every call.
    pub async fn keys(&self, owner: &OwnerName, project: &ProjectName) -> Result<ProjectKeys, Error> {
        let query = [("ownername", owner.as_str()), ("projectname", project.as_str())];
        self.answer(self.request(Method::GET, &["project-key"])?.query(&query)).await
    }

    /// `POST /project-key/rotate/{owner}/{project}`: a new key, in place of one that stays trusted for a while.
    ///
    /// # Errors
    /// As every call.
    pub async fn rotate_key(&self, owner: &OwnerName, project: &ProjectName) -> Result<ProjectKeys, Error> {
        let path = ["project-key", "rotate", owner.as_str(), project.as_str()];
        self.answer(self.own(Method::POST, &path)?.header(CONTENT_LENGTH, 0)).await
    }

    /// `PUT /project-chroot/edit/{owner}/{project}/{chroot}`: the chroot as it is then.
    ///
    /// # Errors
    /// [`Error::File`] when the comps.xml to upload cannot be read; else as every call.
    pub async fn edit_chroot(
        &self,
        owner: &OwnerName,
        project: &ProjectName,
        chroot: &Chroot,
        edit: &ChrootEdit,
        extras: &ChrootExtras,
    ) -> Result<Value, Error> {
        let path = ["project-chroot", "edit", owner.as_str(), project.as_str(), chroot.as_str()];
        // Empty lists stay: they are "none from now on".
        let mut body = serde_json::to_value(edit)
            .map_err(|error| Error::Unexpected { url: "the request".to_owned(), reason: error.to_string() })?;
        let settings = [
            ("isolation", &extras.isolation),
            ("bootstrap", &extras.bootstrap),
            ("bootstrap_image", &extras.bootstrap_image),
        ];
        if let Some(fields) = body.as_object_mut() {
            for (name, value) in settings {
                if let Some(value) = value {
                    fields.insert(name.to_owned(), value.clone().into());
                }
            }
            if extras.comps == Comps::Delete {
                fields.insert("delete_comps".to_owned(), true.into());
            }
        }
        let mut form = Form::new().percent_encode_noop();
        if let Comps::Upload(path) = &extras.comps {
            form = form.part("upload_comps", comps(path).await?);
        }
        let part = upload::typed(Part::text(body.to_string()), "json".to_owned(), "application/json")?;
        self.answer(self.own(Method::PUT, &path)?.multipart(form.part("json", part))).await
    }
}

/// The part with comps.xml, under the name that the file has.
async fn comps(path: &Path) -> Result<Part, Error> {
    let bytes = tokio::fs::read(path).await.map_err(|source| Error::File { path: path.to_owned(), source })?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    upload::typed(Part::bytes(bytes), name, "application/text")
}
