//! `/coprs/OWNER/PROJECT/keys/`: the keys that its packages and metadata are signed with, and replacing the one that signs.

use askama::Template;
use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use copr_api::v3::{ProjectKeys, SignWith};
use serde::Serialize;

use super::{Fields, Head, Of, below, names_of};
use crate::{
    clock,
    db::project::Project,
    http::user,
    state::AppState,
    web::{
        error::PageError,
        faults::Faults,
        frame::{Frame, Wants, show, show_with},
        text::Moment,
    },
};

/// The address.
pub(super) fn routes() -> Router<AppState> {
    below(Router::new(), "keys/", get(page).post(rotate))
}

/// A key.
#[derive(Debug, Serialize)]
pub(super) struct KeyLine {
    /// Fingerprint, in groups of four digits.
    pub(super) fingerprint: String,
    /// Whether new packages are signed with it.
    pub(super) current: bool,
    /// Whether it is the owner's.
    pub(super) of_owner: bool,
    /// When it was made.
    pub(super) made: Moment,
    /// Until when it is trusted at least.
    pub(super) trusted_until: Option<Moment>,
}

/// What is shown of a project's signatures.
#[derive(Debug, Serialize)]
pub(super) struct Signatures {
    /// Whether it signs.
    pub(super) signs: bool,
    /// Where the public keys are; empty: nowhere.
    pub(super) url: String,
    /// Published packages that are not signed.
    pub(super) unsigned: i64,
    /// The keys, the current one first.
    pub(super) keys: Vec<KeyLine>,
}

impl Signatures {
    pub(super) async fn load(state: &AppState, project: &Project) -> Result<Self, PageError> {
        let ProjectKeys { signing, pubkey_url, unsigned, keys, .. } = user::key::view(state, project).await?;
        let now = clock::now_ms();
        let moment = |seconds: i64| Moment::new(seconds.saturating_mul(1000), now);
        let keys = keys.into_iter().map(|key| KeyLine {
            fingerprint: grouped(&key.fingerprint),
            current: key.current,
            of_owner: key.of_owner,
            made: moment(key.created_on),
            trusted_until: key.trusted_until.map(moment),
        });
        let url = pubkey_url.unwrap_or_default();
        Ok(Self { signs: signing != SignWith::Nothing, url, unsigned, keys: keys.collect() })
    }
}

/// A fingerprint as people compare it.
fn grouped(fingerprint: &str) -> String {
    let digits: Vec<char> = fingerprint.to_uppercase().chars().collect();
    digits.chunks(4).map(String::from_iter).collect::<Vec<_>>().join(" ")
}

#[derive(Debug, Template, Serialize)]
#[template(path = "project/keys.html")]
struct KeysPage {
    #[serde(skip)]
    frame: Frame,
    #[serde(flatten)]
    head: Head,
    #[serde(flatten)]
    signatures: Signatures,
    #[serde(skip)]
    faults: Faults,
    /// Days that a key is trusted at least after another took its place.
    trusted_days: i64,
}

impl KeysPage {
    async fn load(state: &AppState, frame: Frame, project: &Project) -> Result<Self, PageError> {
        let head = Head::new(state, &frame.viewer, project, "keys/").await?;
        let signatures = Signatures::load(state, project).await?;
        let trusted_days = state.config.signing.trusted_days;
        Ok(Self { frame, head, signatures, faults: Faults::default(), trusted_days })
    }

    /// Whether who looks may replace the key.
    fn may_rotate(&self) -> bool {
        let owners = self.signatures.keys.iter().any(|key| key.current && key.of_owner);
        self.signatures.signs && if owners { self.head.is_owner() } else { self.head.is_admin() }
    }
}

async fn page(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
) -> Result<Response, PageError> {
    show(&wants, &KeysPage::load(&state, frame, &project).await?)
}

async fn rotate(
    State(state): State<AppState>,
    Of(project): Of,
    wants: Wants,
    frame: Frame,
    _form: Fields,
) -> Result<Response, PageError> {
    let caller = frame.caller()?;
    let path = names_of(&project);
    let mut page = KeysPage::load(&state, frame, &project).await?;
    match user::key::rotate(State(state), caller, path).await {
        Ok(_) => Ok(Redirect::to(&format!("{}keys/?done=1", page.head.url)).into_response()),
        Err(error) => {
            page.faults = Faults::of(error, &[])?;
            show_with(StatusCode::BAD_REQUEST, &wants, &page)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_shown_in_groups() {
        assert_eq!(grouped("0123456789abcdef"), "0123 4567 89AB CDEF");
    }
}
