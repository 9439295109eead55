//! Lists that are as long as their caller likes: read and sent some rows at a time, so that a hundred thousand of them need the memory
//! of those only.

use std::io;

use axum::{
    Json,
    body::Body,
    http::header::CONTENT_TYPE,
    response::{IntoResponse as _, Response},
};
use copr_api::v3::{Page, PageMeta};
use futures_util::stream;
use serde::Serialize;

use crate::{db::Window, http::error::ApiError};

/// Rows that are read at a time.
const ROWS: u64 = 500;

/// The next rows of a window behind the `last` that was read, and what is left of it; `None`: they were the last.
async fn next<T, R>(
    window: Window,
    last: Option<&T>,
    read: &mut impl FnMut(Window, Option<&T>) -> R,
) -> Result<(Vec<T>, Option<Window>), ApiError>
where
    R: Future<Output = Result<Vec<T>, ApiError>>,
{
    let most = window.limit.map_or(ROWS, |limit| limit.min(ROWS));
    let rows = read(Window { limit: Some(most), offset: window.offset }, last).await?;
    let limit = window.limit.map(|limit| limit - most);
    let ended = limit == Some(0) || u64::try_from(rows.len()).is_ok_and(|count| count < most);
    Ok((rows, (!ended).then(|| Window { limit, offset: window.offset.saturating_add(most) })))
}

/// Answers with the rows of a window, which `read` gives some at a time: those of a window, or as many behind the row that it gave last,
/// which a long list is faster with.
///
/// # Errors
/// Those of the first rows; one of later rows cuts the answer off.
pub(super) async fn page<T, R>(
    window: Window,
    meta: PageMeta,
    mut read: impl FnMut(Window, Option<&T>) -> R + Send + 'static,
) -> Result<Response, ApiError>
where
    T: Serialize + Send + Sync + 'static,
    R: Future<Output = Result<Vec<T>, ApiError>> + Send + 'static,
{
    let first = match next(window, None, &mut read).await? {
        (items, None) => return Ok(Json(Page { items, meta }).into_response()),
        first => first,
    };
    let end =
        format!("],\"meta\":{}}}", serde_json::to_string(&meta).map_err(|error| ApiError::Internal(error.into()))?);
    let begun = (Some(first), "{\"items\":[", read, end);
    let pieces = stream::try_unfold(begun, |(rows, mut before, mut read, end)| async move {
        let Some((rows, left)) = rows else { return Ok::<_, io::Error>(None) };
        let mut piece = String::new();
        for row in &rows {
            piece.push_str(before);
            piece.push_str(&serde_json::to_string(row)?);
            before = ",";
        }
        let more = match left {
            Some(window) => Some(next(window, rows.last(), &mut read).await.map_err(cut_off)?),
            None => {
                piece.push_str(&end);
                None
            }
        };
        Ok(Some((piece, (more, before, read, end))))
    });
    Ok(([(CONTENT_TYPE, "application/json")], Body::from_stream(pieces)).into_response())
}

/// The answer has begun: its end is all that can be said of the error, whose reason goes to the log.
fn cut_off(error: ApiError) -> io::Error {
    let _ = error.into_response();
    io::Error::other("the rest of the list could not be read")
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use serde_json::{Value, json};

    use super::*;

    async fn answer(there: u64, window: Window) -> Value {
        let read = move |window: Window, last: Option<&u64>| {
            assert!(last.is_none_or(|last| last + 1 == window.offset));
            async move {
                let end = there.min(window.offset + window.limit.unwrap());
                assert!(window.limit.unwrap() <= ROWS);
                Ok((window.offset..end).collect::<Vec<u64>>())
            }
        };
        let meta = PageMeta { limit: window.limit, ..PageMeta::default() };
        let answer = page(window, meta, read).await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/json");
        serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }

    #[tokio::test]
    async fn a_list_has_all_rows_of_its_window_however_many_they_are() {
        for (there, limit, offset) in [
            (0, None, 0),
            (3, None, 0),
            (499, None, 0),
            (500, None, 0),
            (501, None, 0),
            (1700, None, 5),
            (1700, Some(1000), 3),
            (1700, Some(1500), 900),
            (1700, Some(0), 0),
            (1700, None, 5000),
        ] {
            let end = limit.map_or(there, |limit: u64| there.min(offset + limit));
            let expected: Vec<u64> = (offset..end.max(offset)).collect();
            let answer = answer(there, Window { limit, offset }).await;
            assert_eq!(answer["items"], json!(expected), "{there} {limit:?} {offset}");
            assert_eq!(answer["meta"]["limit"], json!(limit));
        }
    }

    #[tokio::test]
    async fn an_error_within_a_list_cuts_the_answer_off() {
        let read = |window: Window, _: Option<&i32>| async move {
            if window.offset > 0 { Err(ApiError::NotFound("gone".to_owned())) } else { Ok(vec![1; 500]) }
        };
        let answer = page(Window::default(), PageMeta::default(), read).await.unwrap();
        assert!(answer.into_body().collect().await.is_err());
    }
}
