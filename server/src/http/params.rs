//! Query strings and JSON bodies, as lenient as Copr's clients need: `None` and empty mean "not sent".

use std::time::Duration;

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

/// The query's parameters, in their order.
#[derive(Debug, Clone, Default)]
pub struct Params(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}

/// Not every database can store it, and nothing that anybody means has it.
const NO_NUL: &str = "A text may not have the character NUL.";

fn sent(value: &str) -> bool {
    !value.is_empty() && value != "None"
}

impl Params {
    fn parse(query: &str) -> Result<Self, ApiError> {
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        match pairs.iter().find(|(name, value)| name.contains('\0') || value.contains('\0')) {
            Some((name, _)) => Err(ApiError::BadRequest(format!("{}: {NO_NUL}", name.replace('\0', "")))),
            None => Ok(Self(pairs)),
        }
    }

    /// A parameter that was sent with a value; of one that is repeated, the last.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rfind(|(key, value)| key == name && sent(value)).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter that may be repeated, as `name=a&name=b`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, value)| key == name && sent(value)).map(|(_, value)| value.as_str())
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
        if parts.uri.query().is_some_and(|query| query.contains("%00")) {
            return Ok(Self::default());
        }
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
    if let Some((key, _)) = object.iter().find(|(key, value)| key.contains('\0') || has_nul(value)) {
        return Err(ApiError::BadRequest(format!("{}: {NO_NUL}", key.replace('\0', ""))));
    }
    // Null is "not sent" everywhere: such keys are dropped before anyone looks.
    object.retain(|_, value| !value.is_null());
    from_object(object).map_err(ApiError::BadRequest)
}

/// An object as what a call takes.
///
/// # Errors
/// What is wrong and where, a line a field.
pub(crate) fn from_object<T: DeserializeOwned>(object: Map<String, Value>) -> Result<T, String> {
    serde_json::from_value(Value::Object(object.clone()))
        .map_err(|error| wrong_fields::<T>(object).unwrap_or_else(|| error.to_string()))
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(list) => list.iter().any(has_nul),
        Value::Object(object) => object.iter().any(|(key, value)| key.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_as_pythons_clients_write_it() {
        let query = "ownername=alice&limit=&order=None&exist_ok=True&verify=False&a%5B%5D=x&limit=7&a[]=y%20z&a[]=&b=1";
        let params = Params::parse(query).unwrap();
        assert_eq!(params.get("ownername"), Some("alice"));
        assert_eq!((params.get("order"), params.get("nothing")), (None, None));
        assert_eq!((params.truth("exist_ok"), params.truth("verify"), params.truth("b")), (true, false, true));
        assert_eq!(params.all("a[]").collect::<Vec<_>>(), ["x", "y z"]);
        assert_eq!((params.get("limit"), params.get("a[]")), (Some("7"), Some("y z")));
        assert!(
            matches!(params.required("order"), Err(ApiError::BadRequest(text)) if text == "Missing argument order")
        );
        assert!(matches!(Params::parse("q=a%00b"), Err(ApiError::BadRequest(text)) if text.starts_with("q: ")));
    }

    #[test]
    fn a_text_with_nul_is_found_however_deep_it_lies() {
        let error = |body: &str| match parse_json::<Value>(body.as_bytes()) {
            Err(ApiError::BadRequest(text)) => text,
            other => panic!("{other:?}"),
        };
        for body in [r#"{"a":"\u0000"}"#, r#"{"a":[1,["x\u0000"]]}"#, r#"{"a":{"b\u0000":1}}"#, r#"{"a\u0000":1}"#] {
            assert!(error(body).starts_with("a: A text may not have"), "{body}");
        }
        assert!(parse_json::<Value>(br#"{"a":null,"b":"x"}"#).unwrap().get("a").is_none());
    }
}
