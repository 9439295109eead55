//! Query strings and JSON bodies, as lenient as Copr's clients need: `None` and empty mean "not sent".

use std::{collections::HashMap, time::Duration};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Query, Request},
    http::{StatusCode, request::Parts},
};
use copr_api::{names::NameError, v3::PageMeta};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::error::ApiError;
use crate::db::Window;

/// The query's parameters; of one that is repeated, the last.
#[derive(Debug, Clone, Default)]
pub struct Params(HashMap<String, String>);

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()))
    }
}

impl Params {
    /// A parameter that was sent with a value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty() && *value != "None")
    }

    /// A parameter that must be there.
    ///
    /// # Errors
    /// 400: it is not.
    pub fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name).ok_or_else(|| ApiError::BadRequest(format!("Missing argument {name}")))
    }

    /// A truth value: `True`, `true`, `1`.
    #[must_use]
    pub fn truth(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
    }

    fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        self.get(name)
            .map(|text| text.parse().map_err(|_| ApiError::BadRequest(format!("{name}: Not a valid integer value."))))
            .transpose()
    }

    /// `limit`, `offset`, `order`, `order_type`: the rows wanted, and the echo that goes back.
    ///
    /// # Errors
    /// 400: a number is none.
    pub fn page(&self) -> Result<(Window, PageMeta), ApiError> {
        let (limit, offset) = (self.number("limit")?, self.number("offset")?.unwrap_or(0));
        let order_type =
            if self.get("order_type").is_some_and(|text| text.eq_ignore_ascii_case("desc")) { "DESC" } else { "ASC" };
        let meta = PageMeta {
            limit,
            offset: Some(offset),
            order: Some(self.get("order").unwrap_or("id").to_owned()),
            order_type: Some(order_type.to_owned()),
        };
        Ok((Window { limit, offset }, meta))
    }
}

/// A query as a struct; one that can't be read is an empty one, for pages that do better than an error.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lenient<T>(pub T);

impl<S: Sync, T: DeserializeOwned + Default> FromRequestParts<S> for Lenient<T> {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(Query::try_from_uri(&parts.uri).map(|Query(query)| query).unwrap_or_default()))
    }
}

/// A JSON body that takes longer than this is not waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A JSON body, whatever content type it is said to have; an empty one is `{}`.
#[derive(Debug, Clone)]
pub struct JsonBody<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = tokio::time::timeout(PATIENCE, Bytes::from_request(request, state))
            .await
            .map_err(|_| ApiError::BadRequest("The request body did not come in time".to_owned()))?
            .map_err(|error| match error.status() {
                StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge("The request body is too long".to_owned()),
                _ => ApiError::BadRequest(format!("The request body is broken: {}", error.body_text())),
            })?;
        parse_json(&bytes).map(Self)
    }
}

/// Parses a JSON object.
///
/// # Errors
/// 400 with what is wrong and where, a line a field.
pub(super) fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let bytes = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
    let mut object = match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => object,
        Ok(Value::Null) => Map::new(),
        Ok(_) => return Err(ApiError::BadRequest("The request must be a JSON object".to_owned())),
        Err(error) => return Err(ApiError::BadRequest(format!("The request is not JSON: {error}"))),
    };
    // Null is "not sent" everywhere: such keys are dropped before anyone looks.
    object.retain(|_, value| !value.is_null());
    serde_json::from_value(Value::Object(object.clone()))
        .map_err(|error| ApiError::BadRequest(wrong_fields::<T>(object).unwrap_or_else(|| error.to_string())))
}

/// The fields that can't be what they should be: each is tried alone, as the parser itself names none.
fn wrong_fields<T: DeserializeOwned>(object: Map<String, Value>) -> Option<String> {
    let lines: Vec<String> = object
        .into_iter()
        .filter_map(|(key, value)| {
            let error = serde_json::from_value::<T>(json!({ key.as_str(): value })).err()?.to_string();
            // What is missing beside it is not this field's fault.
            (!error.starts_with("missing field")).then(|| format!("{key}: {error}"))
        })
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// A name from a path or query that leads to something: a malformed one leads nowhere.
///
/// # Errors
/// 404 with `otherwise`.
pub(super) fn name<T: std::str::FromStr<Err = NameError>>(text: &str, otherwise: &str) -> Result<T, ApiError> {
    text.parse().map_err(|_| ApiError::NotFound(otherwise.to_owned()))
}

/// A number from a query.
///
/// # Errors
/// 400: it is none.
pub(super) fn number(field: &str, text: &str) -> Result<i64, ApiError> {
    text.parse().map_err(|_| ApiError::BadRequest(format!("{field}: Not a valid integer value.")))
}

/// A number from a path.
///
/// # Errors
/// 404: it is none, so there is no such address.
pub(super) fn id(text: &str) -> Result<i64, ApiError> {
    text.parse().map_err(|_| ApiError::no_endpoint())
}
