//! `coprd admin user`: passwords, who is let in, who administers the site, who is who elsewhere.

use std::{
    io::{BufRead as _, IsTerminal as _, Read as _, Write as _},
    path::Path,
};

use anyhow::{Context as _, Result, bail};
use copr_api::names::Secret;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::{
    db::{
        self, Db,
        account::{self, Account},
        user::User,
    },
    password,
};

/// The longest subject of a certificate, in characters.
const SUBJECT: usize = 1000;

/// The user of that name.
pub(super) async fn user(db: &Db, name: &str) -> Result<User> {
    db::user::by_name(db, name)
        .await?
        .with_context(|| format!("there is no user {name}: `coprd admin user list` prints all"))
}

/// All users, one a line.
///
/// # Errors
/// The database can't be opened.
pub async fn list(data: &Path, config: Option<&Path>) -> Result<String> {
    let (_, _, db) = super::open(data, config).await?;
    let accounts = account::list(&db).await?;
    db.close().await;
    let line = |account: &Account| {
        let mut words = vec![account.user.name.clone()];
        if account.user.admin {
            words.push("(administrator)".to_owned());
        }
        if account.user.reviewer {
            words.push("(reviewer)".to_owned());
        }
        if account.user.disabled {
            words.push("(disabled)".to_owned());
        }
        words.extend(account.identity.clone());
        words.join(" ") + "\n"
    };
    Ok(accounts.iter().map(line).collect())
}

/// Gives a user the password on standard input, which a terminal is asked for twice and does not show. Its sessions end.
///
/// # Errors
/// There is no such user, or the password is too short or too long.
pub async fn set_password(data: &Path, config: Option<&Path>, name: &str) -> Result<String> {
    set_password_to(data, config, name, || {
        let password = ask("New password: ")?;
        if std::io::stdin().is_terminal() && ask("Once more: ")? != password {
            bail!("the two are not the same");
        }
        Ok(password)
    })
    .await
}

async fn set_password_to(
    data: &Path,
    config: Option<&Path>,
    name: &str,
    read: impl FnOnce() -> Result<Secret>,
) -> Result<String> {
    let (_, _, db) = super::open(data, config).await?;
    let user = db::user::by_name(&db, name).await?.with_context(|| format!("there is no user {name}"))?;
    let hash = password::hash(read()?).await?;
    db::user::set_password(&db, user.id, Some(&hash), None).await?;
    db.close().await;
    Ok(format!("{name} signs in with the new password; its sessions have ended\n"))
}

/// Lets a user neither sign in nor call the API any more, or both again.
///
/// # Errors
/// There is no such user.
pub async fn set_disabled(data: &Path, config: Option<&Path>, name: &str, disabled: bool) -> Result<String> {
    let (_, _, db) = super::open(data, config).await?;
    if disabled {
        others_administer(&db, name).await?;
    }
    let known = db::user::set_disabled(&db, name, disabled).await?;
    db.close().await;
    match (known, disabled) {
        (false, _) => bail!("there is no user {name}"),
        (true, true) => Ok(format!("{name} is disabled; its sessions have ended, its projects and tokens stay\n")),
        (true, false) => Ok(format!("{name} is let in again\n")),
    }
}

/// Refuses to take the last administrator away.
async fn others_administer(db: &Db, name: &str) -> Result<()> {
    let mut administrators = account::list(db).await?;
    administrators.retain(|account| account.user.admin && !account.user.disabled);
    if administrators.iter().any(|account| account.user.name == name) && administrators.len() == 1 {
        bail!("nobody would be left to administer the site: make somebody else an administrator first");
    }
    Ok(())
}

/// Makes a user an administrator of the site, or no more one; a running server sees it with the next call.
///
/// # Errors
/// There is no such user, or nobody would be left to administer the site.
pub async fn set_admin(data: &Path, config: Option<&Path>, name: &str, admin: bool) -> Result<String> {
    let (_, _, db) = super::open(data, config).await?;
    if !admin {
        others_administer(&db, name).await?;
    }
    let known = account::set_admin(&db, name, admin).await?;
    db.close().await;
    match (known, admin) {
        (false, _) => bail!("there is no user {name}"),
        (true, true) => Ok(format!("{name} is an administrator of the site\n")),
        (true, false) => Ok(format!("{name} is no administrator of the site\n")),
    }
}

/// Lets a user decide about licences, or no more; a running server sees it with the next call.
///
/// # Errors
/// There is no such user.
pub async fn set_reviewer(data: &Path, config: Option<&Path>, name: &str, reviewer: bool) -> Result<String> {
    let (_, _, db) = super::open(data, config).await?;
    let known = account::set_reviewer(&db, name, reviewer).await?;
    db.close().await;
    match (known, reviewer) {
        (false, _) => bail!("there is no user {name}"),
        (true, true) => Ok(format!("{name} decides about licences\n")),
        (true, false) => Ok(format!("{name} does not decide about licences\n")),
    }
}

/// Says whose a client certificate is, by its subject as the proxy tells it.
///
/// # Errors
/// There is no such user, it is another's, or it is none that a proxy tells.
pub async fn set_certificate(data: &Path, config: Option<&Path>, name: &str, subject: &str) -> Result<String> {
    let subject = subject.trim();
    let printable = subject.chars().all(|c| (' '..='~').contains(&c));
    if subject.is_empty() || subject.len() > SUBJECT || !printable {
        bail!(
            "a subject has 1 to {SUBJECT} printable ASCII characters, as the proxy tells it: nginx writes others as \\C3\\A4"
        );
    }
    let (_, _, db) = super::open(data, config).await?;
    let known = account::set_certificate(&db, name, Some(subject)).await;
    db.close().await;
    match known {
        Ok(true) => Ok(format!("{name} has the certificate {subject}\n")),
        Ok(false) => bail!("there is no user {name}"),
        Err(error) if error.is_duplicate() => bail!("another user has the certificate {subject}"),
        Err(error) => Err(error.into()),
    }
}

