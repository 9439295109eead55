//! Builds of what lies elsewhere: an SRPM on the web, a git repository. Here only the words are checked; whatever is fetched is
//! fetched by a builder, which knows where it may go.

use axum::{Json, extract::State, http::Method};
use copr_api::{
    builder::{GitMake, SourceMethod},
    v3::{Build as View, BuildOptions, Page, PageMeta, ScmBuild},
};

use super::{
    cut,
    submit::{Content, take, target},
};
use crate::{
    http::{auth::Caller, error::ApiError, params::JsonBody, routes::Routes},
    state::AppState,
};

/// The addresses of this file.
pub fn routes() -> Routes {
    Routes::default().api(Method::POST, "/api_3/build/create/url", url).api(
        Method::POST,
        "/api_3/build/create/scm",
        scm,
    )
}

/// Most URLs in one call.
const URLS: usize = 100;
/// The longest URL, path or committish, in bytes.
const TEXT: usize = 2000;

/// `POST /api_3/build/create/url`: a build for each of `pkgs`.
///
/// # Errors
/// 400: no URL, or one that leads to no source package; 403, 404.
pub async fn url(
    State(state): State<AppState>,
    caller: Caller,
    JsonBody(options): JsonBody<BuildOptions>,
) -> Result<Json<Page<View>>, ApiError> {
    let target = target(&state, &caller, &options).await?;
    if options.pkgs.is_empty() || options.pkgs.len() > URLS {
        return Err(ApiError::BadRequest(format!("pkgs: From 1 to {URLS} URLs are taken")));
    }
    let methods: Vec<SourceMethod> = options.pkgs.iter().map(|text| link(text)).collect::<Result<_, _>>()?;
    let mut items = Vec::with_capacity(methods.len());
    for method in methods {
        items.push(take(&state, &caller, &options, &target, Content::Made(method, Vec::new()), None).await?);
    }
    Ok(Json(Page { items, meta: PageMeta::default() }))
}

/// `POST /api_3/build/create/scm`: a build of a git repository.
///
/// # Errors
/// 400: what is asked for makes no sense; 403, 404.
pub async fn scm(
    State(state): State<AppState>,
    caller: Caller,
    JsonBody(body): JsonBody<ScmBuild>,
) -> Result<Json<View>, ApiError> {
    let target = target(&state, &caller, &body.options).await?;
    let method = git(&body)?;
    take(&state, &caller, &body.options, &target, Content::Made(method, Vec::new()), None).await.map(Json)
}

/// What is built from the source package at a URL.
pub(super) fn link(text: &str) -> Result<SourceMethod, ApiError> {
    let url = address("pkgs", text, &["http", "https"])?;
    if url.path().ends_with(".spec") {
        return Err(ApiError::BadRequest(format!(
            "pkgs: {} leads to a spec: upload it, or name the git repository that it is in",
            cut(text)
        )));
    }
    Ok(SourceMethod::Url { url: url.into() })
}

/// What is built from a git repository.
pub(super) fn git(body: &ScmBuild) -> Result<SourceMethod, ApiError> {
    fn said(text: &Option<String>) -> Option<&str> {
        text.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }
    match said(&body.scm_type) {
        None | Some("git") => {}
        Some(other) => {
            return Err(ApiError::BadRequest(format!("scm_type: '{}' is not known here; use git", cut(other))));
        }
    }
    let make = match said(&body.source_build_method) {
        None | Some("rpkg") => GitMake::Rpkg,
        Some("make_srpm") => GitMake::MakeSrpm,
        Some(other) => {
            return Err(ApiError::BadRequest(format!(
                "source_build_method: '{}' is not known here; use rpkg or make_srpm",
                cut(other)
            )));
        }
    };
    let clone_url = address("clone_url", &body.clone_url, &["http", "https", "git"])?;
    let committish = said(&body.committish).map(committish).transpose()?;
    let subdirectory = said(&body.subdirectory).map(|text| path("subdirectory", text)).transpose()?.unwrap_or_default();
    let spec = said(&body.spec).map(|text| path("spec", text)).transpose()?.filter(|spec| !spec.is_empty());
    if spec.as_ref().is_some_and(|spec| !spec.ends_with(".spec")) {
        return Err(ApiError::BadRequest("spec: It must end with .spec".to_owned()));
    }
    Ok(SourceMethod::Git { clone_url: clone_url.into(), committish, subdirectory, spec, make })
}

