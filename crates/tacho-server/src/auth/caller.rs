//! From the headers of a request to who is calling.

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
        match self {
            Self::Token(hash) => {
                let token = catalog.api_token(&hash, now_ms).await?;
                Ok(token.map(|token| Caller { name: token.id, role: token.role, credential: self }))
            }
            Self::Session(hash) => {
                let Some(session) = catalog.session(&hash, now_ms).await? else { return Ok(None) };
                let end_ms = session.created_ms.saturating_add(SESSION_LIFE_MS);
                let expires_ms = now_ms.saturating_add(SESSION_IDLE_MS).min(end_ms);
                if expires_ms.saturating_sub(session.expires_ms) >= SESSION_STEP_MS {
                    catalog.extend_session(&hash, expires_ms).await?;
                }
                Ok(Some(Caller { name: session.user, role: session.role, credential: self }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::token::session_text;
    use tacho_runtime::tls::fingerprint;

    fn check(headers: &[(http::HeaderName, &str)], expected: Option<Credential>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value.parse().unwrap());
        }
        assert_eq!(Credential::from_headers(&map), expected, "{headers:?}");
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
