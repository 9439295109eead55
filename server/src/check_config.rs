//! `coprd check-config`: everything that can be tried without starting, as a table of what is right and what is not.

use std::{fmt, io::Write as _};

use anyhow::{Context as _, Result, bail};
use copr_api::names::Secret;
use serde::Serialize;
use tokio::net::TcpListener;

use crate::{
    admin,
    config::{Config, chroots::Definitions},
    db::{self, Db},
    folder::Folder,
    licence::Licences,
    serve::{self, Options},
    store::Bucket,
    terms::Terms,
    tls::Tls,
    web::oidc::Provider,
};

/// One line of the table.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// What was looked at.
    pub what: &'static str,
    /// Whether it is right.
    pub ok: bool,
    /// What is there, or what is wrong and what to do.
    pub text: String,
}

/// What was found.
#[derive(Debug, Default, Serialize)]
pub struct Findings {
    /// Whether a server could start.
    pub ok: bool,
    /// One a thing.
    pub checks: Vec<Line>,
}

impl Findings {
    fn note<T>(&mut self, what: &'static str, found: Result<(T, String)>) -> Option<T> {
        let (value, ok, text) = match found {
            Ok((value, text)) => (Some(value), true, text),
            Err(error) => (None, false, format!("{error:#}")),
        };
        self.checks.push(Line { what, ok, text });
        value
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Line { what, ok, text } in &self.checks {
            let text = text.trim_end().replace('\n', &format!("\n{:22}", ""));
            writeln!(f, "{:<5} {what:<15} {text}", if *ok { "ok" } else { "WRONG" })?;
        }
        Ok(())
    }
}

/// Looks at everything; later lines need not wait for earlier ones to be right.
pub async fn run(options: &Options) -> Findings {
    let mut found = Findings::default();
    let folder = found.note("data folder", data_folder(options));
    let config = folder.as_ref().and_then(|folder| found.note("configuration", configuration(folder, options)));
    if let (Some(folder), Some(config)) = (&folder, &config) {
        found.note("chroots", chroots(config));
        found.note("content", content(config));
        found.note("database", database(folder, config).await);
        found.note("signing", signing(folder, config).await);
        found.note("store", store(folder, config).await);
        found.note("tls", tls(config));
        found.note("sign-in", sign_in(config).await);
        found.note("listen", listen(folder, config).await);
        found.note("builder", builder(folder, config, options).await);
    }
    found.ok = found.checks.iter().all(|line| line.ok);
    found
}

fn data_folder(options: &Options) -> Result<(Folder, String)> {
    let folder = Folder::open(&options.data)?;
    let mut file = tempfile::NamedTempFile::new_in(folder.path()).context("it can't be written")?;
    file.write_all(b"?").context("it can't be written")?;
    let text = folder.path().display().to_string();
    Ok((folder, text))
}

fn configuration(folder: &Folder, options: &Options) -> Result<(Config, String)> {
    let path = options.config.clone().unwrap_or_else(|| folder.config());
    let mut config = Config::read(&path)?;
    if let Some(minidistro) = options.minidistro.clone().filter(|folder| !folder.as_os_str().is_empty()) {
        config.chroots.minidistro = minidistro;
    }
    if let Some(listen) = &options.listen {
        config.listen.clone_from(listen);
    }
    Ok((config, path.display().to_string()))
}

fn chroots(config: &Config) -> Result<((), String)> {
    let definitions = Definitions::load(&config.chroots)?;
    let names: Vec<&str> = definitions.iter().map(|(name, _)| name.as_str()).collect();
    let text = if names.is_empty() {
        "none: nothing can be built (`folder` in [chroots] of coprd.toml)".to_owned()
    } else {
        format!("{}: {}", names.len(), names.join(", "))
    };
    Ok(((), text))
}

/// The files that say what may be in packages.
fn content(config: &Config) -> Result<((), String)> {
    let licences = Licences::open(&config.licences)?;
    let terms = match Terms::open(&config.terms)? {
        Some(terms) => format!("terms of {} bytes", terms.text.len()),
        None => "no terms".to_owned(),
    };
    let table = licences.table();
    Ok(((), format!("{} licences, as of {}; {terms}", table.len(), table.date())))
}

/// The schema is only looked at: bringing it up to date is the next start's work.
async fn database(folder: &Folder, config: &Config) -> Result<((), String)> {
    let url = admin::database_url(folder, config);
    if url.starts_with("sqlite:") && !folder.path().join("coprd.sqlite").exists() && config.database.url.is_none() {
        return Ok(((), "SQLite: the first start makes it".to_owned()));
    }
    let (version, newest) = (Db::look(&url).await?, db::newest_schema());
    let engine = if url.starts_with("sqlite:") { "SQLite" } else { "PostgreSQL" };
    if version > newest {
        return Err(db::Error::TooNew { found: version, known: newest }.into());
    }
    let coming = if version < newest { format!("; the next start brings it to {newest}") } else { String::new() };
    Ok(((), format!("{engine}, schema {version}{coming}")))
}

