//! What a caller may do in a project.

use super::{auth::Caller, error::ApiError};
use crate::{
    db::{self, group::Group, permission::Role, project::Project},
    state::AppState,
};

impl Caller {
    /// What it may do in a project: site administrators everything; a token for another project alone, nothing.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn role(&self, state: &AppState, project: &Project) -> Result<Role, ApiError> {
        if self.only.is_some_and(|only| only != project.id) {
            return Ok(Role::Nobody);
        }
        if self.user.admin {
            return Ok(Role::Owner);
        }
        Ok(db::permission::role(&state.db, &self.user, project).await?)
    }

    /// Refuses who may less than `least`; `what` ends the sentence "NAME may not … OWNER/PROJECT".
    ///
    /// # Errors
    /// 403.
    pub async fn require(&self, state: &AppState, project: &Project, least: Role, what: &str) -> Result<(), ApiError> {
        if self.role(state, project).await? >= least {
            return Ok(());
        }
        Err(ApiError::Forbidden(format!(
            "You don't have required permission: {} may not {what} {}.",
            self.user.name,
            project.full_name()
        )))
    }

    /// Refuses a token that is for one project; `what` ends the sentence "a token for one project may not …".
    ///
    /// # Errors
    /// 403.
    pub fn whole(&self, what: &str) -> Result<(), ApiError> {
        match self.only {
            None => Ok(()),
            Some(_) => Err(ApiError::Forbidden(format!(
                "You don't have required permission: a token for one project may not {what}."
            ))),
        }
    }

    /// Refuses who is no administrator of the site, or has a token for one project.
    ///
    /// # Errors
    /// 403.
    pub fn require_site_admin(&self, what: &str) -> Result<(), ApiError> {
        self.whole(what)?;
        if self.user.admin {
            return Ok(());
        }
        Err(ApiError::Forbidden(format!(
            "You don't have required permission: {} may not {what}; administrators of the site may.",
            self.user.name
        )))
    }

    /// Refuses who is neither a reviewer nor an administrator of the site, or has a token for one project.
    ///
    /// # Errors
    /// 403.
    pub fn require_reviewer(&self, what: &str) -> Result<(), ApiError> {
        self.whole(what)?;
        if self.user.admin || self.user.reviewer {
            return Ok(());
        }
        Err(ApiError::Forbidden(format!(
            "You don't have required permission: {} may not {what}; reviewers of the site may.",
            self.user.name
        )))
    }

    /// Refuses who has not accepted the terms that are in force, if there are any.
    ///
    /// # Errors
    /// 403.
    pub async fn require_terms(&self, state: &AppState) -> Result<(), ApiError> {
        let Some(terms) = &state.terms else { return Ok(()) };
        if db::terms::accepted(&state.db, self.user.id, &terms.version).await?.is_some() {
            return Ok(());
        }
        Err(ApiError::Forbidden(format!(
            "{} has not accepted the terms of this site yet: read them at {}/terms/ and accept them there, or with `copr terms \
             accept`.",
            self.user.name, state.base_url
        )))
    }

    /// Refuses who administers neither the group nor the site, or has a token for one project.
    ///
    /// # Errors
    /// 403.
    pub async fn require_group_admin(&self, state: &AppState, group: &Group, what: &str) -> Result<(), ApiError> {
        self.whole(what)?;
        if self.user.admin || db::group::is_admin(&state.db, group.id, self.user.id).await? {
            return Ok(());
        }
        Err(ApiError::Forbidden(format!(
            "You don't have required permission: {} may not {what} {}; its administrators may.",
            self.user.name, group.name
        )))
    }
}
