//! From the headers of a request to who is calling.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};
use tacho_catalog::{Catalog, CatalogError, Role};

use super::token::{api_token_hash, secret_hash};

/// Name of the session cookie.
pub const SESSION_COOKIE: &str = "tacho_session";

/// A session ends when it was not used for this long.
pub const SESSION_IDLE_MS: i64 = 7 * DAY_MS;

/// A session ends after this long however much it is used.
pub const SESSION_LIFE_MS: i64 = 30 * DAY_MS;

/// The end of a session moves in steps, so that not every request writes to the catalog.
const SESSION_STEP_MS: i64 = 60 * 60 * 1000;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What a caller proved itself with: the hash of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Credential {
    Token([u8; 32]),
    Session([u8; 32]),
}

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// User name, or id of the token.
    pub name: String,
    pub role: Role,
    pub credential: Credential,
}

impl Credential {
    /// The credential in a request's headers. An `Authorization` header counts alone, right or wrong: a
    /// program that sends one does not mean to be whoever the browser is signed in as.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        if let Some(value) = headers.get(AUTHORIZATION) {
            let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
            let bearer = scheme.eq_ignore_ascii_case("bearer");
            return bearer.then(|| api_token_hash(token.trim())).flatten().map(Self::Token);
        }
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == SESSION_COOKIE)
            .find_map(|(_, value)| secret_hash(value))
            .map(Self::Session)
    }

    /// Who this is at `now_ms`; absent when the token or session is unknown, expired, revoked or ended.
    pub async fn caller(self, catalog: &Catalog, now_ms: i64) -> Result<Option<Caller>, CatalogError> {
        Ok(self.look_up(catalog, now_ms).await?.map(|(caller, _)| caller))
    }

    /// And until when, unless something changes.
    async fn look_up(self, catalog: &Catalog, now_ms: i64) -> Result<Option<(Caller, i64)>, CatalogError> {
        match self {
            Self::Token(hash) => {
                let Some(token) = catalog.api_token(&hash, now_ms).await? else { return Ok(None) };
                let caller = Caller { name: token.id, role: token.role, credential: self };
                Ok(Some((caller, token.expires_ms.unwrap_or(i64::MAX))))
            }
            Self::Session(hash) => {
                let Some(session) = catalog.session(&hash, now_ms).await? else { return Ok(None) };
                let end_ms = session.created_ms.saturating_add(SESSION_LIFE_MS);
                let expires_ms = now_ms.saturating_add(SESSION_IDLE_MS).min(end_ms);
                if expires_ms.saturating_sub(session.expires_ms) >= SESSION_STEP_MS {
                    catalog.extend_session(&hash, expires_ms).await?;
                }
                let caller = Caller { name: session.user, role: session.role, credential: self };
                Ok(Some((caller, session.expires_ms)))
            }
        }
    }
}

/// For so long somebody who proved who they are need not do it again, by the clock that tells when tokens expire.
const FRESH_MS: i64 = 1000;

/// Most callers to remember. When there are more, all are forgotten.
const MOST_CALLERS: usize = 1024;

/// Who proved of late who they are: a page makes several calls at once, and each would ask the catalog the same. What this
/// server changes counts at once, what is changed past it, such as by `tacho-server token revoke`, within a second.
#[derive(Debug, Default)]
pub struct Callers(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// And from when until when that counts.
    callers: HashMap<Credential, (Caller, Range<i64>)>,
    /// How often they were forgotten.
    forgotten: u64,
}

