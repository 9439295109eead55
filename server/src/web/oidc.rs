//! The other side of `[sign_in.oidc]`: an OIDC provider, asked by the authorization code flow with PKCE.

use std::{
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::http::{self, StatusCode};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use copr_api::names::Secret;
use openidconnect::{
    AsyncHttpClient, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, TokenResponse as _,
    core::{CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreProviderMetadata, CoreTokenResponse},
};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use crate::{config::people::Oidc, db::identity::SigningIn, db::session::random_secret};

/// Longest answer of a provider, in bytes.
const ANSWER: usize = 1 << 20;
/// How long a provider may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a provider says of itself is asked for anew after this long.
const FRESH: Duration = Duration::from_secs(3600);
/// While it can't be asked, what it said before is good for this long.
const STALE: Duration = Duration::from_secs(24 * 3600);
/// After a failure it is left alone for this long.
const PAUSE: Duration = Duration::from_secs(5);
/// Most groups of one user that are looked at, and the longest name of one, in bytes.
const GROUPS: (usize, usize) = (2000, 200);

/// Why nobody is signed in. The texts are for the administrator's log; what people see says less.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OidcError {
    /// The provider does not answer, or not as a provider should; trying again later may help.
    #[error("{0}")]
    Down(String),
    /// The provider does not vouch for this user, or what it says is not for this sign-in.
    #[error("{0}")]
    Refused(String),
}

/// Whom the provider vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// `ISSUER SUBJECT`: never used for anybody else.
    pub identity: String,
    /// The name there; may be anything.
    pub name: String,
    /// The groups there.
    pub groups: Vec<String>,
}

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// What the provider said of itself: its addresses and keys.
#[derive(Debug, Clone)]
struct Known {
    metadata: Arc<CoreProviderMetadata>,
    at: Instant,
}

#[derive(Debug, Default)]
struct Memory {
    known: Option<Known>,
    failed: Option<(Instant, OidcError)>,
}

/// The provider.
#[derive(Debug)]
pub struct Provider {
    config: Oidc,
    redirect: String,
    memory: Mutex<Memory>,
}

impl Provider {
    /// The provider of a configuration, if it has one, for the server at this address.
    #[must_use]
    pub fn new(config: &Oidc, base_url: &str) -> Option<Self> {
        config.is_on().then(|| Self {
            config: config.clone(),
            redirect: format!("{base_url}/login/oidc/callback"),
            memory: Mutex::default(),
        })
    }

    /// Text of its button.
    #[must_use]
    pub fn button(&self) -> &str {
        &self.config.button
    }

