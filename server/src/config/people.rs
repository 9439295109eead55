//! `[sign_in]`: how people sign in with a browser. `[people]`: what they may do beside their projects.

use std::path::PathBuf;

use copr_api::names::Secret;
use serde::Deserialize;

/// `[sign_in]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignIn {
    /// Whether users may sign in with a password that this server knows.
    pub passwords: bool,
    /// The identity provider.
    pub oidc: Oidc,
}

/// `[sign_in.oidc]`: an OIDC provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Oidc {
    /// Its address, exactly as it calls itself; empty: there is none.
    pub issuer: String,
    /// What it calls this server.
    pub client_id: String,
    /// File with the secret that goes with it; empty: a public client, which has none.
    pub client_secret_file: PathBuf,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// Claim that has a new user's name.
    pub name_claim: String,
    /// Claim that has the names of the user's groups.
    pub groups_claim: String,
    /// Text of the button.
    pub button: String,
    /// PEM file with the authorities that its certificate may be of, beside the system's; empty: those alone.
    pub ca_file: PathBuf,
}

impl Default for SignIn {
    fn default() -> Self {
        Self { passwords: true, oidc: Oidc::default() }
    }
}

impl Default for Oidc {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            client_id: String::new(),
            client_secret_file: PathBuf::new(),
            scopes: vec!["profile".to_owned()],
            name_claim: "preferred_username".to_owned(),
            groups_claim: "groups".to_owned(),
            button: "Sign in with your account".to_owned(),
            ca_file: PathBuf::new(),
        }
    }
}

impl SignIn {
    /// What is wrong: the key and its rule.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        if self.oidc.is_on() { self.oidc.check() } else { Ok(()) }
    }
}

impl Oidc {
    /// Whether there is a provider.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.issuer.is_empty()
    }

    /// Whether the provider is on this machine.
    #[must_use]
    pub fn is_near(&self) -> bool {
        let host = url::Url::parse(&self.issuer).ok().and_then(|url| url.host_str().map(str::to_owned));
        matches!(host.as_deref(), Some("localhost" | "127.0.0.1" | "[::1]"))
    }

    /// The secret that goes with [`Self::client_id`], read anew; `None`: there is none.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn secret(&self) -> std::io::Result<Option<Secret>> {
        if self.client_secret_file.as_os_str().is_empty() {
            return Ok(None);
        }
        let text = fs_err::read_to_string(&self.client_secret_file)?;
        Ok(Some(Secret::new(text.trim())))
    }

    fn check(&self) -> Result<(), (&'static str, String)> {
        let plain = match url::Url::parse(&self.issuer) {
            Ok(url) if url.query().is_none() && url.fragment().is_none() && url.username().is_empty() => {
                url.scheme() == "http"
            }
            _ => return Err(("sign_in.oidc.issuer", format!("{:?} is no https:// address", self.issuer))),
        };
        if !(self.issuer.starts_with("https://") || plain && self.is_near()) {
            let rule = format!("{:?} must begin with https://, as passwords are typed there", self.issuer);
            return Err(("sign_in.oidc.issuer", rule));
        }
        for (key, value) in [
            ("sign_in.oidc.client_id", &self.client_id),
            ("sign_in.oidc.name_claim", &self.name_claim),
            ("sign_in.oidc.groups_claim", &self.groups_claim),
            ("sign_in.oidc.button", &self.button),
        ] {
            if value.trim().is_empty() {
                return Err((key, "must be set when there is an issuer".to_owned()));
            }
        }
        Ok(())
    }
}

/// `[people]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct People {
    /// Who may add groups.
    pub groups: GroupMakers,
}

/// Who may add groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupMakers {
    /// Administrators of the site.
    #[default]
    Admins,
    /// Every user.
    Users,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_reached_by_tls_unless_it_is_on_this_machine() {
        let with = |issuer: &str| Oidc { issuer: issuer.to_owned(), client_id: "copr".to_owned(), ..Oidc::default() };
        for fine in
            ["https://id.example.org", "https://id.example.org/realms/x/", "http://127.0.0.1:3000", "http://[::1]:1"]
        {
            assert_eq!(with(fine).check(), Ok(()), "{fine}");
        }
        for bad in [
            "http://id.example.org",
            "id.example.org",
            "ftp://127.0.0.1",
            "https://id.example.org/?a=b",
            "https://a@b/",
        ] {
            assert_eq!(with(bad).check().unwrap_err().0, "sign_in.oidc.issuer", "{bad}");
        }
        let nameless = Oidc { client_id: String::new(), ..with("https://id.example.org") };
        assert_eq!(nameless.check().unwrap_err().0, "sign_in.oidc.client_id");
    }
}
