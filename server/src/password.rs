//! Passwords: argon2id, as strings in PHC form. Hashing takes 19 MiB and tens of milliseconds, so that few are tried in a leak;
//! two are hashed at a time, so that a flood of tries takes neither memory nor processors.

use std::time::Duration;

use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::SaltString,
};
use copr_api::names::Secret;
use tokio::sync::Semaphore;

/// Shortest password, in bytes.
pub const SHORTEST: usize = 10;
/// Longest, in bytes.
pub const LONGEST: usize = 1024;
/// How long a try waits for others before it.
const PATIENCE: Duration = Duration::from_secs(10);

static AT_WORK: Semaphore = Semaphore::const_new(2);

/// Why a password was neither hashed nor compared.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Its length.
    #[error("a password must have {SHORTEST} to {LONGEST} bytes")]
    Length,
    /// Too many others are at it.
    #[error("too many people sign in at this moment: try again in a minute")]
    Busy,
    /// The stored hash is none, or memory is short.
    #[error("passwords: {0}")]
    Broken(String),
}

/// OWASP's second recommendation for argon2id: 19 MiB, two passes, one lane.
fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

/// The PHC string of a new password.
///
/// # Errors
/// It is too short or too long, or too many others wait.
pub async fn hash(password: Secret) -> Result<Secret, PasswordError> {
    if !(SHORTEST..=LONGEST).contains(&password.expose().len()) {
        return Err(PasswordError::Length);
    }
    apart(move || {
        let salt: [u8; 16] = rand::random();
        let salt = SaltString::encode_b64(&salt).map_err(broken)?;
        let hash = hasher().hash_password(password.expose().as_bytes(), &salt).map_err(broken)?;
        Ok(Secret::new(hash.to_string()))
    })
    .await
}

/// Whether a password is the one of this hash. Without a hash it is not, which takes as long to find out.
///
/// # Errors
/// Too many others wait, or what is stored is no hash.
pub async fn is_right(password: Secret, hash: Option<Secret>) -> Result<bool, PasswordError> {
    // Longer ones are nobody's, and would only cost time.
    if password.expose().len() > LONGEST {
        return Ok(false);
    }
    apart(move || {
        let given = password.expose().as_bytes();
        let Some(hash) = hash else {
            hasher().hash_password_into(given, &[0; 16], &mut [0; 32]).map_err(broken)?;
            return Ok(false);
        };
        match hasher().verify_password(given, &PasswordHash::new(hash.expose()).map_err(broken)?) {
            Ok(()) => Ok(true),
            Err(argon2::password_hash::Error::Password) => Ok(false),
            Err(error) => Err(broken(error)),
        }
    })
    .await
}

fn broken(error: impl std::fmt::Display) -> PasswordError {
    PasswordError::Broken(error.to_string())
}

/// On a thread that may be busy, when it is its turn.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
) -> Result<T, PasswordError> {
    let Ok(Ok(turn)) = tokio::time::timeout(PATIENCE, AT_WORK.acquire()).await else {
        return Err(PasswordError::Busy);
    };
    let done = tokio::task::spawn_blocking(move || {
        // Held to the end, even when nobody waits for it any more.
        let _turn = turn;
        work()
    });
    done.await.map_err(broken)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_right_only_for_its_own_hash_which_is_argon2id_with_a_salt_of_its_own() {
        let text = || Secret::new("correct horse battery");
        let (one, other) = (hash(text()).await.unwrap(), hash(text()).await.unwrap());
        assert!(one.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", one.expose());
        assert_ne!(one, other);
        assert!(is_right(text(), Some(one.clone())).await.unwrap());
        assert!(!is_right(Secret::new("correct horse batterz"), Some(one.clone())).await.unwrap());
        assert!(!is_right(Secret::new(""), Some(one.clone())).await.unwrap());
        assert!(!is_right(Secret::new("x".repeat(LONGEST + 1)), Some(one)).await.unwrap());
        assert!(!is_right(text(), None).await.unwrap());
        assert!(matches!(is_right(text(), Some(Secret::new("plain"))).await, Err(PasswordError::Broken(_))));
    }

    #[tokio::test]
    async fn a_password_has_ten_to_1024_bytes() {
        for (length, fine) in
            [(0, false), (SHORTEST - 1, false), (SHORTEST, true), (LONGEST, true), (LONGEST + 1, false)]
        {
            assert_eq!(hash(Secret::new("x".repeat(length))).await.is_ok(), fine, "{length}");
        }
    }
}
