//! What forges say, in one form.
//!
//! Sources: GitHub's "Webhook events and payloads", GitLab's "Webhook events", Forgejo's and Gitea's "Webhooks" (whose payloads are
//! GitHub's), Bitbucket's "Event payloads".

use axum::http::HeaderMap;
use serde_json::Value;

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forge {
    Github,
    Gitlab,
    /// Gitea, too.
    Forgejo,
    Bitbucket,
    /// Anybody; the address says all.
    Custom,
}

/// What kind of change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of a branch of this name.
    Branch(String),
    /// A new tag of this name.
    Tag(String),
    /// A request to pull into a branch.
    Pull {
        number: i64,
        /// The branch that it is to go into.
        into: String,
        /// The repository that has it; `None`: the same.
        clone_url: Option<String>,
    },
    /// Nobody says.
    #[default]
    Unknown,
}

/// Something has changed in a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) kind: Kind,
    /// Address of the repository.
    pub(super) clone_url: String,
    /// The branch that one gets who asks for none.
    pub(super) default_branch: Option<String>,
    /// The commit that there is now.
    pub(super) commit: String,
    /// Files that were touched; `None`: not all of them are known.
    pub(super) files: Option<Vec<String>>,
}

/// The JSON of a body, or of the field `payload` of a form.
pub(super) fn json(body: &[u8], form: bool) -> Result<Value, String> {
    // Nesting is bounded by serde_json itself.
    let parsed = if form {
        let payload = url::form_urlencoded::parse(body).find(|(name, _)| name == "payload");
        let (_, text) = payload.ok_or("The form has no field payload")?;
        serde_json::from_str(&text)
    } else {
        serde_json::from_slice(body)
    };
    match parsed {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err("The body must be a JSON object".to_owned()),
        Err(error) => Err(format!("The body is not JSON: {error}")),
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
}

/// A commit's name; none that stands for a branch that is gone.
fn commit(value: &Value, pointer: &str) -> Option<String> {
    let name = text(value, pointer)?;
    let hex = matches!(name.len(), 40 | 64) && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    (hex && name.bytes().any(|byte| byte != b'0')).then(|| name.to_owned())
}

/// Files that commits have touched; `None`: some of them do not say.
fn files(commits: Option<&Value>, count: Option<u64>) -> Option<Vec<String>> {
    let commits = commits?.as_array()?;
    let whole = count.is_none_or(|count| usize::try_from(count).is_ok_and(|count| count <= commits.len()));
    if commits.is_empty() || !whole {
        return None;
    }
    let mut files = Vec::new();
    for one in commits {
        for list in ["added", "removed", "modified"] {
            let list = one.get(list)?.as_array()?;
            files.extend(list.iter().filter_map(Value::as_str).map(str::to_owned));
        }
    }
    Some(files)
}

fn kind_of(reference: &str) -> Option<Kind> {
    if let Some(name) = reference.strip_prefix("refs/heads/") {
        return Some(Kind::Branch(name.to_owned()));
    }
    reference.strip_prefix("refs/tags/").map(|name| Kind::Tag(name.to_owned()))
}

impl Forge {
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "github" => Self::Github,
            "gitlab" => Self::Gitlab,
            "forgejo" | "gitea" => Self::Forgejo,
            "bitbucket" => Self::Bitbucket,
            "custom" | "generic" => Self::Custom,
            _ => return None,
        })
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Forgejo => "forgejo",
            Self::Bitbucket => "bitbucket",
            Self::Custom => "custom",
        }
    }

    /// What the headers say that a call is about.
    pub(super) fn kind(self, headers: &HeaderMap) -> Option<String> {
        let names: &[&str] = match self {
            Self::Github => &["x-github-event"],
            Self::Gitlab => &["x-gitlab-event"],
            Self::Forgejo => &["x-forgejo-event", "x-gitea-event"],
            Self::Bitbucket => &["x-event-key"],
            Self::Custom => return None,
        };
        names.iter().find_map(|name| Some(headers.get(*name)?.to_str().ok()?.trim().to_owned()))
    }

    /// What has changed; the error says why nothing follows from it.
    pub(super) fn change(self, kind: &str, payload: &Value) -> Result<Change, String> {
        let shown: String = kind.chars().filter(|c| !c.is_control()).take(60).collect();
        match (self, kind) {
            (Self::Github | Self::Forgejo, "push") => push(payload),
            (Self::Github | Self::Forgejo, "pull_request") => pull_request(payload),
            (Self::Gitlab, "Push Hook" | "Tag Push Hook" | "System Hook") => gitlab_push(payload),
            (Self::Gitlab, "Merge Request Hook") => merge_request(payload),
            (Self::Bitbucket, "repo:push") => bitbucket_push(payload),
            (_, "ping") => Err("pong".to_owned()),
            _ => Err(format!("nothing follows from {shown:?}")),
        }
    }
}

