//! `/results/…`: the repositories and the files of builds, as dnf, wget and browsers fetch them.

use std::{ffi::OsStr, io};

use askama::Template;
use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{
            ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
            CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED,
            LOCATION, RANGE, VARY, X_CONTENT_TYPE_OPTIONS,
        },
    },
    response::{Html, IntoResponse, Response},
};
use copr_api::names::{DirName, OwnerName};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::release;
use crate::{
    db,
    http::error::ApiError,
    state::AppState,
    store::{Entry, FileToRead, Found, Store, Want},
    web::{self, frame::Wants, text},
};

/// The file that tells what a folder is, in every folder of a project that says something of itself.
const DESCRIPTION: &str = ".description";

/// What a file of someone's build may do in a browser: nothing.
const FILE_POLICY: &str = "default-src 'none'; sandbox";

#[derive(Debug, Template, Serialize)]
#[template(path = "listing.html")]
struct Listing {
    path: String,
    #[serde(skip)]
    parent: bool,
    /// Paragraphs of the project's description, without its links: programs follow all that a listing has.
    description: Vec<String>,
    entries: Vec<Line>,
    /// There are more.
    cut: bool,
}

#[derive(Debug, Serialize)]
struct Line {
    href: String,
    /// With a slash behind that of a folder.
    #[serde(rename = "name")]
    label: String,
    #[serde(skip)]
    size: String,
    /// `None`: a folder.
    bytes: Option<u64>,
    /// UTC.
    changed: String,
}

/// What a path leads to.
enum Answer {
    File { file: FileToRead, name: String, gzip: bool },
    Folder { entries: Vec<Entry>, cut: bool },
    Moved(String),
    Nothing,
}

/// `GET /results/{*path}`.
///
/// # Errors
/// The disk can't be read.
pub(super) async fn serve(
    State(state): State<AppState>,
    method: Method,
    Path(path): Path<String>,
    wants: Wants,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if let Some(why) = state.takedowns.of_path(&path).await? {
        return Ok(web::taken_down(&state, &why));
    }
    if let Some(folder) = path.strip_suffix(DESCRIPTION).filter(|folder| folder.ends_with('/')) {
        return described(&state, folder).await;
    }
    let path = release::behind(&state, &path).await?.unwrap_or(path);
    let conditions = [RANGE, IF_NONE_MATCH, IF_MODIFIED_SINCE];
    let facts = method == Method::HEAD || conditions.iter().any(|name| headers.contains_key(name));
    let want = if facts { Want::Facts } else { Want::Everything };
    match find(&state.store, &path, want, accepts_gzip(&headers)).await? {
        Answer::File { file, name, gzip } => send(&method, &headers, file, &name, gzip).await,
        Answer::Folder { entries, cut } => {
            let description = description(&state, &path).await?;
            listing(&path, &description.unwrap_or_default(), &entries, cut, wants)
        }
        Answer::Moved(to) => Ok((StatusCode::FOUND, [(LOCATION, to)]).into_response()),
        Answer::Nothing => Ok(web::not_found(&state, "There is no such file among the results.")),
    }
}

async fn find(store: &Store, path: &str, want: Want, gzip_accepted: bool) -> io::Result<Answer> {
    let slash = path.ends_with('/');
    let bare = path.strip_suffix('/').unwrap_or(path);
    let name = bare.rsplit('/').next().unwrap_or_default().to_owned();
    match store.find(path, want).await? {
        Found::File(_) if slash => Ok(Answer::Nothing),
        Found::File(file) => {
            // A compressed log is still a log: browsers show it, wget keeps it as it is.
            let gzip = name.ends_with(".log.gz");
            Ok(Answer::File { file, name, gzip })
        }
        // Relative links work from an address that ends with a slash only.
        Found::Folder(_) if !slash => Ok(Answer::Moved(format!("{}/", text::encode(&name)))),
        Found::Folder(folder) => folder.list().await.map(|(entries, cut)| Answer::Folder { entries, cut }),
        Found::Nothing if slash => Ok(Answer::Nothing),
        Found::Nothing if name.ends_with(".log") => match store.find(&format!("{bare}.gz"), want).await? {
            Found::File(file) if gzip_accepted => Ok(Answer::File { file, name, gzip: true }),
            Found::File(_) => Ok(Answer::Moved(format!("{}.gz", text::encode(&name)))),
            _ => Ok(Answer::Nothing),
        },
        Found::Nothing => match bare.strip_suffix(".gz") {
            Some(log) if log.ends_with(".log") => match store.find(log, Want::Facts).await? {
                Found::File(_) => Ok(Answer::Moved(text::encode(name.strip_suffix(".gz").unwrap_or(&name)))),
                _ => Ok(Answer::Nothing),
            },
            _ => Ok(Answer::Nothing),
        },
    }
}