/// Says who a user is for the identity provider (`ISSUER SUBJECT`), or that it is nobody there (an empty text).
///
/// # Errors
/// There is no such user, or another user is that already.
pub async fn set_identity(data: &Path, config: Option<&Path>, name: &str, identity: &str) -> Result<String> {
    let identity = identity.trim();
    if !identity.is_empty() && identity.split_once(' ').is_none() {
        bail!("{identity:?} is not ISSUER SUBJECT, as the page shows it that refuses the user");
    }
    let (_, _, db) = super::open(data, config).await?;
    let known = db::user::set_identity(&db, name, Some(identity).filter(|text| !text.is_empty())).await;
    db.close().await;
    match known {
        Ok(true) if identity.is_empty() => Ok(format!("{name} is nobody elsewhere\n")),
        Ok(true) => Ok(format!("{name} is {identity}\n")),
        Ok(false) => bail!("there is no user {name}"),
        Err(error) if error.is_duplicate() => bail!("another user is {identity} already"),
        Err(error) => Err(error.into()),
    }
}

/// One line of standard input; a terminal shows the question, and not the answer.
fn ask(question: &str) -> Result<Secret> {
    let stdin = std::io::stdin();
    let mut line = String::new();
    if stdin.is_terminal() {
        let mut out = std::io::stderr();
        write!(out, "{question}")?;
        out.flush()?;
        let _quiet = Quiet::begin()?;
        stdin.lock().read_line(&mut line)?;
        writeln!(out)?;
    } else {
        stdin.lock().take(password::LONGEST as u64 + 3).read_line(&mut line)?;
    }
    Ok(Secret::new(line.trim_end_matches(['\n', '\r'])))
}

/// The terminal shows nothing of what is typed, as long as this lives.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> Result<Self> {
        let before = tcgetattr(std::io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Now, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_set_for_a_user_who_is_there_and_only_its_hash_is_kept() {
        let data = tempfile::tempdir().unwrap();
        super::super::add_user(data.path(), None, "alice").await.unwrap();
        let set = |name: &'static str, text: &'static str| {
            set_password_to(data.path(), None, name, move || Ok(Secret::new(text)))
        };
        assert!(set("bob", "long enough").await.unwrap_err().to_string().contains("no user bob"));
        assert!(set("alice", "short").await.unwrap_err().to_string().contains("10 to 1024"));
        assert!(set("alice", "long enough").await.unwrap().contains("alice signs in"));
        let (_, _, db) = super::super::open(data.path(), None).await.unwrap();
        let (_, hash) = db::user::with_password(&db, "alice").await.unwrap().unwrap();
        assert!(password::is_right(Secret::new("long enough"), hash).await.unwrap());
    }

    #[tokio::test]
    async fn an_identity_is_one_users_and_can_be_taken_away() {
        let data = tempfile::tempdir().unwrap();
        for name in ["alice", "bob"] {
            super::super::add_user(data.path(), None, name).await.unwrap();
        }
        let set = |name: &'static str, text: &'static str| set_identity(data.path(), None, name, text);
        assert!(set("alice", "nonsense").await.is_err());
        set("alice", "https://id.example.org 4711").await.unwrap();
        assert!(set("bob", "https://id.example.org 4711").await.unwrap_err().to_string().contains("another user"));
        set("alice", "").await.unwrap();
        set("bob", "https://id.example.org 4711").await.unwrap();
        assert!(set("carol", "").await.is_err());
    }

    #[tokio::test]
    async fn a_certificate_is_one_users_and_somebody_always_administers_the_site() {
        let data = tempfile::tempdir().unwrap();
        for name in ["alice", "bob"] {
            super::super::add_user(data.path(), None, name).await.unwrap();
        }
        let give = |name: &'static str, subject: &'static str| set_certificate(data.path(), None, name, subject);
        give("alice", " CN=alice,O=People ").await.unwrap();
        assert!(give("bob", "CN=alice,O=People").await.unwrap_err().to_string().contains("another user"));
        for bad in ["", "CN=\u{430}lice", "a\nb"] {
            assert!(give("bob", bad).await.is_err(), "{bad:?}");
        }
        set_admin(data.path(), None, "alice", true).await.unwrap();
        assert_eq!(list(data.path(), None).await.unwrap(), "alice (administrator) cert: CN=alice,O=People\nbob\n");
        assert!(set_admin(data.path(), None, "alice", false).await.unwrap_err().to_string().contains("nobody would"));
        assert!(set_disabled(data.path(), None, "alice", true).await.is_err());
        set_reviewer(data.path(), None, "bob", true).await.unwrap();
        assert!(list(data.path(), None).await.unwrap().ends_with("bob (reviewer)\n"));
        set_reviewer(data.path(), None, "bob", false).await.unwrap();
        assert!(set_reviewer(data.path(), None, "carol", true).await.is_err());
        set_admin(data.path(), None, "bob", true).await.unwrap();
        set_disabled(data.path(), None, "alice", true).await.unwrap();
        assert!(set_disabled(data.path(), None, "bob", true).await.is_err(), "who is disabled administers nothing");
        set_identity(data.path(), None, "alice", "").await.unwrap();
        assert!(set_admin(data.path(), None, "carol", true).await.is_err());
    }
}
