//! Passwords: argon2id, on threads that may block, few at a time.

use std::sync::Arc;

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tacho_runtime::tls::random_secret;
use tokio::sync::Semaphore;

/// Hashes computed at one time; each takes a core and the memory of [`PasswordCost`].
const AT_ONCE: usize = 2;

/// Sign-ins that may wait for their turn; more are told to come back later.
const WAITING: usize = 32;

/// Shortest password that a person may choose.
pub const SHORTEST: usize = 8;

/// Longest password; a longer one would only cost time.
pub const LONGEST: usize = 256;

/// What one hash costs.
#[derive(Debug, Clone, Copy)]
pub struct PasswordCost {
    pub memory_kib: u32,
    pub iterations: u32,
}

impl Default for PasswordCost {
    /// The least that OWASP recommends for argon2id: about 20 ms and 19 MiB.
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, iterations: 2 }
    }
}

impl PasswordCost {
    /// As cheap as argon2id gets. For tests only.
    pub const CHEAPEST: Self = Self { memory_kib: 8, iterations: 1 };
}

/// Why a password could not be hashed or checked.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error("too many sign-ins at once")]
    Busy,
    #[error("a password could not be hashed: {0}")]
    Hash(argon2::password_hash::Error),
    #[error("the thread that hashes passwords failed")]
    Thread(#[from] tokio::task::JoinError),
}

/// Hashes and checks passwords. Clones share their limits.
#[derive(Clone)]
pub struct Passwords {
    inner: Arc<Inner>,
}

struct Inner {
    argon2: Argon2<'static>,
    running: Semaphore,
    /// Running and waiting.
    admitted: Semaphore,
    /// Hash of a password nobody has: checked when the user is unknown, so that the time of the answer
    /// does not tell who exists.
    nobody: String,
}

impl Passwords {
    /// Fails when the parameters are outside what argon2 allows.
    pub fn new(cost: PasswordCost) -> Result<Self, PasswordError> {
        let params = Params::new(cost.memory_kib, cost.iterations, 1, None)
            .map_err(|error| PasswordError::Hash(error.into()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = hash(&argon2, &random_password())?;
        let admitted = Semaphore::new(AT_ONCE + WAITING);
        Ok(Self { inner: Arc::new(Inner { argon2, running: Semaphore::new(AT_ONCE), admitted, nobody }) })
    }

    /// The PHC string of a password, with a salt of its own.
    pub async fn hash(&self, password: String) -> Result<String, PasswordError> {
        self.run(move |inner| hash(&inner.argon2, &password)).await?
    }

    /// Is this the password with that hash? Without a hash the answer is no, and takes as long.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, PasswordError> {
        self.run(move |inner| {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(|| inner.nobody.clone());
            let parsed = PasswordHash::new(&hash).map_err(PasswordError::Hash)?;
            let right = inner.argon2.verify_password(password.as_bytes(), &parsed).is_ok();
            Ok(right && known)
        })
        .await?
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let _admitted = self.inner.admitted.try_acquire().map_err(|_| PasswordError::Busy)?;
        let _running = self.inner.running.acquire().await.map_err(|_| PasswordError::Busy)?;
        let inner = Arc::clone(&self.inner);
        Ok(tokio::task::spawn_blocking(move || work(&inner)).await?)
    }
}

/// 24 letters, digits, `-` and `_` that nobody can guess.
pub fn random_password() -> String {
    URL_SAFE_NO_PAD.encode(random_secret().get(..18).unwrap_or_default())
}

fn hash(argon2: &Argon2<'_>, password: &str) -> Result<String, PasswordError> {
    let salt = random_secret();
    let salt = SaltString::encode_b64(salt.get(..16).unwrap_or_default()).map_err(PasswordError::Hash)?;
    let hash = argon2.hash_password(password.as_bytes(), &salt).map_err(PasswordError::Hash)?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_matches_its_own_hash_only() {
        let passwords = Passwords::new(PasswordCost::CHEAPEST).unwrap();
        let hash = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{hash}");
        assert_ne!(hash, passwords.hash("correct horse".to_owned()).await.unwrap(), "salted");
        assert!(passwords.verify("correct horse".to_owned(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("Correct horse".to_owned(), Some(hash)).await.unwrap());
        assert!(!passwords.verify("correct horse".to_owned(), None).await.unwrap());
        assert!(passwords.verify(String::new(), Some("rubbish".to_owned())).await.is_err());
    }

    #[tokio::test]
    async fn a_hash_made_at_another_cost_still_counts() {
        let dear = Passwords::new(PasswordCost { memory_kib: 64, iterations: 3 }).unwrap();
        let hash = dear.hash("x".repeat(LONGEST)).await.unwrap();
        let cheap = Passwords::new(PasswordCost::CHEAPEST).unwrap();
        assert!(cheap.verify("x".repeat(LONGEST), Some(hash)).await.unwrap());
    }

    #[test]
    fn random_passwords_differ() {
        let password = random_password();
        assert_eq!(password.len(), 24);
        assert_ne!(password, random_password());
    }
}