/// The project's description, for a folder of its results that is there; `None`: it has none.
async fn description(state: &AppState, folder: &str) -> Result<Option<String>, ApiError> {
    let mut parts = folder.split('/');
    let (Some(Ok(owner)), Some(Ok(dirname))) =
        (parts.next().map(str::parse::<OwnerName>), parts.next().map(str::parse::<DirName>))
    else {
        return Ok(None);
    };
    let project = db::project::get(&state.db, &owner, &dirname.project()).await?;
    Ok(project.and_then(|of| of.description).filter(|text| !text.trim().is_empty()))
}

/// `….description` of a folder: its text, one for people and for programs that list folders.
async fn described(state: &AppState, folder: &str) -> Result<Response, ApiError> {
    let there = matches!(state.store.find(folder, Want::Facts).await?, Found::Folder(_));
    let Some(text) = (if there { description(state, folder).await? } else { None }) else {
        return Ok(web::not_found(state, "This folder has no description."));
    };
    let plain: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, FILE_POLICY),
        (CACHE_CONTROL, "no-cache"),
    ];
    Ok((headers, format!("{}\n", plain.trim_end())).into_response())
}

fn listing(path: &str, description: &str, entries: &[Entry], cut: bool, wants: Wants) -> Result<Response, ApiError> {
    let lines = entries.iter().map(|entry| {
        let slash = if entry.folder { "/" } else { "" };
        Line {
            href: format!("{}{slash}", text::encode(&entry.name)),
            label: format!("{}{slash}", entry.name),
            bytes: (!entry.folder).then_some(entry.size),
            size: if entry.folder { String::new() } else { text::size(entry.size) },
            changed: stamp(entry.mtime, "%Y-%m-%d %H:%M"),
        }
    });
    let page = Listing {
        path: format!("/results/{path}"),
        parent: path.trim_end_matches('/').contains('/'),
        description: web::markdown::plain(description)
            .split("\n\n")
            .map(|paragraph| paragraph.trim().to_owned())
            .filter(|paragraph| !paragraph.is_empty())
            .collect(),
        entries: lines.collect(),
        cut,
    };
    let body = match wants {
        Wants::Html => Html(page.render().map_err(|error| ApiError::Internal(error.into()))?).into_response(),
        Wants::Json => Json(page).into_response(),
    };
    let headers = [
        (CONTENT_SECURITY_POLICY, web::POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-cache"),
        (VARY, "accept"),
    ];
    Ok((headers, body).into_response())
}

/// The media type of a file. Pages and pictures that a build made are text or bytes here, never something that runs.
fn content_type(name: &str) -> &'static str {
    let ending = std::path::Path::new(name).extension().and_then(OsStr::to_str).unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "log" | "txt" | "spec" | "info" | "cfg" | "patch" | "html" | "htm" | "md" => "text/plain; charset=utf-8",
        "rpm" => "application/x-rpm",
        "xml" => "application/xml",
        "json" => "application/json",
        "gz" => "application/gzip",
        "xz" => "application/x-xz",
        "zst" => "application/zstd",
        "bz2" => "application/x-bzip2",
        "gpg" | "asc" => "application/pgp-keys",
        _ => "application/octet-stream",
    }
}

fn stamp(seconds: i64, format: &str) -> String {
    Timestamp::from_second(seconds).unwrap_or_default().to_zoned(TimeZone::UTC).strftime(format).to_string()
}

/// Sends a file, or the part of it that is asked for, unless the caller has it already.
async fn send(
    method: &Method,
    headers: &HeaderMap,
    file: FileToRead,
    name: &str,
    gzip: bool,
) -> Result<Response, ApiError> {
    if let Some(url) = file.public_url() {
        return Ok((StatusCode::FOUND, [(LOCATION, url), (CACHE_CONTROL, "no-cache".to_owned())]).into_response());
    }
    let size = file.size;
    let etag = format!("\"{}{}\"", file.tag, if gzip { "-gz" } else { "" });
    let modified = stamp(file.mtime, "%a, %d %b %Y %H:%M:%S GMT");
    let plain_name = if gzip { name.strip_suffix(".gz").unwrap_or(name) } else { name };
    let mut out = HeaderMap::new();
    let mut put = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            out.insert(name, value);
        }
    };
    put(CONTENT_TYPE, content_type(plain_name));
    put(ETAG, &etag);
    put(LAST_MODIFIED, &modified);
    put(ACCEPT_RANGES, "bytes");
    put(X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(CONTENT_SECURITY_POLICY, FILE_POLICY);
    put(CACHE_CONTROL, "no-cache");
    put(VARY, "accept-encoding");
    if gzip {
        put(CONTENT_ENCODING, "gzip");
    }
    if unchanged(headers, &etag, &modified) {
        return Ok((StatusCode::NOT_MODIFIED, out).into_response());
    }
    let header = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let range = header(RANGE)
        // A part of what the file was before is of no use.
        .filter(|_| header(IF_RANGE).is_none_or(|known| known == etag || known == modified))
        .map_or(Span::Whole, |text| Span::parse(text, size));
    let (status, begin, length) = match range {
        Span::Whole => (StatusCode::OK, 0, size),
        Span::Part { begin, length } => {
            let last = begin.saturating_add(length).saturating_sub(1);
            out.insert(CONTENT_RANGE, number_header(&format!("bytes {begin}-{last}/{size}"))?);
            (StatusCode::PARTIAL_CONTENT, begin, length)
        }
        Span::Outside => {
            out.insert(CONTENT_RANGE, number_header(&format!("bytes */{size}"))?);
            out.remove(CONTENT_ENCODING);
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, out).into_response());
        }
    };
    out.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if method == Method::HEAD {
        return Ok((status, out).into_response());
    }
    let body = Body::from_stream(file.read(begin, length).await?);
    Ok((status, out, body).into_response())
}

