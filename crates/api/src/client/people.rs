//! Who one is, tokens, groups, and who may do what.

use std::collections::BTreeMap;

use reqwest::{Method, header::CONTENT_LENGTH};
use serde_json::Value;

use super::{Client, Error};
use crate::{
    names::{OwnerName, ProjectName},
    v3::{
        ApiToken, AuthCheck, CanBuildIn, Group, GroupAdd, GroupSummary, MemberChange, Page, Permissions, Pins, Quota,
        RolesChange, RolesRequest, Token, TokenWish, WebhookSecret,
    },
};

impl Client {
    /// `GET /auth-check`: who the login and token belong to.
    ///
    /// # Errors
    /// As every call.
    pub async fn auth_check(&self) -> Result<AuthCheck, Error> {
        self.answer(self.own(Method::GET, &["auth-check"])?).await
    }

    /// `GET /quota`: how much an owner stores, and may.
    ///
    /// # Errors
    /// As every call.
    pub async fn quota(&self, owner: &OwnerName) -> Result<Quota, Error> {
        self.answer(self.request(Method::GET, &["quota"])?.query(&[("ownername", owner.as_str())])).await
    }

    /// `POST /api-token`: a new token in place of the one that is used.
    ///
    /// # Errors
    /// As every call.
    pub async fn new_api_token(&self) -> Result<ApiToken, Error> {
        self.answer(self.own(Method::POST, &["api-token"])?.header(CONTENT_LENGTH, 0)).await
    }

    /// `GET /api-token/list`: the caller's tokens, newest first; those of another user for administrators of the site.
    ///
    /// # Errors
    /// As every call.
    pub async fn tokens(&self, of: Option<&str>) -> Result<Vec<Token>, Error> {
        let mut request = self.own(Method::GET, &["api-token", "list"])?;
        if let Some(user) = of {
            request = request.query(&[("username", user)]);
        }
        Ok(self.answer::<Page<Token>>(request).await?.items)
    }

    /// `POST /api-token/new`: a token besides those that there are.
    ///
    /// # Errors
    /// As every call.
    pub async fn make_token(&self, wish: &TokenWish) -> Result<ApiToken, Error> {
        self.answer(self.own(Method::POST, &["api-token", "new"])?.json(wish)).await
    }

    /// `DELETE /api-token/revoke/{login}`: the token is of no use from now on.
    ///
    /// # Errors
    /// As every call.
    pub async fn revoke_token(&self, login: &str) -> Result<Token, Error> {
        self.answer(self.own(Method::DELETE, &["api-token", "revoke", login])?).await
    }

    /// `GET /group/list`: all groups, by name.
    ///
    /// # Errors
    /// As every call.
    pub async fn groups(&self) -> Result<Vec<GroupSummary>, Error> {
        self.pages(&["group", "list"], &[]).await
    }

    /// `GET /group`: a group with its members; for users.
    ///
    /// # Errors
    /// As every call.
    pub async fn group(&self, group: &OwnerName) -> Result<Group, Error> {
        self.answer(self.own(Method::GET, &["group"])?.query(&[("groupname", group.as_str())])).await
    }

    /// `POST /group/add/{group}`.
    ///
    /// # Errors
    /// As every call.
    pub async fn add_group(&self, group: &OwnerName, add: &GroupAdd) -> Result<Group, Error> {
        self.answer(self.own(Method::POST, &["group", "add", bare(group)])?.json(add)).await
    }

    /// `PUT /group/members/{group}`: all of it, or nothing.
    ///
    /// # Errors
    /// As every call.
    pub async fn set_members(
        &self,
        group: &OwnerName,
        changes: &BTreeMap<String, MemberChange>,
    ) -> Result<Group, Error> {
        self.answer(self.own(Method::PUT, &["group", "members", bare(group)])?.json(changes)).await
    }

    /// `DELETE /group/delete/{group}`: only one that owns no project.
    ///
    /// # Errors
    /// As every call.
    pub async fn delete_group(&self, group: &OwnerName) -> Result<Group, Error> {
        self.answer(self.own(Method::DELETE, &["group", "delete", bare(group)])?).await
    }

    /// `GET /pins`: what a user or group has pinned.
    ///
    /// # Errors
    /// As every call.
    pub async fn pins(&self, owner: &OwnerName) -> Result<Pins, Error> {
        self.answer(self.own(Method::GET, &["pins"])?.query(&[("ownername", owner.as_str())])).await
    }

    /// `PUT /pins/{owner}`: exactly these are pinned from now on.
    ///
    /// # Errors
    /// As every call.
    pub async fn set_pins(&self, owner: &OwnerName, pins: &Pins) -> Result<Pins, Error> {
        self.answer(self.own(Method::PUT, &["pins", owner.as_str()])?.json(pins)).await
    }

    /// `POST /webhook/generate/{owner}/{project}`: a new secret for the addresses of the project's webhooks.
    ///
    /// # Errors
    /// As every call.
    pub async fn new_webhook_secret(&self, owner: &OwnerName, project: &ProjectName) -> Result<WebhookSecret, Error> {
        let path = ["webhook", "generate", owner.as_str(), project.as_str()];
        self.answer(self.own(Method::POST, &path)?.header(CONTENT_LENGTH, 0)).await
    }

    /// `GET /project/permissions/get/{owner}/{project}`: users and their roles; only for the project's administrators.
    ///
    /// # Errors
    /// As every call; 404 where nobody has or wants a role.
    pub async fn permissions(&self, owner: &OwnerName, project: &ProjectName) -> Result<Permissions, Error> {
        let path = ["project", "permissions", "get", owner.as_str(), project.as_str()];
        self.answer(self.own(Method::GET, &path)?).await
    }

    /// `PUT /project/permissions/set/{owner}/{project}`: all of it, or nothing.
    ///
    /// # Errors
    /// As every call.
    pub async fn set_permissions(
        &self,
        owner: &OwnerName,
        project: &ProjectName,
        changes: &BTreeMap<String, RolesChange>,
    ) -> Result<(), Error> {
        let path = ["project", "permissions", "set", owner.as_str(), project.as_str()];
        self.answer::<Value>(self.own(Method::PUT, &path)?.json(changes)).await.map(drop)
    }

    /// `PUT /project/permissions/request/{owner}/{project}`: asks for roles, or gives them back.
    ///
    /// # Errors
    /// As every call.
    pub async fn request_permissions(
        &self,
        owner: &OwnerName,
        project: &ProjectName,
        wish: RolesRequest,
    ) -> Result<(), Error> {
        let path = ["project", "permissions", "request", owner.as_str(), project.as_str()];
        self.answer::<Value>(self.own(Method::PUT, &path)?.json(&wish)).await.map(drop)
    }

    /// `GET /project/permissions/can_build_in/{who}/{owner}/{project}`.
    ///
    /// # Errors
    /// As every call.
    pub async fn can_build_in(&self, who: &str, owner: &OwnerName, project: &ProjectName) -> Result<CanBuildIn, Error> {
        let path = ["project", "permissions", "can_build_in", who, owner.as_str(), project.as_str()];
        self.answer(self.own(Method::GET, &path)?).await
    }
}

/// A group's name as it stands in addresses, without its @.
fn bare(group: &OwnerName) -> &str {
    group.as_str().trim_start_matches('@')
}
