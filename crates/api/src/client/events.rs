//! What happens, who is told, and what follows by itself.

use reqwest::{Method, header::CONTENT_LENGTH};

use super::{Client, Error};
use crate::{
    names::{OwnerName, ProjectName},
    v3::{Delivery, Dependent, Events, Hook, HookAdd, HookEdit, Items, Notice, Rebuild},
};

impl Client {
    /// `GET /events`: what happened after the event of that number, in a project (`OWNER/NAME`) or all, of these topics or all.
    ///
    /// # Errors
    /// As every call.
    pub async fn events(
        &self,
        since: i64,
        project: Option<&str>,
        topics: &[String],
        limit: u32,
    ) -> Result<Events, Error> {
        let path = ["events"];
        // Whoever is known sees his own unlisted projects, too.
        let request = match self.own(Method::GET, &path) {
            Err(Error::NoCredentials) => self.request(Method::GET, &path)?,
            request => request?,
        };
        let mut query = vec![("since", since.to_string()), ("limit", limit.to_string())];
        query.extend(project.map(|name| ("project", name.to_owned())));
        if !topics.is_empty() {
            query.push(("topics", topics.join(",")));
        }
        self.answer(request.query(&query)).await
    }

    /// `GET /project/notices`.
    ///
    /// # Errors
    /// As every call.
    pub async fn notices(&self, owner: &OwnerName, project: &ProjectName) -> Result<Vec<Notice>, Error> {
        let query = [("ownername", owner.as_str()), ("projectname", project.as_str())];
        let request = self.request(Method::GET, &["project", "notices"])?.query(&query);
        Ok(self.answer::<Items<Notice>>(request).await?.items)
    }

    /// `GET /project/rebuilds`: builds that nobody asked for, newest first.
    ///
    /// # Errors
    /// As every call.
    pub async fn rebuilds(&self, owner: &OwnerName, project: &ProjectName) -> Result<Vec<Rebuild>, Error> {
        let query = [("ownername", owner.as_str()), ("projectname", project.as_str())];
        let request = self.request(Method::GET, &["project", "rebuilds"])?.query(&query);
        Ok(self.answer::<Items<Rebuild>>(request).await?.items)
    }

    /// `GET /project/dependents`: what would be built anew if a package (or any) of the project changed.
    ///
    /// # Errors
    /// As every call.
    pub async fn dependents(
        &self,
        owner: &OwnerName,
        project: &ProjectName,
        package: Option<&str>,
        chroot: Option<&str>,
    ) -> Result<Vec<Dependent>, Error> {
        let mut query = vec![("ownername", owner.as_str()), ("projectname", project.as_str())];
        query.extend(package.map(|name| ("packagename", name)));
        query.extend(chroot.map(|name| ("chrootname", name)));
        let request = self.own(Method::GET, &["project", "dependents"])?.query(&query);
        Ok(self.answer::<Items<Dependent>>(request).await?.items)
    }

    /// `GET /webhook/list/{owner}/{project}`.
    ///
    /// # Errors
    /// As every call.
    pub async fn hooks(&self, owner: &OwnerName, project: &ProjectName) -> Result<Vec<Hook>, Error> {
        let path = ["webhook", "list", owner.as_str(), project.as_str()];
        Ok(self.answer::<Items<Hook>>(self.own(Method::GET, &path)?).await?.items)
    }

    /// `POST /webhook/add/{owner}/{project}`: the answer has the secret, this once.
    ///
    /// # Errors
    /// As every call.
    pub async fn add_hook(&self, owner: &OwnerName, project: &ProjectName, add: &HookAdd) -> Result<Hook, Error> {
        let path = ["webhook", "add", owner.as_str(), project.as_str()];
        self.answer(self.own(Method::POST, &path)?.json(add)).await
    }

    /// `PUT /webhook/edit/{owner}/{project}/{hook}`.
    ///
    /// # Errors
    /// As every call.
    pub async fn edit_hook(
        &self,
        owner: &OwnerName,
        project: &ProjectName,
        hook: i64,
        edit: &HookEdit,
    ) -> Result<Hook, Error> {
        let hook = hook.to_string();
        let path = ["webhook", "edit", owner.as_str(), project.as_str(), hook.as_str()];
        self.answer(self.own(Method::PUT, &path)?.json(edit)).await
    }

    /// `DELETE /webhook/delete/{owner}/{project}/{hook}`.
    ///
    /// # Errors
    /// As every call.
    pub async fn delete_hook(&self, owner: &OwnerName, project: &ProjectName, hook: i64) -> Result<Hook, Error> {
        let hook = hook.to_string();
        let path = ["webhook", "delete", owner.as_str(), project.as_str(), hook.as_str()];
        self.answer(self.own(Method::DELETE, &path)?).await
    }

    /// `GET /webhook/deliveries/{owner}/{project}/{hook}`: newest first.
    ///
    /// # Errors
    /// As every call.
    pub async fn deliveries(
        &self,
        owner: &OwnerName,
        project: &ProjectName,
        hook: i64,
    ) -> Result<Vec<Delivery>, Error> {
        let hook = hook.to_string();
        let path = ["webhook", "deliveries", owner.as_str(), project.as_str(), hook.as_str()];
        Ok(self.answer::<Items<Delivery>>(self.own(Method::GET, &path)?).await?.items)
    }

    /// `POST /webhook/test/{owner}/{project}/{hook}`.
    ///
    /// # Errors
    /// As every call.
    pub async fn test_hook(&self, owner: &OwnerName, project: &ProjectName, hook: i64) -> Result<Delivery, Error> {
        let hook = hook.to_string();
        let path = ["webhook", "test", owner.as_str(), project.as_str(), hook.as_str()];
        self.answer(self.own(Method::POST, &path)?.header(CONTENT_LENGTH, 0)).await
    }

    /// `POST /webhook/redeliver/{owner}/{project}/{hook}/{delivery}`.
    ///
    /// # Errors
    /// As every call.
    pub async fn redeliver(
        &self,
        owner: &OwnerName,
        project: &ProjectName,
        hook: i64,
        delivery: i64,
    ) -> Result<Delivery, Error> {
        let (hook, delivery) = (hook.to_string(), delivery.to_string());
        let path = ["webhook", "redeliver", owner.as_str(), project.as_str(), hook.as_str(), delivery.as_str()];
        self.answer(self.own(Method::POST, &path)?.header(CONTENT_LENGTH, 0)).await
    }
}
