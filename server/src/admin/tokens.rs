//! `coprd admin token`: tokens of users, with names, ends and projects.

use std::{fmt::Write as _, path::Path};

use anyhow::{Context as _, Result, bail};
use copr_api::names::{OwnerName, ProjectName};

use super::{client_config, open, people::user};
use crate::{
    clock,
    db::{
        self, Window,
        token::{self, LABEL, MOST, Wish},
    },
};

/// A user's tokens, one a line.
///
/// # Errors
/// There is no such user.
pub async fn list(data: &Path, config: Option<&Path>, name: &str) -> Result<String> {
    let (_, _, db) = open(data, config).await?;
    let tokens = match user(&db, name).await {
        Ok(user) => Ok(token::of_user(&db, user.id, Window::default()).await?),
        Err(error) => Err(error),
    };
    db.close().await;
    let now = clock::now_ms();
    let mut text = String::new();
    for token in tokens? {
        let end = if token.expires_ms <= now { "expired" } else { "until" };
        let used = token.used_ms.map_or_else(|| "never used".to_owned(), |at| format!("used {}", clock::date(at)));
        let only = token.project.map(|project| format!("\tonly {project}")).unwrap_or_default();
        writeln!(text, "{}\t{end} {}\t{used}\t{}{only}", token.login, clock::date(token.expires_ms), token.label)?;
    }
    Ok(text)
}

/// What a new token is to be.
#[derive(Debug, Clone)]
pub struct NewToken<'a> {
    /// Whose.
    pub user: &'a str,
    /// What it is for.
    pub label: &'a str,
    /// The only project that it is good for, `owner/name`.
    pub project: Option<&'a str>,
    /// Days that it is valid.
    pub days: i64,
}

/// Makes a token; the answer is the user's whole copr-cli configuration file.
///
/// # Errors
/// There is no such user or project, or the user has as many tokens as one may.
pub async fn new(data: &Path, config: Option<&Path>, new: NewToken<'_>) -> Result<String> {
    if new.label.chars().count() > LABEL || new.label.chars().any(char::is_control) {
        bail!("a label has {LABEL} characters at most, in one line");
    }
    let (folder, config, db) = open(data, config).await?;
    let user = user(&db, new.user).await?;
    let project_id = match new.project {
        None => None,
        Some(text) => {
            let (owner, name) = text.split_once('/').context("a project is OWNER/NAME")?;
            let (owner, name): (OwnerName, ProjectName) = (owner.parse()?, name.parse()?);
            let found = db::project::get(&db, &owner, &name).await?;
            Some(found.with_context(|| format!("there is no project {text}"))?.id)
        }
    };
    let wish = Wish { label: new.label, project_id, days: new.days };
    let made = token::make(&db, user.id, wish, clock::now_ms()).await?;
    let made = made.with_context(|| {
        format!(
            "{} has {MOST} tokens, which is the most: revoke one (`coprd admin token list {})",
            user.name, user.name
        )
    })?;
    client_config(&folder, &config, &db, &user, &made).await
}

/// Ends a token.
///
/// # Errors
/// There is none with this login.
pub async fn revoke(data: &Path, config: Option<&Path>, login: &str) -> Result<String> {
    let (_, _, db) = open(data, config).await?;
    let found = token::by_login(&db, login).await?;
    let ended = token::revoke(&db, login).await?;
    db.close().await;
    match found {
        Some(token) if ended => Ok(format!("{login}: ended, it was {}'s\n", token.user)),
        _ => bail!("there is no token with the login {login}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_token_with_a_name_is_printed_as_a_file_listed_and_ended() {
        let data = tempfile::tempdir().unwrap();
        super::super::add_user(data.path(), None, "alice").await.unwrap();
        let make = |user: &'static str, label: &'static str, project: Option<&'static str>| {
            new(data.path(), None, NewToken { user, label, project, days: 7 })
        };
        assert!(make("bob", "", None).await.unwrap_err().to_string().contains("no user bob"));
        assert!(make("alice", "a\nb", None).await.is_err());
        assert!(make("alice", "", Some("alice/gone")).await.unwrap_err().to_string().contains("no project alice/gone"));
        assert!(make("alice", "", Some("gone")).await.unwrap_err().to_string().contains("OWNER/NAME"));
        let file = make("alice", "ci", None).await.unwrap();
        assert!(file.starts_with("[copr-cli]\nlogin = ") && file.contains("username = alice\n"), "{file}");
        let login = file.lines().nth(1).unwrap().trim_start_matches("login = ").to_owned();
        let listed = list(data.path(), None, "alice").await.unwrap();
        let line = listed.lines().find(|line| line.starts_with(&login)).unwrap();
        assert!(line.contains("never used\tci") && listed.lines().count() == 2, "{listed}");
        assert!(revoke(data.path(), None, &login).await.unwrap().contains("alice's"));
        assert!(revoke(data.path(), None, &login).await.is_err());
    }
}