const LACKS: &str = "the payload lacks the repository, the branch or the commit";
const GONE: &str = "a branch or tag was deleted";

fn push(payload: &Value) -> Result<Change, String> {
    let kind = text(payload, "/ref").and_then(kind_of).ok_or(LACKS)?;
    if payload["deleted"] == true {
        return Err(GONE.to_owned());
    }
    Ok(Change {
        kind,
        clone_url: text(payload, "/repository/clone_url").ok_or(LACKS)?.to_owned(),
        default_branch: text(payload, "/repository/default_branch").map(str::to_owned),
        commit: commit(payload, "/after").ok_or(GONE)?,
        // Forgejo tells of how many commits it tells not all.
        files: files(payload.get("commits"), payload["total_commits"].as_u64()),
    })
}

fn pull_request(payload: &Value) -> Result<Change, String> {
    match text(payload, "/action") {
        Some("opened" | "reopened" | "synchronize" | "synchronized") => {}
        other => return Err(format!("nothing follows from a pull request that is {:?}", other.unwrap_or_default())),
    }
    let base = text(payload, "/pull_request/base/repo/clone_url").ok_or(LACKS)?;
    let number = payload.pointer("/pull_request/number").and_then(Value::as_i64).filter(|number| *number > 0);
    Ok(Change {
        kind: Kind::Pull {
            number: number.ok_or(LACKS)?,
            into: text(payload, "/pull_request/base/ref").ok_or(LACKS)?.to_owned(),
            clone_url: Some(text(payload, "/pull_request/head/repo/clone_url").ok_or(LACKS)?.to_owned()),
        },
        clone_url: base.to_owned(),
        default_branch: text(payload, "/pull_request/base/repo/default_branch").map(str::to_owned),
        commit: commit(payload, "/pull_request/head/sha").ok_or(LACKS)?,
        files: None,
    })
}

fn gitlab_push(payload: &Value) -> Result<Change, String> {
    Ok(Change {
        kind: text(payload, "/ref").and_then(kind_of).ok_or(LACKS)?,
        clone_url: text(payload, "/project/git_http_url").ok_or(LACKS)?.to_owned(),
        default_branch: text(payload, "/project/default_branch").map(str::to_owned),
        commit: commit(payload, "/after").and_then(|_| commit(payload, "/checkout_sha")).ok_or(GONE)?,
        files: files(payload.get("commits"), payload["total_commits_count"].as_u64()),
    })
}

fn merge_request(payload: &Value) -> Result<Change, String> {
    let of = payload.get("object_attributes").ok_or(LACKS)?;
    match text(of, "/action") {
        Some("open" | "reopen") => {}
        // Without it, no commit has come.
        Some("update") if of.get("oldrev").is_some() => {}
        other => return Err(format!("nothing follows from a merge request that is {:?}", other.unwrap_or_default())),
    }
    let number = of["iid"].as_i64().filter(|number| *number > 0);
    Ok(Change {
        kind: Kind::Pull {
            number: number.ok_or(LACKS)?,
            into: text(of, "/target_branch").ok_or(LACKS)?.to_owned(),
            clone_url: Some(text(of, "/source/git_http_url").ok_or(LACKS)?.to_owned()),
        },
        clone_url: text(payload, "/project/git_http_url").ok_or(LACKS)?.to_owned(),
        default_branch: text(payload, "/project/default_branch").map(str::to_owned),
        commit: commit(of, "/last_commit/id").ok_or(LACKS)?,
        files: None,
    })
}

