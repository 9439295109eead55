//! Telling webhooks.

use std::time::Duration;

use copr_api::names::Secret;
use copr_builder::{
    Network,
    download::{self, DownloadError},
};
use futures_util::{StreamExt as _, stream};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::time::Instant;

use crate::{
    clock,
    config::events::Events,
    db::{
        self,
        hook::{self, Delivery, Hook, Tried},
    },
    die,
    state::AppState,
};

/// Webhooks that are told at the same time.
const AT_ONCE: usize = 8;
/// A claim lasts so long, which is longer than [`BUDGET`] and one call.
const CLAIM: Duration = Duration::from_secs(90);
/// After so long a webhook is left to others for a moment.
const BUDGET: Duration = Duration::from_secs(30);
/// The first pause after a failure; each is four times as long as the one before, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// Bytes of an answer that are read, and characters that are kept.
const ANSWER: usize = 4096;
const SHOWN: usize = 500;

/// The client that tells webhooks: it reaches public addresses, and those that the administrator allows.
///
/// # Errors
/// There is no usable TLS set-up.
pub fn client(config: &Events) -> Result<reqwest::Client, DownloadError> {
    download::guarded(&network(config), config.hook_timeout())
}

/// Whether an address may be told at all; what a name leads to is looked at when it is.
///
/// # Errors
/// It may not; the text says why.
pub fn check(config: &Events, url: &url::Url) -> Result<(), String> {
    download::check(url, &network(config)).map_err(why)
}

/// What a call has failed of, without its address.
fn why(error: DownloadError) -> String {
    match error {
        DownloadError::Refused { refused, .. } => format!(
            "{} is {}, which webhooks may not reach unless the administrator allows it",
            refused.address, refused.what
        ),
        DownloadError::BadUrl { reason, .. } | DownloadError::Transport { reason, .. } => reason,
        other => other.to_string(),
    }
}

fn network(config: &Events) -> Network {
    Network { allow: config.allow.clone(), ..Network::default() }
}

/// `X-Copr-Signature-256` of a body that is sent at a time, seconds since 1970: HMAC-SHA256 of `TIME.BODY`.
#[must_use]
pub fn sign(secret: &Secret, seconds: i64, body: &str) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else { return String::new() };
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body.as_bytes());
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// Tells all webhooks for which something is due; how many there were.
///
/// # Errors
/// The database does not answer.
pub async fn deliver(state: &AppState, client: &reqwest::Client, server: &str) -> Result<usize, db::Error> {
    let mut hooks = Vec::new();
    while hooks.len() < AT_ONCE {
        let now = clock::now_ms();
        let until = now.saturating_add(i64::try_from(CLAIM.as_millis()).unwrap_or(i64::MAX));
        match hook::claim(&state.db, server, now, until).await? {
            Some(hook) => hooks.push(hook),
            None => break,
        }
    }
    let count = hooks.len();
    let told = stream::iter(hooks).map(|hook| one_hook(state, client, hook)).buffer_unordered(AT_ONCE);
    told.collect::<Vec<_>>().await.into_iter().collect::<Result<(), _>>()?;
    Ok(count)
}

/// Tells one webhook what waits for it, in order, until there is nothing more or it fails.
async fn one_hook(state: &AppState, client: &reqwest::Client, mut hook: Hook) -> Result<(), db::Error> {
    let began = Instant::now();
    while began.elapsed() < BUDGET {
        let Some(delivery) = hook::next(&state.db, hook.id).await? else { break };
        let tried = call(state, client, &hook, &delivery).await;
        die::at("webhook told");
        let now = clock::now_ms();
        let failed = tried.error.clone();
        let pause = i64::try_from(pause(hook.attempts).as_millis()).unwrap_or(i64::MAX);
        let patience = now.saturating_sub(state.config.events.give_up_hours.saturating_mul(3_600_000));
        hook::tried(&state.db, &hook, &delivery, &tried, now.saturating_add(pause), patience, now).await?;
        if let Some(error) = failed {
            tracing::info!(hook = hook.id, delivery = delivery.id, error, "a webhook did not answer well");
            return Ok(());
        }
        hook.attempts = 0;
    }
    hook::free(&state.db, &hook).await
}

fn pause(failures: i64) -> Duration {
    let factor = 4_u32.checked_pow(u32::try_from(failures).unwrap_or(u32::MAX)).unwrap_or(u32::MAX);
    FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE)
}

async fn call(state: &AppState, client: &reqwest::Client, hook: &Hook, delivery: &Delivery) -> Tried {
    let began = Instant::now();
    let mut tried = Tried::default();
    match send(state, client, hook, delivery).await {
        Ok((status, answer)) => {
            tried.status = Some(i64::from(status));
            tried.error = match status {
                200..300 => None,
                300..400 => Some(format!("the status is {status}, and nobody is led elsewhere: change the address")),
                _ => Some(format!("the status is {status}")),
            };
            tried.answer = Some(answer).filter(|answer| !answer.is_empty());
        }
        Err(error) => tried.error = Some(why(error)),
    }
    tried.took_ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
    tried
}

async fn send(
    state: &AppState,
    client: &reqwest::Client,
    hook: &Hook,
    delivery: &Delivery,
) -> Result<(u16, String), DownloadError> {
    let url = url::Url::parse(&hook.url)
        .map_err(|error| DownloadError::BadUrl { url: String::new(), reason: error.to_string() })?;
    download::check(&url, &network(&state.config.events))?;
    let seconds = clock::now_ms() / 1000;
    let failed = |error: reqwest::Error| download::failed(&url, &error);
    let mut answer = client
        .post(url.clone())
        .header("content-type", "application/json")
        .header("x-copr-event", delivery.topic.as_str())
        .header("x-copr-delivery", delivery.id)
        .header("x-copr-message", delivery.message_id.as_str())
        .header("x-copr-hook", hook.id)
        .header("x-copr-timestamp", seconds)
        .header("x-copr-signature-256", sign(&hook.secret, seconds, &delivery.payload))
        .body(delivery.payload.clone())
        .send()
        .await
        .map_err(failed)?;
    let status = answer.status().as_u16();
    let mut bytes = Vec::new();
    while bytes.len() < ANSWER {
        match answer.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(chunk.get(..ANSWER).unwrap_or(&chunk)),
            // What counts has come.
            Ok(None) | Err(_) => break,
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    Ok((status, text.chars().filter(|c| !c.is_control() || *c == '\n').take(SHOWN).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_others_make_of_the_same_key_and_text() {
        // echo -n '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
        assert_eq!(
            sign(&Secret::new("key"), 1_700_000_000, "{\"a\":1}"),
            "sha256=a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03"
        );
    }

    #[test]
    fn pauses_grow_up_to_an_hour() {
        let seconds: Vec<u64> = (0..6).map(|failures| pause(failures).as_secs()).collect();
        assert_eq!(seconds, [10, 40, 160, 640, 2560, 3600]);
        assert_eq!(pause(i64::MAX).as_secs(), 3600);
    }
}
