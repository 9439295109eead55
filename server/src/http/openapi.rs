//! The description of the API, in `OpenAPI` 3.1: made of the table of addresses and of the types on the wire.

use std::{collections::BTreeSet, sync::LazyLock};

use axum::{
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use copr_api::v3::ErrorBody;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::table::{API, Body, Kind, Parameter, Route, Who};

/// A sentence.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// The sentence.
    pub message: String,
}

/// What came of a report.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Reported {
    /// Its number.
    pub id: i64,
    /// A sentence.
    pub message: String,
}

/// Body of `DELETE /project/delete/{owner}/{project}`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Confirmed {
    /// Must be true.
    pub verify: bool,
}

/// Body of `POST /project/fork/{owner}/{project}`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ForkTo {
    /// The new project's name; null: the same.
    #[serde(default)]
    pub name: Option<String>,
    /// The new project's owner; null: the caller.
    #[serde(default)]
    pub ownername: Option<String>,
    /// Whether it may go into a project that is there already.
    #[serde(default)]
    pub confirm: Option<bool>,
}

/// Whether something has changed.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Updated {
    /// Whether it has.
    pub updated: bool,
}

/// Whose roles have changed.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct UpdatedUsers {
    /// User names.
    pub updated: Vec<String>,
}

const ABOUT: &str = "The API of a Copr hub, version 3: what copr-cli, python-copr and the DNF plugins call.\n\n\
    Every answer is JSON. An error is an object with the key `error`, one message a line. Null and absent mean the same in bodies; \
    unknown keys are passed over; numbers may come as text, and lists as one text with words between blanks. Every address may have \
    a slash at its end, and `POST` does what `PUT` and `DELETE` do, for old clients. Whether the caller is known is decided before \
    any of a body is read.";

/// The document.
#[must_use]
pub fn document() -> Value {
    let settings = |settings: SchemaSettings| {
        settings.with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
    };
    let mut sent = settings(SchemaSettings::draft2020_12().for_deserialize()).into_generator();
    let mut given = settings(SchemaSettings::draft2020_12().for_serialize()).into_generator();
    let error = given.subschema_for::<ErrorBody>();
    let mut paths = Map::new();
    for route in API.iter().flat_map(|group| group.iter()).filter(|route| route.who != Who::Nobody) {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_ascii_lowercase()] = operation(route, &mut sent, &mut given, &error);
    }
    let mut schemas = sent.take_definitions(true);
    for (name, schema) in given.take_definitions(true) {
        // What goes both ways has two forms only where they differ.
        match schemas.get(&name) {
            Some(other) if *other != schema => {
                tracing::debug!(name, "a type has two forms; the one that is sent back is described");
            }
            _ => {}
        }
        schemas.insert(name, schema);
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Copr", "version": "3", "description": ABOUT },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": { "type": "http", "scheme": "basic", "description": "`login` and `token` of an API token" },
            },
        },
    })
}

/// `GET /api_3/openapi.json`.
pub async fn serve() -> Response {
    static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());
    ([(CONTENT_TYPE, "application/json")], TEXT.as_str()).into_response()
}

fn operation(route: &Route, sent: &mut SchemaGenerator, given: &mut SchemaGenerator, error: &Schema) -> Value {
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.summary,
        "description": who(route.who),
        "tags": [route.path.split('/').nth(2).unwrap_or("site")],
        "responses": responses(route, given, error),
    });
    let in_path = route.path_parameters().map(path_parameter);
    let parameters: Vec<Value> = in_path.chain(route.parameters().map(query_parameter)).collect();
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(body) = request_body(&route.body, sent) {
        operation["requestBody"] = body;
    }
    if route.who != Who::Anyone {
        operation["security"] = json!([{ "token": [] }]);
    }
    operation
}

/// `put_project_edit` for `PUT /api_3/project/edit/{owner}/{project}`.
fn operation_id(route: &Route) -> String {
    let words = route.path.split('/').skip(2).filter(|part| !part.starts_with('{'));
    let words: Vec<String> = words.map(|part| part.replace(['-', '.'], "_")).collect();
    let by_number = if route.path.ends_with("{id}") { "_by_id" } else { "" };
    let words = if words.is_empty() { "version".to_owned() } else { words.join("_") };
    format!("{}_{words}{by_number}", route.method.to_ascii_lowercase())
}

