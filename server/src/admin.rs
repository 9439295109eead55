//! `coprd admin`: works on the data folder, whether a server runs on it or not.

pub mod backup;
pub mod chroots;
pub mod groups;
pub mod keys;
pub mod people;
pub mod prune;
pub mod queue;
pub mod quota;
pub mod search;
pub mod tokens;

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result, bail};

use crate::{
    clock,
    config::Config,
    db::{self, Db, token::NewToken, user::User},
    folder::Folder,
};

pub use crate::db::user::ADMIN;

/// How long a server may take to start: it probes its host, and migrates its database.
const STARTING: Duration = Duration::from_secs(60);

/// The data folder, its configuration and its database.
///
/// # Errors
/// One of them can't be opened.
pub async fn open(data: &Path, config: Option<&Path>) -> Result<(Folder, Config, Db)> {
    let folder = Folder::open(data)?;
    let config = Config::read(config.unwrap_or(&folder.config()))?;
    let db = open_db(&folder, &config).await?;
    Ok((folder, config, db))
}

/// The database that the configuration names, or the one in the folder.
///
/// # Errors
/// It can't be opened.
pub async fn open_db(folder: &Folder, config: &Config) -> Result<Db> {
    let db = Db::open(&database_url(folder, config)).await.context("cannot open the database")?;
    Ok(db.with_quota(config.quota.limit()))
}

/// Its URL, which may hold a password.
#[must_use]
pub fn database_url(folder: &Folder, config: &Config) -> String {
    match config.database.url.as_ref().filter(|url| !url.expose().is_empty()) {
        Some(url) => url.expose().to_owned(),
        None => Db::sqlite_url(&folder.path().join("coprd.sqlite")),
    }
}

/// Adds a user with a token; the answer is the user's whole copr-cli configuration file.
///
/// # Errors
/// The name is malformed or taken.
pub async fn add_user(data: &Path, config: Option<&Path>, name: &str) -> Result<String> {
    if name == ADMIN {
        bail!(
            "{ADMIN} is made by the first start of the server; its token is in {}",
            data.join("admin-token").display()
        );
    }
    let name = db::user::new_name(name).map_err(anyhow::Error::msg)?;
    let (folder, config, db) = open(data, config).await?;
    let user = match db::user::add(&db, name.as_str(), false, clock::now_ms()).await {
        Err(error) if error.is_duplicate() => {
            bail!("there is a user {name} already; `coprd admin user token {name}` makes another token")
        }
        other => other?,
    };
    let token = db::token::add(&db, user.id, clock::now_ms()).await?;
    client_config(&folder, &config, &db, &user, &token).await
}

/// Makes another token for a user; the answer is the user's whole copr-cli configuration file.
///
/// # Errors
/// There is no such user.
pub async fn add_token(data: &Path, config: Option<&Path>, name: &str) -> Result<String> {
    let (folder, config, db) = open(data, config).await?;
    let user = db::user::by_name(&db, name).await?.with_context(|| format!("there is no user {name}"))?;
    let token = db::token::add(&db, user.id, clock::now_ms()).await?;
    client_config(&folder, &config, &db, &user, &token).await
}

/// The configuration file of a user with a new token; closes the database, as it may have to wait for a server's address.
async fn client_config(folder: &Folder, config: &Config, db: &Db, user: &User, token: &NewToken) -> Result<String> {
    db.close().await;
    let url = if config.public_url.is_empty() { address(folder, config).await } else { config.public_url.clone() };
    Ok(render(&user.name, token, &url))
}

/// Where the server is that runs on the folder, or did last. One that is just starting is waited for: it knows its port soon.
async fn address(folder: &Folder, config: &Config) -> String {
    let begin = tokio::time::Instant::now();
    loop {
        // In this order: a server that stops between the two leaves its address.
        let served = folder.is_served();
        if let Some(address) = folder.address() {
            return address;
        }
        if !served || begin.elapsed() > STARTING {
            return format!("http://{}", config.listen);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A copr-cli configuration file (`~/.config/copr`).
pub(crate) fn render(user: &str, token: &NewToken, url: &str) -> String {
    // copr-cli refuses http:// unless it is told that this is meant.
    let encrypted = if url.starts_with("http://") { "encrypted = False\n" } else { "" };
    format!(
        "[copr-cli]\nlogin = {}\nusername = {user}\ntoken = {}\ncopr_url = {url}\n{encrypted}# expiration date: {}\n",
        token.login,
        token.token.expose(),
        clock::date(token.expires_ms)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_user_can_be_added_before_the_first_start_and_gets_a_whole_configuration_file() {
        let data = tempfile::tempdir().unwrap();
        let text = add_user(data.path(), None, "alice").await.unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "[copr-cli]");
        assert!(lines[1].starts_with("login = ") && lines[1].len() == 8 + 20, "{text}");
        assert_eq!(lines[2], "username = alice");
        assert!(lines[3].starts_with("token = ") && lines[3].len() == 8 + 30, "{text}");
        assert_eq!(lines[4], "copr_url = http://127.0.0.1:8210");
        assert_eq!(lines[5], "encrypted = False");
        let error = add_user(data.path(), None, "alice").await.unwrap_err().to_string();
        assert!(error.contains("admin user token alice"), "{error}");
        assert_eq!(people::list(data.path(), None).await.unwrap(), "alice\n");
        assert!(add_token(data.path(), None, "alice").await.unwrap().contains("username = alice"));
    }

    #[tokio::test]
    async fn a_server_that_is_just_starting_is_waited_for() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::open(data.path()).unwrap();
        let _lock = folder.lock().unwrap();
        let starting = folder.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            starting.write_address("http://127.0.0.1:4712").unwrap();
        });
        let text = add_user(data.path(), None, "alice").await.unwrap();
        assert!(text.contains("copr_url = http://127.0.0.1:4712\n"), "{text}");
    }

    #[tokio::test]
    async fn names_that_are_no_users_are_refused() {
        let data = tempfile::tempdir().unwrap();
        for bad in ["", "@group", "../x", "a b", ADMIN, "build", "g", "add", "builds"] {
            assert!(add_user(data.path(), None, bad).await.is_err(), "{bad:?}");
        }
    }
}