/// An address that a builder may be sent to. One with a password would show it to everyone.
fn address(field: &str, text: &str, schemes: &[&str]) -> Result<url::Url, ApiError> {
    let wrong = |why: &str| ApiError::BadRequest(format!("{field}: '{}' {why}", cut(text)));
    if text.len() > TEXT || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(wrong(&format!("is longer than {TEXT} bytes, or has blanks")));
    }
    let url = url::Url::parse(text).map_err(|_| wrong("is no URL"))?;
    if !schemes.contains(&url.scheme()) || url.host_str().is_none_or(str::is_empty) {
        return Err(wrong(&format!("must begin with {}://", schemes.join(":// or "))));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ApiError::BadRequest(format!(
            "{field}: A URL with a user's name or password is not taken: all can read it"
        )));
    }
    Ok(url)
}

/// A branch, tag or commit: nothing that git could take for an option or for several.
fn committish(text: &str) -> Result<String, ApiError> {
    let fine = text.len() <= 250
        && !text.starts_with('-')
        && !text.contains("..")
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-+_./@#=,".contains(&b));
    if fine {
        return Ok(text.to_owned());
    }
    Err(ApiError::BadRequest(format!("committish: '{}' is no name of a branch, tag or commit", cut(text))))
}

/// A relative path inside the repository, without slashes around it.
fn path(field: &str, text: &str) -> Result<String, ApiError> {
    let text = text.trim_matches('/');
    let text = text.strip_prefix("./").unwrap_or(text);
    if text.is_empty() || text == "." {
        return Ok(String::new());
    }
    let fine = text.len() <= TEXT
        && !text.chars().any(char::is_control)
        && text.split('/').all(|part| !part.is_empty() && part != "." && part != ".." && !part.starts_with('-'));
    if fine {
        Ok(text.to_owned())
    } else {
        Err(ApiError::BadRequest(format!("{field}: '{}' leads out of the repository", cut(text))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(method: Result<SourceMethod, ApiError>) -> String {
        match method {
            Err(ApiError::BadRequest(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    fn asked(clone_url: &str) -> ScmBuild {
        ScmBuild { clone_url: clone_url.to_owned(), ..ScmBuild::default() }
    }

    #[test]
    fn a_builder_is_sent_to_web_addresses_only_and_never_with_a_password() {
        assert!(matches!(link("https://x.org/a-1-1.src.rpm"), Ok(SourceMethod::Url { .. })));
        for bad in [
            "file:///etc/passwd",
            "ftp://x.org/a.src.rpm",
            "a.src.rpm",
            "http://",
            "https://x.org/a b",
            "git://x.org/a",
        ] {
            assert!(error(link(bad)).starts_with("pkgs: "), "{bad}");
        }
        let secret = error(link("https://alice:hunter2@x.org/a.src.rpm"));
        assert!(!secret.contains("hunter2"), "{secret}");
        assert!(error(link("https://x.org/a.spec?raw")).contains("spec"));
        for bad in ["ssh://git@x.org/a", "git@x.org:a", "ext::sh -c id", "--upload-pack=id", "file:///srv/git", ""] {
            assert!(error(git(&asked(bad))).starts_with("clone_url: "), "{bad}");
        }
    }

    #[test]
    fn paths_and_names_stay_inside_the_repository() {
        let with = |change: fn(&mut ScmBuild)| {
            let mut body = asked("https://x.org/a.git");
            change(&mut body);
            git(&body)
        };
        let whole = with(|body| {
            body.committish = Some("v1.0".into());
            body.subdirectory = Some("/rpm/".into());
            body.spec = Some("a.spec".into());
            body.source_build_method = Some("make_srpm".into());
        });
        let expected = SourceMethod::Git {
            clone_url: "https://x.org/a.git".to_owned(),
            committish: Some("v1.0".to_owned()),
            subdirectory: "rpm".to_owned(),
            spec: Some("a.spec".to_owned()),
            make: GitMake::MakeSrpm,
        };
        assert_eq!(whole.unwrap(), expected);
        assert!(error(with(|body| body.committish = Some("--exec=id".into()))).starts_with("committish: "));
        assert!(error(with(|body| body.subdirectory = Some("a/../../b".into()))).starts_with("subdirectory: "));
        assert!(error(with(|body| body.spec = Some("../a.spec".into()))).starts_with("spec: "));
        assert!(error(with(|body| body.spec = Some("a.txt".into()))).starts_with("spec: "));
        assert!(error(with(|body| body.scm_type = Some("svn".into()))).starts_with("scm_type: "));
        assert!(error(with(|body| body.source_build_method = Some("tito".into()))).contains("rpkg or make_srpm"));
    }
}
