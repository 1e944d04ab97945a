//! Making tokens, and reading the text of an API token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tacho_catalog::{Catalog, CatalogError, NewToken, Role, TokenKind};
use tacho_runtime::tls::{fingerprint, random_secret};

/// How long a join token is valid unless it is said otherwise: long enough to set up a rack, short enough to
/// be worthless when found later.
pub const JOIN_LIFE_MS: i64 = 60 * 60 * 1000;

const API_PREFIX: &str = "tacho_api_";

/// Builds the text of a join token from its secret; it carries the certificate authority's fingerprint,
/// which is not known here.
pub type MintJoinToken = dyn Fn(&[u8; 32]) -> String + Send + Sync;

/// A token to be made.
#[derive(Debug, Clone)]
pub enum TokenRequest {
    Join {
        note: String,
        expires_ms: Option<i64>,
        /// Absent: any number of agents may join with it.
        uses: Option<i64>,
        /// Id of the host that joins again with it; absent: any host.
        host_id: Option<String>,
    },
    Api {
        role: Role,
        note: String,
        expires_ms: Option<i64>,
    },
}

/// A token that was made. Its text is shown once and stored nowhere.
#[derive(Clone)]
pub struct IssuedToken {
    pub id: String,
    pub text: String,
}

impl TokenRequest {
    /// When the token will expire; absent: never.
    pub fn expires_ms(&self) -> Option<i64> {
        match self {
            Self::Join { expires_ms, .. } | Self::Api { expires_ms, .. } => *expires_ms,
        }
    }
}

/// Makes and stores a token.
pub async fn issue(
    catalog: &Catalog,
    request: TokenRequest,
    mint_join_token: &MintJoinToken,
    now_ms: i64,
) -> Result<IssuedToken, CatalogError> {
    let secret = random_secret();
    let (token, text) = match request {
        TokenRequest::Join { note, expires_ms, uses, host_id } => {
            let token = new_token(TokenKind::Join, &secret, note, now_ms);
            (NewToken { expires_ms, uses_left: uses, host_id, ..token }, mint_join_token(&secret))
        }
        TokenRequest::Api { role, note, expires_ms } => {
            let token = new_token(TokenKind::Api, &secret, note, now_ms);
            (NewToken { role: Some(role), expires_ms, ..token }, api_token_text(&secret))
        }
    };
    catalog.create_token(&token).await?;
    Ok(IssuedToken { id: token.id, text })
}

fn new_token(kind: TokenKind, secret: &[u8; 32], note: String, now_ms: i64) -> NewToken {
    NewToken {
        id: random_id(),
        kind,
        role: None,
        hash: fingerprint(secret),
        note,
        created_ms: now_ms,
        expires_ms: None,
        uses_left: None,
        host_id: None,
    }
}

/// What the holder of an API token sends as `Authorization: Bearer …`.
fn api_token_text(secret: &[u8; 32]) -> String {
    format!("{API_PREFIX}{}", URL_SAFE_NO_PAD.encode(secret))
}

/// The hash that the catalog knows an API token by; absent when the text is not one.
pub fn api_token_hash(text: &str) -> Option<[u8; 32]> {
    secret_hash(text.strip_prefix(API_PREFIX)?)
}

/// A session's secret as its cookie carries it.
pub(crate) fn session_text(secret: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(secret)
}

/// SHA-256 of a secret that is written in base64.
pub(crate) fn secret_hash(text: &str) -> Option<[u8; 32]> {
    let secret: [u8; 32] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
    Some(fingerprint(&secret))
}

/// Ten hexadecimal digits: short enough to type into `token revoke`.
fn random_id() -> String {
    random_secret().iter().take(5).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_text_of_a_token_has_its_hash() {
        let secret = [7; 32];
        let text = api_token_text(&secret);
        assert_eq!(api_token_hash(&text), Some(fingerprint(&secret)));
        for wrong in
            ["", "tacho_api_", &text[..text.len() - 1], &text[1..], &format!("{text}A"), "tacho_join_AAAA"]
        {
            assert_eq!(api_token_hash(wrong), None, "{wrong}");
        }
    }
}
