//! Query strings and JSON bodies, as lenient as Copr's clients need: `None` and empty mean "not sent".

use std::collections::HashMap;

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::request::Parts,
};
use copr_api::{names::NameError, v3::PageMeta};
use serde::de::DeserializeOwned;

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

/// A JSON body, whatever content type it is said to have; an empty one is `{}`.
#[derive(Debug, Clone)]
pub struct JsonBody<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|error| ApiError::BadRequest(format!("request body: {error}")))?;
        parse_json(&bytes).map(Self)
    }
}

/// Parses JSON.
///
/// # Errors
/// 400 with what is wrong and where.
pub(super) fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    // Null is "not sent" everywhere: such keys are dropped before anyone looks.
    let mut value: serde_json::Value = serde_json::from_slice(bytes)
        .map_err(|error| ApiError::BadRequest(format!("The request is not JSON: {error}")))?;
    if let Some(object) = value.as_object_mut() {
        object.retain(|_, value| !value.is_null());
    }
    serde_json::from_value(value).map_err(|error| ApiError::BadRequest(format!("Bad request parameters: {error}")))
}

/// A name from a path or query that leads to something: a malformed one leads nowhere.
///
/// # Errors
/// 404 with `otherwise`.
pub(super) fn name<T: std::str::FromStr<Err = NameError>>(text: &str, otherwise: &str) -> Result<T, ApiError> {
    text.parse().map_err(|_| ApiError::NotFound(otherwise.to_owned()))
}

/// A number from a path.
///
/// # Errors
/// 404: it is none, so there is no such address.
pub(super) fn id(text: &str) -> Result<i64, ApiError> {
    text.parse().map_err(|_| ApiError::no_endpoint())
}