fn bitbucket_push(payload: &Value) -> Result<Change, String> {
    let new = payload.pointer("/push/changes/0/new").filter(|new| !new.is_null()).ok_or(GONE)?;
    let name = text(new, "/name").ok_or(LACKS)?.to_owned();
    Ok(Change {
        kind: if new["type"] == "tag" { Kind::Tag(name) } else { Kind::Branch(name) },
        clone_url: text(payload, "/repository/links/html/href").ok_or(LACKS)?.to_owned(),
        default_branch: text(payload, "/repository/mainbranch/name").map(str::to_owned),
        commit: commit(new, "/target/hash").ok_or(LACKS)?,
        files: None,
    })
}

/// An address without what does not matter: how one gets there, `.git`, slashes at the end.
fn plain(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/');
    Some(format!("{}{path}", url.host_str()?.to_lowercase()))
}

impl Change {
    /// Whether a package is made of what has changed: of this repository and branch, and of a folder in which a file was touched.
    /// Of tags like `NAME-VERSION-RELEASE` only the package of that name is made.
    pub(super) fn concerns(
        &self,
        package: &str,
        clone_url: &str,
        committish: Option<&str>,
        subdirectory: &str,
    ) -> bool {
        if plain(clone_url).is_none_or(|own| Some(own) != plain(&self.clone_url)) {
            return false;
        }
        let branch = match &self.kind {
            Kind::Tag(name) => {
                let mut parts = name.rsplitn(3, '-');
                let named = match (parts.next(), parts.next(), parts.next()) {
                    (Some(_), Some(_), Some(name)) => Some(name),
                    _ => None,
                };
                return named.is_none_or(|named| named == package);
            }
            Kind::Branch(name) | Kind::Pull { into: name, .. } => name,
            Kind::Unknown => return true,
        };
        let wanted = committish.filter(|text| !text.is_empty()).or(self.default_branch.as_deref());
        let wanted = wanted.map(|text| text.strip_prefix("refs/heads/").unwrap_or(text));
        if wanted.is_some_and(|wanted| wanted != branch) {
            return false;
        }
        let folder = subdirectory.trim_matches('/');
        match &self.files {
            Some(files) if !folder.is_empty() => {
                files.iter().any(|file| file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COMMIT: &str = "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5";

    fn fixture(name: &str) -> Value {
        let text = match name {
            "github-push" => include_str!("../../../../tests/fixtures/webhooks/github-push.json"),
            "github-tag" => include_str!("../../../../tests/fixtures/webhooks/github-tag.json"),
            "github-pull_request" => include_str!("../../../../tests/fixtures/webhooks/github-pull_request.json"),
            "forgejo-push" => include_str!("../../../../tests/fixtures/webhooks/forgejo-push.json"),
            "gitlab-push" => include_str!("../../../../tests/fixtures/webhooks/gitlab-push.json"),
            "gitlab-merge_request" => include_str!("../../../../tests/fixtures/webhooks/gitlab-merge_request.json"),
            _ => include_str!("../../../../tests/fixtures/webhooks/bitbucket-push.json"),
        };
        json(text.as_bytes(), false).unwrap()
    }

    #[test]
    fn all_forges_say_the_same_in_their_own_ways() {
        for (forge, kind, name) in [
            (Forge::Github, "push", "github-push"),
            (Forge::Forgejo, "push", "forgejo-push"),
            (Forge::Gitlab, "Push Hook", "gitlab-push"),
            (Forge::Bitbucket, "repo:push", "bitbucket-push"),
        ] {
            let change = forge.change(kind, &fixture(name)).unwrap();
            assert_eq!((&change.kind, change.commit.as_str()), (&Kind::Branch("main".to_owned()), COMMIT), "{name}");
            assert_eq!(change.default_branch.as_deref(), Some("main"), "{name}");
            assert!(change.concerns("hello", "https://forge.example.org/alice/hello", None, ""), "{name}");
            assert!(change.concerns("hello", "git://FORGE.example.org/alice/hello.git/", Some("main"), ""), "{name}");
            assert!(!change.concerns("hello", "https://forge.example.org/alice/hello2", None, ""), "{name}");
            assert!(!change.concerns("hello", "https://forge.example.org/alice/hello", Some("f44"), ""), "{name}");
            if let Some(files) = &change.files {
                assert_eq!(files, &["rpm/hello.spec", "README.md"], "{name}");
                assert!(change.concerns("hello", "https://forge.example.org/alice/hello", None, "rpm"), "{name}");
                assert!(!change.concerns("hello", "https://forge.example.org/alice/hello", None, "rp"), "{name}");
                assert!(!change.concerns("hello", "https://forge.example.org/alice/hello", None, "src"), "{name}");
            }
        }
    }

    #[test]
    fn a_tag_has_the_package_built_that_it_names() {
        let change = Forge::Github.change("push", &fixture("github-tag")).unwrap();
        assert_eq!(change.kind, Kind::Tag("hello-1.0-2".to_owned()));
        let url = "https://forge.example.org/alice/hello.git";
        assert!(change.concerns("hello", url, Some("f44"), "elsewhere"));
        assert!(!change.concerns("goodbye", url, None, ""));
        let change = Change { kind: Kind::Tag("v1.0".to_owned()), ..change };
        assert!(change.concerns("goodbye", url, None, ""));
    }

    #[test]
    fn pull_requests_are_built_from_where_they_are() {
        for (forge, kind, name) in [
            (Forge::Github, "pull_request", "github-pull_request"),
            (Forge::Gitlab, "Merge Request Hook", "gitlab-merge_request"),
        ] {
            let change = forge.change(kind, &fixture(name)).unwrap();
            let pull = Kind::Pull {
                number: 7,
                into: "main".to_owned(),
                clone_url: Some("https://forge.example.org/bob/hello.git".to_owned()),
            };
            assert_eq!((change.kind.clone(), change.commit.as_str()), (pull, COMMIT), "{name}");
            assert!(change.concerns("hello", "https://forge.example.org/alice/hello.git", None, "rpm"), "{name}");
            assert!(!change.concerns("hello", "https://forge.example.org/bob/hello.git", None, ""), "{name}");
        }
        let mut closed = fixture("github-pull_request");
        closed["action"] = json!("closed");
        assert!(Forge::Github.change("pull_request", &closed).is_err());
    }

    #[test]
    fn what_nothing_follows_from_says_why() {
        let mut gone = fixture("github-push");
        gone["after"] = json!("0".repeat(40));
        assert_eq!(Forge::Github.change("push", &gone).unwrap_err(), GONE);
        assert_eq!(Forge::Github.change("ping", &json!({})).unwrap_err(), "pong");
        assert!(Forge::Github.change("star", &json!({})).unwrap_err().contains("star"));
        for forge in [Forge::Github, Forge::Gitlab, Forge::Forgejo, Forge::Bitbucket] {
            for kind in ["push", "pull_request", "Push Hook", "Merge Request Hook", "repo:push", ""] {
                for odd in
                    [json!({}), json!({ "ref": 1, "object_attributes": [] }), json!({ "push": { "changes": [] } })]
                {
                    assert!(forge.change(kind, &odd).is_err(), "{forge:?} {kind} {odd}");
                }
            }
        }
    }

    #[test]
    fn bodies_are_json_or_a_form_with_json_and_nested_within_reason() {
        assert!(json(b"{}", false).is_ok());
        assert_eq!(json(b"payload=%7B%22a%22%3A1%7D&x=", true).unwrap(), json!({ "a": 1 }));
        let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
        for (body, form) in [(&deep[..], false), (b"[]", false), (b"", false), (b"payload", true), (b"x=1", true)] {
            assert!(json(body, form).is_err());
        }
    }
}
