//! Who may do what: tokens, groups, roles in projects, webhook secrets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::number_or_text;
#[cfg(feature = "schema")]
use super::schema::Number;
use crate::names::{OwnerName, ProjectName, Secret};

/// `POST /api-token` and `POST /api-token/new`: a new token of the caller's.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ApiToken {
    /// User name of HTTP Basic.
    pub api_login: String,
    /// Its password.
    pub api_token: Secret,
    /// Day on which it ends, `YYYY-MM-DD`.
    pub expiration: String,
}

/// Body of `POST /api-token/new`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct TokenWish {
    /// What the caller calls it, e.g. `laptop`.
    pub label: String,
    /// The only project that it is good for, `owner/name`; null: all that the caller may.
    pub project: Option<String>,
    /// Days that it is valid; null: as long as any other.
    #[serde(deserialize_with = "number_or_text")]
    #[cfg_attr(feature = "schema", schemars(with = "Number"))]
    pub days: Option<i64>,
}

/// One token of `GET /api-token/list`. Its secret is told only once, when it is made.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Token {
    /// User name of HTTP Basic.
    pub api_login: String,
    /// What the user calls it; may be empty.
    pub label: String,
    /// The only project that it is good for, `owner/name`.
    pub project: Option<String>,
    /// Unix seconds.
    pub created_on: i64,
    /// When it was used last, to a minute; Unix seconds.
    pub used_on: Option<i64>,
    /// Day on which it ends, `YYYY-MM-DD`.
    pub expiration: String,
    /// Whether it has ended.
    pub expired: bool,
}

/// One group of `GET /group/list`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GroupSummary {
    /// `@name`, the owner of its projects.
    pub name: OwnerName,
    /// How many members it has.
    pub members: i64,
    /// How many projects it owns.
    pub projects: i64,
}

/// `GET /group`: a group with its members.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Group {
    /// Its number.
    pub id: i64,
    /// `@name`, the owner of its projects.
    pub name: OwnerName,
    /// What the identity provider calls it: whom that puts there is a member.
    pub claim: Option<String>,
    /// Unix seconds.
    pub created_on: i64,
    /// How many projects it owns.
    pub projects: i64,
    /// User name to membership.
    pub members: BTreeMap<String, Membership>,
}

/// What a user is in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Membership {
    /// May say who else is a member.
    pub admin: bool,
    /// Is a member as long as the identity provider says so.
    pub claimed: bool,
    /// Unix seconds.
    pub since: i64,
}

/// Body of `POST /group/add/{group}`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct GroupAdd {
    /// What the identity provider calls the group; only administrators of the site may say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<String>,
}

/// What `PUT /group/members/{group}` says of one user: what is not said stays as it is. Who administers a group is a member.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct MemberChange {
    /// Whether the user is a member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<bool>,
    /// Whether the user administers the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<bool>,
}

/// `GET /pins` and body of `PUT /pins/{owner}`: the projects that stand first on the pages of a user or group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pins {
    /// `owner/name` of each, in the order in which they are shown.
    pub projects: Vec<String>,
}

/// How far a role is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// Not at all.
    #[default]
    Nothing,
    /// Asked for.
    Request,
    /// Given.
    Approved,
}

impl Permission {
    /// The word on the wire and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Request => "request",
            Self::Approved => "approved",
        }
    }
}

/// A user's roles in a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Roles {
    /// May change the project.
    pub admin: Permission,
    /// May build in it.
    pub builder: Permission,
}

/// `GET /project/permissions/get/{owner}/{project}`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Permissions {
    /// User name to roles.
    pub permissions: BTreeMap<String, Roles>,
}

/// What `PUT /project/permissions/set` says of one user: a role that is not named stays as it is.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct RolesChange {
    /// May change the project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<Permission>,
    /// May build in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub builder: Option<Permission>,
}

/// Body of `PUT /project/permissions/request/{owner}/{project}`: what the caller asks for, or no more asks for.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct RolesRequest {
    /// To change the project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<bool>,
    /// To build in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub builder: Option<bool>,
}

/// `GET /project/permissions/can_build_in/{who}/{owner}/{project}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CanBuildIn {
    /// User.
    pub who: String,
    /// Project's owner.
    pub ownername: OwnerName,
    /// Project's name.
    pub projectname: ProjectName,
    /// Whether that user may.
    pub can_build_in: bool,
}

/// `POST /webhook/generate/{owner}/{project}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WebhookSecret {
    /// The project's number.
    pub id: i64,
    /// Project's name.
    pub name: ProjectName,
    /// Project's owner.
    pub ownername: OwnerName,
    /// `owner/name`.
    pub full_name: String,
    /// A UUID.
    pub webhook_secret: Secret,
}