    /// The provider's address for a browser that leaves now, what it carries there, and what to remember.
    ///
    /// # Errors
    /// [`OidcError::Down`].
    pub async fn leave(&self, back: &str) -> Result<(String, Secret, SigningIn), OidcError> {
        let known = self.known(None).await?;
        let (state, nonce, verifier) = (random_secret(), random_secret(), random_secret());
        let challenge =
            PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier.expose().to_owned()));
        let client = self.client(&known)?;
        let (carried, expected) = (CsrfToken::new(state.expose().to_owned()), Nonce::new(nonce.expose().to_owned()));
        let (url, _, _) = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, || carried, || expected)
            .add_scopes(self.config.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(challenge)
            .url();
        Ok((url.to_string(), state, SigningIn { nonce, verifier, back: back.to_owned() }))
    }

    /// Who it is that comes back with `code`; `issuer` is what the provider called itself on the way, if it did.
    ///
    /// # Errors
    /// The provider does not answer, or does not vouch for anybody.
    pub async fn come_back(&self, code: &str, issuer: Option<&str>, away: &SigningIn) -> Result<Person, OidcError> {
        if issuer.is_some_and(|issuer| issuer != self.config.issuer) {
            return Err(OidcError::Refused("the answer is another provider's".to_owned()));
        }
        let http = self.http()?;
        let known = self.known(None).await?;
        let client = self.client(&known)?;
        let tokens = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(down("the provider names no address for tokens"))?
            .set_pkce_verifier(PkceCodeVerifier::new(away.verifier.expose().to_owned()))
            .request_async(&http)
            .await
            .map_err(|error| match error {
                RequestTokenError::ServerResponse(answer) => OidcError::Refused(format!("no tokens: {answer}")),
                other => down("no tokens")(other),
            })?;
        let id = tokens.id_token().ok_or_else(|| OidcError::Refused("there is no ID token".to_owned()))?;
        let nonce = Nonce::new(away.nonce.expose().to_owned());
        let checked = match id.claims(&client.id_token_verifier(), &nonce) {
            // It may sign with a new key.
            Err(ClaimsVerificationError::SignatureVerification(_)) => {
                let known = self.known(Some(known.at)).await?;
                id.claims(&self.client(&known)?.id_token_verifier(), &nonce).map(drop)
            }
            other => other.map(drop),
        };
        checked.map_err(|error| {
            OidcError::Refused(format!("the ID token is not good: {:#}", anyhow::Error::new(error)))
        })?;
        let claims = payload(id).ok_or_else(|| OidcError::Refused("the ID token has no claims".to_owned()))?;
        self.person(&http, &known, &tokens, claims).await
    }

    /// Asks the provider what it is, for `check-config`.
    ///
    /// # Errors
    /// It does not answer, or the secret can't be read.
    pub async fn check(&self) -> anyhow::Result<()> {
        self.config.secret()?;
        self.known(None).await?;
        Ok(())
    }

    fn client(&self, known: &Known) -> Result<Client, OidcError> {
        let secret = self.config.secret().map_err(|error| OidcError::Down(error.to_string()))?;
        let secret = secret.map(|secret| ClientSecret::new(secret.expose().to_owned()));
        let redirect = RedirectUrl::new(self.redirect.clone()).map_err(down("this server's address"))?;
        let id = ClientId::new(self.config.client_id.clone());
        Ok(CoreClient::from_provider_metadata((*known.metadata).clone(), id, secret).set_redirect_uri(redirect))
    }

    /// What the provider says of itself: remembered, or asked for when that is old, or not newer than `newer`.
    async fn known(&self, newer: Option<Instant>) -> Result<Known, OidcError> {
        // Whoever comes meanwhile waits for the answer instead of asking, too.
        let mut memory = self.memory.lock().await;
        let Memory { known, failed } = &mut *memory;
        if let Some(known) = known.as_ref().filter(|known| newer.is_none_or(|at| known.at > at))
            && known.at.elapsed() < FRESH
        {
            return Ok(known.clone());
        }
        let asked = match failed {
            Some((at, error)) if at.elapsed() < PAUSE => Err(error.clone()),
            _ => {
                let asked = self.ask().await;
                *failed = asked.as_ref().err().map(|error| (Instant::now(), error.clone()));
                asked
            }
        };
        match (asked, known) {
            (Ok(metadata), known) => {
                Ok(known.insert(Known { metadata: Arc::new(metadata), at: Instant::now() }).clone())
            }
            (Err(_), Some(known)) if newer.is_none() && known.at.elapsed() < STALE => Ok(known.clone()),
            (Err(error), _) => Err(error),
        }
    }

    async fn ask(&self) -> Result<CoreProviderMetadata, OidcError> {
        let issuer = IssuerUrl::new(self.config.issuer.clone()).map_err(down("issuer"))?;
        CoreProviderMetadata::discover_async(issuer, &self.http()?)
            .await
            .map_err(down("the provider does not tell what it is"))
    }

    /// Made for each sign-in: connections are kept for none, and there are few.
    fn http(&self) -> Result<Http, OidcError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("copr-rust/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(PATIENCE / 2)
            .timeout(PATIENCE)
            .https_only(!self.config.is_near());
        if self.config.is_near() {
            builder = builder.no_proxy();
        }
        if !self.config.ca_file.as_os_str().is_empty() {
            let pem = fs_err::read(&self.config.ca_file).map_err(down("ca_file"))?;
            builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(&pem).map_err(down("ca_file"))?);
        }
        builder.build().map(Http).map_err(down("HTTP"))
    }

    /// The person that verified claims speak of. What they do not tell is asked for.
    async fn person(
        &self,
        http: &Http,
        known: &Known,
        tokens: &CoreTokenResponse,
        mut claims: Map<String, Value>,
    ) -> Result<Person, OidcError> {
        let subject = text(&claims, "sub").ok_or_else(|| OidcError::Refused("there is no subject".to_owned()))?;
        let Oidc { issuer, name_claim, groups_claim, .. } = &self.config;
        let lacks = [name_claim, groups_claim].iter().any(|claim| !claims.contains_key(claim.as_str()));
        if let Some(url) = known.metadata.userinfo_endpoint().filter(|_| lacks) {
            let request = http::Request::get(url.as_str())
                .header(http::header::AUTHORIZATION, format!("Bearer {}", tokens.access_token().secret()))
                .header(http::header::ACCEPT, "application/json")
                .body(Vec::new())
                .map_err(down("userinfo"))?;
            let answer = http.call(request).await.map_err(down("userinfo"))?;
            let more: Map<String, Value> = match answer.status() {
                StatusCode::OK => serde_json::from_slice(answer.body()).map_err(down("userinfo"))?,
                status => return Err(OidcError::Down(format!("userinfo: {status}"))),
            };
            // It is not signed, and may be anybody's.
            if text(&more, "sub").as_ref() != Some(&subject) {
                return Err(OidcError::Refused("userinfo is about somebody else".to_owned()));
            }
            for (name, value) in more {
                claims.entry(name).or_insert(value);
            }
        }
        let name = text(&claims, name_claim)
            .ok_or_else(|| OidcError::Refused(format!("the provider tells no {name_claim} (name_claim)")))?;
        Ok(Person { identity: format!("{issuer} {subject}"), name, groups: groups(claims.get(groups_claim)) })
    }
}