impl Callers {
    /// As [`Credential::caller`].
    pub async fn find(
        &self,
        credential: Credential,
        catalog: &Catalog,
        now_ms: i64,
    ) -> Result<Option<Caller>, CatalogError> {
        let before = {
            let known = self.lock();
            if let Some((caller, times)) = known.callers.get(&credential)
                && times.contains(&now_ms)
            {
                return Ok(Some(caller.clone()));
            }
            known.forgotten
        };
        let found = credential.look_up(catalog, now_ms).await?;
        let mut known = self.lock();
        // Something may have changed since the catalog was asked.
        if known.forgotten == before {
            if known.callers.len() >= MOST_CALLERS {
                known.callers.clear();
            }
            match &found {
                Some((caller, expires_ms)) => {
                    let until_ms = now_ms.saturating_add(FRESH_MS).min(*expires_ms);
                    known.callers.insert(credential, (caller.clone(), now_ms..until_ms))
                }
                None => known.callers.remove(&credential),
            };
        }
        Ok(found.map(|(caller, _)| caller))
    }

    /// Something changed: a role, a password, a token, a session.
    pub fn forget(&self) {
        let mut known = self.lock();
        known.callers.clear();
        known.forgotten += 1;
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Nothing panics while the lock is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::token::session_text;
    use tacho_catalog::{NewToken, TokenKind};
    use tacho_runtime::tls::fingerprint;

    fn check(headers: &[(http::HeaderName, &str)], expected: Option<Credential>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value.parse().unwrap());
        }
        assert_eq!(Credential::from_headers(&map), expected, "{headers:?}");
    }

    #[tokio::test]
    async fn who_was_known_a_moment_ago_is_not_looked_up_until_something_changes() {
        let directory = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(&directory.path().join("catalog")).await.unwrap();
        let token = NewToken {
            id: "t".to_owned(),
            kind: TokenKind::Api,
            role: Some(Role::Viewer),
            hash: [1; 32],
            note: String::new(),
            created_ms: 0,
            expires_ms: None,
            uses_left: None,
            host_id: None,
        };
        catalog.create_token(&token).await.unwrap();
        let callers = Callers::default();
        let found = async |hash, now_ms| {
            let found = callers.find(Credential::Token(hash), &catalog, now_ms).await.unwrap();
            found.map(|caller| caller.name)
        };
        assert_eq!(found([2; 32], 10).await, None);
        assert_eq!(found([1; 32], 10).await.as_deref(), Some("t"));
        assert!(catalog.revoke_token("t", 20).await.unwrap());
        assert_eq!(found([1; 32], 10 + FRESH_MS - 1).await.as_deref(), Some("t"), "past this server");
        assert_eq!(found([1; 32], 10 + FRESH_MS).await, None);
        catalog.create_token(&NewToken { id: "u".to_owned(), hash: [3; 32], ..token }).await.unwrap();
        assert_eq!(found([3; 32], 5000).await.as_deref(), Some("u"));
        assert!(catalog.revoke_token("u", 5000).await.unwrap());
        callers.forget();
        assert_eq!(found([3; 32], 5000).await, None);
        assert_eq!(found([3; 32], 4000).await, None, "a clock that was set back");
    }

    #[test]
    fn credentials_are_found_in_headers() {
        let secret = session_text(&[7; 32]);
        let hash = fingerprint(&[7; 32]);
        let cookie = format!("tacho_session={secret}");
        let bearer = format!("Bearer tacho_api_{secret}");
        check(&[], None);
        check(&[(COOKIE, &cookie)], Some(Credential::Session(hash)));
        check(&[(COOKIE, &format!("a=b; {cookie}; c"))], Some(Credential::Session(hash)));
        check(&[(COOKIE, "a=b"), (COOKIE, &cookie)], Some(Credential::Session(hash)));
        check(&[(COOKIE, &format!("x{cookie}"))], None);
        check(&[(COOKIE, "tacho_session=short")], None);
        check(&[(AUTHORIZATION, &bearer)], Some(Credential::Token(hash)));
        check(&[(AUTHORIZATION, &bearer.replace("Bearer", "bearer"))], Some(Credential::Token(hash)));
        check(&[(AUTHORIZATION, "Basic YTpi")], None);
        check(&[(AUTHORIZATION, "Bearer wrong"), (COOKIE, &cookie)], None);
    }
}
