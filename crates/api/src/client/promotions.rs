//! Promotions from project to project, and what a project asks of them.

use reqwest::{Method, header::CONTENT_LENGTH};

use super::{Client, Error};
use crate::{
    names::{OwnerName, ProjectName},
    v3::{Gates, GatesEdit, Promotion, PromotionReason, PromotionWish, VoteWish},
};

impl Client {
    /// `GET /project/gates`: what a project asks of what is not built in it.
    ///
    /// # Errors
    /// As every call.
    pub async fn gates(&self, owner: &OwnerName, project: &ProjectName) -> Result<Gates, Error> {
        let query = [("ownername", owner.as_str()), ("projectname", project.as_str())];
        self.answer(self.request(Method::GET, &["project", "gates"])?.query(&query)).await
    }

    /// `PUT /project/gates/{owner}/{project}`: the gates as they are then.
    ///
    /// # Errors
    /// As every call.
    pub async fn edit_gates(&self, owner: &OwnerName, project: &ProjectName, edit: &GatesEdit) -> Result<Gates, Error> {
        let path = ["project", "gates", owner.as_str(), project.as_str()];
        self.answer(self.own(Method::PUT, &path)?.json(edit)).await
    }

    /// `POST /promotion/new/{owner}/{project}`: asks for builds of another project to come into this one.
    ///
    /// # Errors
    /// As every call.
    pub async fn promote(
        &self,
        owner: &OwnerName,
        project: &ProjectName,
        wish: &PromotionWish,
    ) -> Result<Promotion, Error> {
        let path = ["promotion", "new", owner.as_str(), project.as_str()];
        // What would break takes its time.
        let request = self.with_credentials(self.patient.request(Method::POST, self.url(&path)?))?;
        self.answer(request.json(wish)).await
    }

    /// `GET /promotion/{id}`.
    ///
    /// # Errors
    /// As every call.
    pub async fn promotion(&self, id: i64) -> Result<Promotion, Error> {
        self.answer(self.request(Method::GET, &["promotion", &id.to_string()])?).await
    }

    /// `GET /promotion/list`: promotions into and out of a project, newest first.
    ///
    /// # Errors
    /// As every call.
    pub async fn promotions(
        &self,
        owner: &OwnerName,
        project: &ProjectName,
        state: Option<&str>,
    ) -> Result<Vec<Promotion>, Error> {
        let mut query = vec![("ownername", owner.to_string()), ("projectname", project.to_string())];
        query.extend(state.map(|state| ("state", state.to_owned())));
        self.pages(&["promotion", "list"], &query).await
    }

    /// `POST /promotion/vote/{id}`.
    ///
    /// # Errors
    /// As every call; 409 when it does not wait any more.
    pub async fn vote_on_promotion(&self, id: i64, wish: &VoteWish) -> Result<Promotion, Error> {
        self.answer(self.own(Method::POST, &["promotion", "vote", &id.to_string()])?.json(wish)).await
    }

    /// `PUT /promotion/approve/{id}`.
    ///
    /// # Errors
    /// As every call; 409 when it does not wait any more.
    pub async fn approve_promotion(&self, id: i64) -> Result<Promotion, Error> {
        let request = self.own(Method::PUT, &["promotion", "approve", &id.to_string()])?;
        self.answer(request.header(CONTENT_LENGTH, 0)).await
    }

    /// `PUT /promotion/override/{id}`.
    ///
    /// # Errors
    /// As every call; 409 when it does not wait any more.
    pub async fn override_promotion(&self, id: i64, reason: &str) -> Result<Promotion, Error> {
        let body = PromotionReason { reason: reason.to_owned() };
        self.answer(self.own(Method::PUT, &["promotion", "override", &id.to_string()])?.json(&body)).await
    }

    /// `PUT /promotion/cancel/{id}`.
    ///
    /// # Errors
    /// As every call; 409 when it is too late.
    pub async fn cancel_promotion(&self, id: i64, reason: &str) -> Result<Promotion, Error> {
        let body = PromotionReason { reason: reason.to_owned() };
        self.answer(self.own(Method::PUT, &["promotion", "cancel", &id.to_string()])?.json(&body)).await
    }
}