/// The claims of an ID token that has been verified, as they are.
fn payload(token: &CoreIdToken) -> Option<Map<String, Value>> {
    let text = token.to_string();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text.split('.').nth(1)?).ok()?).ok()
}

fn text(claims: &Map<String, Value>, name: &str) -> Option<String> {
    let text = claims.get(name)?.as_str()?.trim();
    (!text.is_empty() && text.len() <= 255 && !text.contains('\0')).then(|| text.to_owned())
}

/// A list of names, or one text with the names between blanks or commas.
fn groups(claim: Option<&Value>) -> Vec<String> {
    let (most, longest) = GROUPS;
    let names: Vec<&str> = match claim {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(text)) => text.split([' ', ',']).filter(|name| !name.is_empty()).collect(),
        _ => Vec::new(),
    };
    names.into_iter().filter(|name| name.len() <= longest).take(most).map(str::to_owned).collect()
}

fn down<E: std::error::Error + Send + Sync + 'static>(what: &str) -> impl Fn(E) -> OidcError {
    move |error| OidcError::Down(format!("{what}: {:#}", anyhow::Error::new(error)))
}

/// How the provider is asked: no redirects, little time, short answers.
#[derive(Debug)]
struct Http(reqwest::Client);

/// Why a provider's answer was not had.
#[derive(Debug, thiserror::Error)]
enum HttpError {
    /// Connection, TLS or time.
    #[error(transparent)]
    Transport(#[from] reqwest::Error),
    /// No request can be made of it.
    #[error(transparent)]
    Request(#[from] http::Error),
    /// The answer is longer than anybody needs.
    #[error("the answer is longer than {ANSWER} bytes")]
    TooLong,
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;
    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let mut answer = self.0.execute(request.try_into()?).await?;
            let mut body = Vec::new();
            while let Some(piece) = answer.chunk().await? {
                if body.len() + piece.len() > ANSWER {
                    return Err(HttpError::TooLong);
                }
                body.extend_from_slice(&piece);
            }
            let mut whole = http::Response::builder().status(answer.status());
            for (name, value) in answer.headers() {
                whole = whole.header(name, value);
            }
            Ok(whole.body(body)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn groups_are_a_list_or_words_and_nothing_else() {
        assert_eq!(groups(Some(&json!(["a", "b c", 7, null]))), ["a", "b c"]);
        assert_eq!(groups(Some(&json!("a b,c , d"))), ["a", "b", "c", "d"]);
        for none in [json!(null), json!(7), json!({"a": 1}), json!("")] {
            assert!(groups(Some(&none)).is_empty(), "{none}");
        }
        assert!(groups(None).is_empty());
        assert_eq!(groups(Some(&json!(vec!["x"; 5000]))).len(), 2000);
        assert!(groups(Some(&json!(["x".repeat(201)]))).is_empty());
    }
}