/// Whether the server key is the one that the keys in the database are sealed with. Nothing is made.
async fn signing(folder: &Folder, config: &Config) -> Result<((), String)> {
    let url = admin::database_url(folder, config);
    let there =
        !url.starts_with("sqlite:") || folder.path().join("coprd.sqlite").exists() || config.database.url.is_some();
    let Some(proof) = (if there { db::key::look_at_proof(&url).await? } else { None }) else {
        return Ok(((), format!("the first start makes {}", folder.signing_key().display())));
    };
    let db = admin::open_db(folder, config).await?;
    let checked = admin::keys::signing(folder, config, &db)?.check(&proof).await;
    let keys = db::key::count(&db).await?;
    db.close().await;
    Ok(((), format!("{} fits {keys} keys; the process is {}", folder.signing_key().display(), checked?)))
}

async fn store(folder: &Folder, config: &Config) -> Result<((), String)> {
    let local = folder.path().join("store");
    fs_err::create_dir_all(&local)?;
    tempfile::NamedTempFile::new_in(&local).with_context(|| format!("{} can't be written", local.display()))?;
    match Bucket::connect(&config.store)? {
        None => Ok(((), local.display().to_string())),
        Some(bucket) => {
            bucket.check().await?;
            Ok(((), format!("{} can be written, also on conditions", config.store.bucket)))
        }
    }
}

fn tls(config: &Config) -> Result<((), String)> {
    Ok(match Tls::open(&config.tls)? {
        Some(_) => ((), config.tls.certificate.display().to_string()),
        None => ((), "not spoken by this server".to_owned()),
    })
}

/// The provider is asked what it is.
async fn sign_in(config: &Config) -> Result<((), String)> {
    let passwords = if config.sign_in.passwords { "passwords" } else { "no passwords" };
    let Some(provider) = Provider::new(&config.sign_in.oidc, &config.public_url) else {
        return Ok(((), format!("{passwords}, no identity provider")));
    };
    provider.check().await.context("[sign_in.oidc]")?;
    Ok(((), format!("{passwords}, {} answers", config.sign_in.oidc.issuer)))
}

async fn listen(folder: &Folder, config: &Config) -> Result<((), String)> {
    match TcpListener::bind(&config.listen).await {
        Ok(_) => Ok(((), format!("{} is free", config.listen))),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && folder.is_served() => {
            Ok(((), format!("{}: by the server that runs on this folder", config.listen)))
        }
        Err(error) => bail!("cannot listen on {}: {error}", config.listen),
    }
}

async fn builder(folder: &Folder, config: &Config, options: &Options) -> Result<((), String)> {
    match serve::embedded(config, folder, &Secret::new("-"), "check", &options.path)? {
        None => Ok(((), "none in this server".to_owned())),
        Some(options) => Ok(((), serve::check_builder(options).await?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(folder: &std::path::Path, config: &str) -> Findings {
        fs_err::write(folder.join("coprd.toml"), config).unwrap();
        run(&Options {
            data: folder.to_owned(),
            listen: None,
            config: None,
            minidistro: None,
            path: std::ffi::OsString::new(),
        })
        .await
    }

    fn wrong(found: &Findings) -> Vec<&'static str> {
        found.checks.iter().filter(|line| !line.ok).map(|line| line.what).collect()
    }

    #[tokio::test]
    async fn each_thing_that_is_wrong_has_its_line_and_the_others_are_looked_at_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let fine = "listen = \"127.0.0.1:0\"\n[builder]\nenabled = false\n";
        let found = check(folder.path(), fine).await;
        assert!(found.ok && found.checks.len() == 11, "{found}");
        assert!(!folder.path().join("coprd.sqlite").exists(), "a look makes no database");

        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let text = format!(
            "listen = \"{}\"\n[tls]\ncertificate = \"/nowhere/c.pem\"\nkey = \"/nowhere/k.pem\"\n[chroots]\nfolder = \
             \"/nowhere\"\n[database]\nurl = \"mysql://h\"\n",
            taken.local_addr().unwrap()
        );
        let found = check(folder.path(), &text).await;
        assert_eq!(wrong(&found), ["chroots", "database", "signing", "tls", "listen", "builder"], "{found}");
        assert!(found.to_string().contains("WRONG tls") && found.to_string().contains("/nowhere/c.pem"), "{found}");

        let found = check(folder.path(), "[limits]\nbody_byte = 1\n").await;
        assert_eq!(wrong(&found), ["configuration"]);
        assert!(found.to_string().contains("line 2") && found.to_string().contains("body_byte"), "{found}");
    }
}
