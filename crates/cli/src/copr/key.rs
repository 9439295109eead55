//! Commands about the keys that packages are signed with.

use copr_api::v3::{ProjectKeys, SignWith};

use super::{args::KeyCommand, failure::Failure, session::Session, ui::harmless};

/// `copr key`.
pub(super) async fn key(session: &Session, command: KeyCommand) -> Result<(), Failure> {
    match command {
        KeyCommand::Show { project, public } => {
            let target = session.target(&project).await?;
            let keys = session.client.keys(&target.owner, &target.project()).await?;
            if public && !session.ui.is_json() {
                let text: String = keys.keys.iter().map(|key| key.public_key.as_str()).collect();
                return Ok(session.ui.line(harmless(text.trim_end()))?);
            }
            session.done(&keys, shown(&keys))
        }
        KeyCommand::Rotate { project, yes } => {
            let target = session.target(&project).await?;
            let name = format!("{}/{}", target.owner, target.project());
            if !yes && !session.ui.agrees(&format!("Sign {name} with a new key from now on?")).await? {
                session.ui.note("Nothing was changed.");
                return Ok(());
            }
            let keys = session.client.rotate_key(&target.owner, &target.project()).await?;
            session.done(&keys, shown(&keys))
        }
    }
}

/// The day of a time in seconds since 1970, in UTC.
fn date(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds).map(|time| time.to_zoned(jiff::tz::TimeZone::UTC));
    time.map(|time| time.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}

/// The keys for people: a line each, and where they are.
fn shown(keys: &ProjectKeys) -> String {
    if keys.signing == SignWith::Nothing {
        return "The project signs nothing.".to_owned();
    }
    let mut lines = Vec::new();
    for key in &keys.keys {
        let whose = if key.of_owner { ", of the owner" } else { "" };
        let state = match key.trusted_until {
            _ if key.current => "signs".to_owned(),
            Some(until) => format!("trusted until {}", date(until)),
            None => "trusted".to_owned(),
        };
        lines.push(format!("{}  {state}{whose}", harmless(&key.fingerprint)));
    }
    if keys.keys.is_empty() {
        lines.push("The key is being made.".to_owned());
    }
    if let Some(url) = &keys.pubkey_url {
        lines.push(format!("Public keys: {}", harmless(url)));
    }
    if keys.unsigned > 0 {
        lines.push(format!(
            "{} published packages are not signed: .repo files have gpgcheck=0 meanwhile.",
            keys.unsigned
        ));
    }
    lines.join("\n")
}
