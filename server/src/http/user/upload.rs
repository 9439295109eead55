//! Uploads: a source package, or a spec with its sources. Nothing is kept of one that is refused.

use std::time::Duration;

use axum::{
    Json,
    extract::{
        DefaultBodyLimit, Multipart, State,
        multipart::{Field, MultipartError, MultipartRejection},
    },
    handler::Handler as _,
    http::{Method, StatusCode},
};
use copr_api::{
    builder::{SourceFile, SourceMethod},
    v3::{Build as View, BuildOptions},
};

use super::submit::{Content, Target, licence, take, target};
use crate::{
    db::build::Srpm,
    http::{
        auth::Caller,
        error::{ApiError, blocking},
        params::parse_json,
        routes::Routes,
    },
    source,
    state::AppState,
    store::Spooled,
};

/// The longest `json` part of an upload.
const OPTIONS_BYTES: usize = 1 << 20;
/// A part of a form that has not begun after this time is not waited for.
const PATIENCE: Duration = Duration::from_secs(300);
/// Most files of one upload.
const FILES: usize = 200;
/// The longest spec, in bytes.
const SPEC_BYTES: u64 = 10 << 20;

/// The addresses of this file.
pub fn routes(state: &AppState) -> Routes {
    let bounded = upload.layer(DefaultBodyLimit::max(longest(state)));
    Routes::default().api(Method::POST, "/api_3/build/create/upload", bounded)
}

/// `POST /api_3/build/create/upload`: multipart, `pkgs` is the source package, or the spec or one of its sources, `json` the
/// options (which come after them).
///
/// # Errors
/// 400: no source package, or options that make no sense; 403, 404, 413.
pub async fn upload(
    State(state): State<AppState>,
    caller: Caller,
    body: Result<Multipart, MultipartRejection>,
) -> Result<Json<View>, ApiError> {
    let (files, options) = read(&state, body).await?;
    submit(&state, &caller, &options, files).await.map(Json)
}

/// The files of a form, and the options after them.
///
/// # Errors
/// 400: it has no file or no options, or makes no sense; 413.
pub(super) async fn read(
    state: &AppState,
    body: Result<Multipart, MultipartRejection>,
) -> Result<(Files, BuildOptions), ApiError> {
    let mut body = body.map_err(|error| ApiError::BadRequest(format!("The upload is no multipart form: {error}")))?;
    let mut files = Files::new(state);
    let mut options: Option<BuildOptions> = None;
    while let Some(field) = next(&mut body).await? {
        match field.name() {
            Some("pkgs") => files.take(state, field).await?,
            Some("json") if options.is_none() => options = Some(parse_json(&short(field).await?)?),
            _ => {}
        }
    }
    files.some()?;
    let options =
        options.ok_or_else(|| ApiError::BadRequest("json: The options of the build are missing".to_owned()))?;
    Ok((files, options))
}

/// The longest body of an upload: the files, and as much again as the options and the form around them may have.
pub(crate) fn longest(state: &AppState) -> usize {
    usize::try_from(state.config.limits.upload_bytes).unwrap_or(usize::MAX).saturating_add(2 << 20)
}

/// The files of an upload, as they come.
pub(crate) struct Files {
    pub(super) files: Vec<(String, Spooled)>,
    /// Bytes that the others may have.
    room: u64,
}

impl Files {
    pub(crate) fn new(state: &AppState) -> Self {
        Self { files: Vec::new(), room: state.config.limits.upload_bytes }
    }

    /// Takes one more.
    ///
    /// # Errors
    /// 400: it ended early; 413: there are too many, or too much.
    pub(crate) async fn take(&mut self, state: &AppState, field: Field<'_>) -> Result<(), ApiError> {
        if self.files.len() == FILES {
            return Err(ApiError::TooLarge(format!("pkgs: An upload may have {FILES} files")));
        }
        let name = file_name(field.file_name());
        let spooled = state.store.spool(field, self.room).await?;
        self.room = self.room.saturating_sub(spooled.size);
        self.files.push((name, spooled));
        Ok(())
    }

    /// Refuses an upload without files.
    fn some(&self) -> Result<(), ApiError> {
        if self.files.is_empty() {
            return Err(ApiError::BadRequest("pkgs: No package was uploaded".to_owned()));
        }
        Ok(())
    }
}