fn number_header(text: &str) -> Result<HeaderValue, ApiError> {
    HeaderValue::from_str(text).map_err(|error| ApiError::Internal(error.into()))
}

fn unchanged(headers: &HeaderMap, etag: &str, modified: &str) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(known) = text(IF_NONE_MATCH) {
        return known
            .split(',')
            .any(|known| matches!(known.trim(), "*") || known.trim().trim_start_matches("W/") == etag);
    }
    let time = |text: &str| jiff::fmt::rfc2822::parse(text).ok().map(|time| time.timestamp());
    match text(IF_MODIFIED_SINCE).and_then(time) {
        Some(known) => time(modified).is_some_and(|changed| changed <= known),
        None => false,
    }
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .any(|word| {
            let mut parts = word.split(';').map(str::trim);
            let coding = parts.next().unwrap_or_default();
            let refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
            matches!(coding, "gzip" | "x-gzip" | "*") && !refused
        })
}

/// What part of a file is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Span {
    /// All of it: nothing was asked, or nothing that makes sense, or several parts at once.
    Whole,
    /// So many bytes from here.
    Part { begin: u64, length: u64 },
    /// Nothing of it is there.
    Outside,
}

impl Span {
    /// Reads `bytes=A-B`, `bytes=A-` or `bytes=-N`.
    fn parse(text: &str, size: u64) -> Self {
        let Some((begin, end)) = text.trim().strip_prefix("bytes=").and_then(|text| text.split_once('-')) else {
            return Self::Whole;
        };
        let number = |text: &str| {
            let text = text.trim();
            // Longer than any file: as far as numbers go.
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().unwrap_or(u64::MAX))
        };
        match (number(begin), number(end)) {
            (Some(begin), None) if end.trim().is_empty() => Self::between(begin, u64::MAX, size),
            (Some(begin), Some(end)) if begin <= end => Self::between(begin, end, size),
            (None, Some(0)) if begin.trim().is_empty() => Self::Outside,
            (None, Some(last)) if begin.trim().is_empty() => Self::between(size.saturating_sub(last), u64::MAX, size),
            _ => Self::Whole,
        }
    }

    fn between(begin: u64, end: u64, size: u64) -> Self {
        if begin >= size {
            return Self::Outside;
        }
        Self::Part { begin, length: end.min(size - 1) - begin + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_one_part_of_the_file_or_all_of_it() {
        let part = |begin, length| Span::Part { begin, length };
        for (text, span) in [
            ("bytes=0-0", part(0, 1)),
            ("bytes=2-", part(2, 8)),
            ("bytes=-3", part(7, 3)),
            ("bytes=-99", part(0, 10)),
            ("bytes=5-99999999999999999999999", part(5, 5)),
            ("bytes=10-", Span::Outside),
            ("bytes=99999999999999999999999-", Span::Outside),
            ("bytes=-0", Span::Outside),
            ("bytes=3-2", Span::Whole),
            ("bytes=0-1,4-5", Span::Whole),
            ("bytes=a-b", Span::Whole),
            ("bytes=-", Span::Whole),
            ("lines=1-2", Span::Whole),
            ("", Span::Whole),
        ] {
            assert_eq!(Span::parse(text, 10), span, "{text}");
        }
        assert_eq!(Span::parse("bytes=0-", 0), Span::Outside);
    }

    #[test]
    fn nothing_that_a_build_made_is_served_as_something_that_runs() {
        for name in ["x.html", "x.svg", "x.js", "x.HTM", "x.xhtml", "x", "index.html"] {
            assert!(matches!(content_type(name), "text/plain; charset=utf-8" | "application/octet-stream"), "{name}");
        }
        assert_eq!(content_type("build.log"), "text/plain; charset=utf-8");
        assert_eq!(content_type("a-1-1.x86_64.rpm"), "application/x-rpm");
    }

    #[test]
    fn gzip_is_accepted_when_it_is_named_and_not_refused() {
        let accepts = |text: &'static str| {
            accepts_gzip(&HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(text))]))
        };
        assert!(accepts("deflate, gzip;q=0.8"));
        assert!(!accepts("identity"));
        assert!(!accepts("gzip;q=0"));
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