fn who(who: Who) -> &'static str {
    use crate::db::permission::Role;
    match who {
        Who::Anyone => "For everyone.",
        Who::User => "For every user.",
        Who::WholeUser => "For every user; not with a token for one project.",
        Who::Oneself => "For the user whose it is, and administrators of the site; not with a token for one project.",
        Who::InProject(Role::Nobody) => "For every user, about a project.",
        Who::InProject(Role::Builder) => "For those who may build in the project.",
        Who::InProject(Role::Admin) => "For the administrators of the project.",
        Who::InProject(Role::Owner) => "For the owner of the project: the user, or members of the group.",
        Who::Namespace => "For the owner himself, or members of the group; not with a token for one project.",
        Who::Host => "For the user himself, or administrators of the group; not with a token for one project.",
        Who::GroupAdmin => "For administrators of the group; not with a token for one project.",
        Who::Reviewer => "For reviewers and administrators of the site; not with a token for one project.",
        Who::SiteAdmin => "For administrators of the site; not with a token for one project.",
        Who::Builder => "For builders.",
        Who::Nobody => "Not supported here.",
    }
}

/// A name as `copr_api::names` takes it, without what may stand before it.
const PLAIN: &str = "[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}";

fn name_schema(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Owner | Kind::Group => json!({ "type": "string", "pattern": format!("^@?{PLAIN}$") }),
        Kind::Project => json!({ "type": "string", "pattern": format!("^(?![0-9]+$){PLAIN}$") }),
        Kind::Chroot => json!({ "type": "string", "pattern": "^[A-Za-z0-9_]+(-[A-Za-z0-9_]+){2,}$" }),
        Kind::Number => json!({ "type": "integer", "format": "int64" }),
        Kind::Count => json!({ "type": "integer", "format": "int64", "minimum": 0 }),
        Kind::Truth => json!({ "type": "string", "enum": ["True", "False"] }),
        Kind::Direction => json!({ "type": "string", "enum": ["ASC", "DESC"] }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
    }
}

fn path_parameter(name: &str) -> Value {
    let schema = match name {
        "owner" => name_schema(Kind::Owner),
        "group" => name_schema(Kind::Group),
        "project" => name_schema(Kind::Project),
        "chroot" => name_schema(Kind::Chroot),
        "id" => name_schema(Kind::Number),
        "type" => json!({ "type": "string", "enum": ["scm", "link", "upload", "None"] }),
        "dirname" => json!({ "type": "string", "pattern": format!("^{PLAIN}(:custom:{PLAIN}|:pr:[0-9]+)?$") }),
        "name" => json!({ "type": "string", "pattern": "^[-+_.a-zA-Z0-9]+$" }),
        _ => json!({ "type": "string", "minLength": 1, "pattern": "^[^/]+$" }),
    };
    json!({ "name": name, "in": "path", "required": true, "schema": schema })
}

fn query_parameter(parameter: &Parameter) -> Value {
    json!({
        "name": parameter.name, "in": "query", "required": parameter.required, "description": parameter.summary,
        "schema": name_schema(parameter.kind),
    })
}

fn request_body(body: &Body, sent: &mut SchemaGenerator) -> Option<Value> {
    let json_of = |schema: Schema| json!({ "schema": schema });
    match *body {
        Body::None | Body::Bytes => None,
        Body::Json(shape) => Some(json!({ "required": true, "content": { "application/json": json_of(shape(sent)) } })),
        Body::Form { json, files, needed } => {
            let file =
                json!({ "type": "string", "format": "binary", "description": "comes before `json`; has a file name" });
            let mut required = vec!["json"];
            if needed {
                required.push(files);
            }
            let form =
                json!({ "type": "object", "properties": { files: file, "json": json(sent) }, "required": required });
            let encoding = json!({ "json": { "contentType": "application/json" } });
            let mut content = json!({ "multipart/form-data": { "schema": form, "encoding": encoding } });
            if !needed {
                content["application/json"] = json_of(json(sent));
            }
            Some(json!({ "required": true, "content": content }))
        }
    }
}

fn responses(route: &Route, given: &mut SchemaGenerator, error: &Schema) -> Value {
    let success = route.reply.map_or_else(|| json!(true), |shape| json!(shape(given)));
    let mut responses =
        json!({ "200": { "description": "Done.", "content": { "application/json": { "schema": success } } } });
    for (status, text) in refusals(route) {
        responses[status.to_string()] =
            json!({ "description": text, "content": { "application/json": { "schema": error } } });
    }
    responses
}

/// With which statuses a call may be refused, and why.
fn refusals(route: &Route) -> BTreeSet<(u16, &'static str)> {
    let mut all: BTreeSet<(u16, &'static str)> = route.refusals.iter().copied().collect();
    all.insert((400, "The request makes no sense; a line a fault."));
    all.insert((429, "Too many requests; `Retry-After` says when to come again."));
    if route.who != Who::Anyone {
        all.insert((401, "The login or token is wrong or has expired; decided before any of the body is read."));
        all.insert((403, "The caller may not."));
    }
    if route.path_parameters().next().is_some()
        || route.parameters().any(|parameter| parameter.required && parameter.kind != Kind::Text)
        || !matches!(route.body, Body::None)
    {
        all.insert((404, "There is no such thing."));
    }
    if !matches!(route.body, Body::None) {
        all.insert((413, "The body is too long."));
    }
    all
}
