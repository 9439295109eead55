//! Every address of the API in one table: who may call it, what it takes and what it answers. The description of the API is made of
//! it, and the test of who may call what.

use schemars::{JsonSchema, Schema, SchemaGenerator};

pub use crate::db::permission::Role;

mod api;
mod builder;

pub use api::API;
pub use builder::BUILDER;

/// Who may call an address; everybody else is told 401 (not known) or 403 (known, and not allowed).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Everyone, known or not.
    Anyone,
    /// Every user, with any token.
    User,
    /// Every user, but not with a token that is for one project.
    WholeUser,
    /// The user whose the thing is that the call is about, and site administrators; with no token for one project.
    Oneself,
    /// Who has this role, or a higher one, in the project that the call is about. Site administrators own all projects.
    InProject(Role),
    /// The user who is named as the owner, members of the group that is, and site administrators; with no token for one project.
    Namespace,
    /// The user who is named as the owner, administrators of the group that is, and site administrators; with no token for one
    /// project.
    Host,
    /// Administrators of the group that the call is about, and site administrators; with no token for one project.
    GroupAdmin,
    /// Reviewers of licences and site administrators; with no token for one project.
    Reviewer,
    /// Site administrators; with no token for one project.
    SiteAdmin,
    /// Builders, who have a token of their own.
    Builder,
    /// Nobody: Copr has it and this server has not. Whoever calls is told so; it is no part of the description.
    Nobody,
}

/// What a schema is made by.
pub type Shape = fn(&mut SchemaGenerator) -> Schema;

/// The schema of a type on the wire.
const fn of<T: JsonSchema>() -> Shape {
    SchemaGenerator::subschema_for::<T>
}

/// What is read of a request's body.
#[derive(Debug, Clone, Copy)]
pub enum Body {
    /// Nothing.
    None,
    /// A JSON object.
    Json(Shape),
    /// A form with files, and a part `json` after them.
    Form {
        /// The part `json`.
        json: Shape,
        /// Name of the files' parts.
        files: &'static str,
        /// Whether there must be one.
        needed: bool,
    },
    /// Bytes.
    Bytes,
}

/// What a query's parameter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// The owner of projects: a user, or a group as `@name`.
    Owner,
    /// The name of a group, with or without `@`.
    Group,
    /// The name of a project.
    Project,
    /// A chroot's name.
    Chroot,
    /// The number of something.
    Number,
    /// How many: no less than nothing.
    Count,
    /// `True` or `False`.
    Truth,
    /// `ASC` or `DESC`.
    Direction,
    /// Texts; the parameter is repeated.
    Texts,
}

/// A parameter of a query.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Whether the call makes no sense without it.
    pub required: bool,
    /// What it is for.
    pub summary: &'static str,
}

const fn must(name: &'static str, kind: Kind, summary: &'static str) -> Parameter {
    Parameter { name, kind, required: true, summary }
}

const fn may(name: &'static str, kind: Kind, summary: &'static str) -> Parameter {
    Parameter { name, kind, required: false, summary }
}

/// One address.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: &'static str,
    /// As the router knows it, without a slash at its end.
    pub path: &'static str,
    /// Who may call it.
    pub who: Who,
    /// Its query's parameters, in groups.
    pub query: &'static [&'static [Parameter]],
    /// What is read of its body.
    pub body: Body,
    /// What a success is; `None`: bytes, or nothing.
    pub reply: Option<Shape>,
    /// What it is for, as a sentence part.
    pub summary: &'static str,
    /// Further statuses of refusals, with what they mean. 400, 401, 403, 404 and 413 follow from the rest.
    pub refusals: &'static [(u16, &'static str)],
}

impl Route {
    const fn new(method: &'static str, path: &'static str, who: Who, summary: &'static str) -> Self {
        Self { method, path, who, query: &[], body: Body::None, reply: None, summary, refusals: &[] }
    }

    const fn get(path: &'static str, who: Who, summary: &'static str) -> Self {
        Self::new("GET", path, who, summary)
    }

    const fn post(path: &'static str, who: Who, summary: &'static str) -> Self {
        Self::new("POST", path, who, summary)
    }

    const fn put(path: &'static str, who: Who, summary: &'static str) -> Self {
        Self::new("PUT", path, who, summary)
    }

    const fn delete(path: &'static str, who: Who, summary: &'static str) -> Self {
        Self::new("DELETE", path, who, summary)
    }

    const fn query(self, query: &'static [&'static [Parameter]]) -> Self {
        Self { query, ..self }
    }

    const fn json(self, shape: Shape) -> Self {
        Self { body: Body::Json(shape), ..self }
    }

    const fn form(self, files: &'static str, needed: bool, json: Shape) -> Self {
        Self { body: Body::Form { json, files, needed }, ..self }
    }

    const fn bytes(self) -> Self {
        Self { body: Body::Bytes, ..self }
    }

    const fn gives(self, shape: Shape) -> Self {
        Self { reply: Some(shape), ..self }
    }

    const fn or(self, refusals: &'static [(u16, &'static str)]) -> Self {
        Self { refusals, ..self }
    }

    /// Names of what stands in the path, in order.
    pub fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    /// All parameters of the query.
    pub fn parameters(&self) -> impl Iterator<Item = &'static Parameter> {
        self.query.iter().flat_map(|group| group.iter())
    }
}

/// Every address: the API's, then the builders'.
pub fn all() -> impl Iterator<Item = &'static Route> {
    API.iter().flat_map(|group| group.iter()).chain(BUILDER)
}