/// Makes the build of what was uploaded.
///
/// # Errors
/// As those of [`upload`].
pub(crate) async fn submit(
    state: &AppState,
    caller: &Caller,
    options: &BuildOptions,
    files: Files,
) -> Result<View, ApiError> {
    files.some()?;
    let target = target(state, caller, options).await?;
    let content = content(state, &target, files.files).await?;
    take(state, caller, options, &target, content, None).await
}

/// What the files are: one source package, or one spec and its sources.
async fn content(state: &AppState, target: &Target, mut files: Vec<(String, Spooled)>) -> Result<Content, ApiError> {
    let specs: Vec<String> =
        files.iter().map(|(name, _)| name).filter(|name| name.ends_with(".spec")).cloned().collect();
    match (specs.as_slice(), files.len()) {
        ([], 1) => {}
        ([spec], _) => return made(spec.clone(), files),
        ([], count) => {
            return Err(ApiError::BadRequest(format!(
                "pkgs: One source package was expected, or a spec with its sources; there are {count} files and no spec"
            )));
        }
        (several, _) => {
            return Err(ApiError::BadRequest(format!("pkgs: One spec was expected, not {}", several.join(", "))));
        }
    }
    let Some((name, spooled)) = files.pop() else {
        return Err(ApiError::BadRequest("pkgs: No package was uploaded".to_owned()));
    };
    let path = spooled.path().to_owned();
    let found =
        blocking(move || source::inspect(&path).map_err(|error| ApiError::BadRequest(format!("{name}: {error}"))))
            .await?;
    let file = SourceFile { name: found.file_name, size: spooled.size, sha256: spooled.sha256.clone() };
    let licence = licence(state, target, &found.name, &found.licence).await?;
    let srpm = Srpm { file, package_name: found.name, package_version: found.version, licence };
    Ok(Content::Srpm(srpm, spooled))
}

fn made(spec: String, files: Vec<(String, Spooled)>) -> Result<Content, ApiError> {
    let mut known: Vec<SourceFile> = Vec::with_capacity(files.len());
    for (name, spooled) in &files {
        if !is_source_name(name) {
            return Err(ApiError::BadRequest(format!(
                "pkgs: {name:?} is no name that a source may have: letters, digits and -+_.~^@=, that begin with none of - and ."
            )));
        }
        if known.iter().any(|other| other.name == *name) {
            return Err(ApiError::BadRequest(format!("pkgs: {name} is there twice")));
        }
        if *name == spec && spooled.size > SPEC_BYTES {
            return Err(ApiError::TooLarge(format!("pkgs: {name} is larger than {SPEC_BYTES} bytes")));
        }
        known.push(SourceFile { name: name.clone(), size: spooled.size, sha256: spooled.sha256.clone() });
    }
    Ok(Content::Made(SourceMethod::Spec { spec, files: known }, files))
}

/// Whether a source may have this name: it goes into paths and addresses.
fn is_source_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(['.', '-'])
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-+_.~^@=,".contains(&b))
}

/// The next part of the form; what was not read of the one before is skipped, but not for ever.
pub(crate) async fn next(body: &mut Multipart) -> Result<Option<Field<'_>>, ApiError> {
    let silent = |_| ApiError::BadRequest("The upload did not come in time".to_owned());
    tokio::time::timeout(PATIENCE, body.next_field()).await.map_err(silent)?.map_err(|error| sender(&error))
}

/// The name that the sender gives, for messages: no folders, nothing unprintable.
fn file_name(sent: Option<&str>) -> String {
    let name = sent.unwrap_or("package").rsplit(['/', '\\']).next().unwrap_or_default();
    name.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// A short part of a form, whole.
pub(crate) async fn short(mut field: Field<'_>) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| sender(&error))? {
        if bytes.len() + chunk.len() > OPTIONS_BYTES {
            return Err(ApiError::TooLarge(format!("json: The options are longer than {OPTIONS_BYTES} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn sender(error: &MultipartError) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::TooLarge("The upload is larger than this server takes".to_owned());
    }
    ApiError::BadRequest(format!("The upload ended early or is malformed: {}", error.body_text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_senders_file_name_loses_its_folders() {
        assert_eq!(file_name(Some("../../etc/pass\nwd")), "passwd");
        assert_eq!(file_name(None), "package");
    }

    #[test]
    fn a_source_has_a_name_that_leads_nowhere_else() {
        assert!(is_source_name("hello-1.0+git~1.tar.gz") && is_source_name("user@host.patch"));
        for bad in ["", ".", "..", ".hidden", "-rf", "a b", "a/b", "a%2fb", "ä"] {
            assert!(!is_source_name(bad), "{bad:?}");
        }
    }
}
