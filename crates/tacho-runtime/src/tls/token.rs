//! The join token: what an administrator carries from the server to a new host.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Fingerprint;

const PREFIX: &str = "tacho_join_";

/// Fingerprint of the server's certificate authority, so that the agent knows whom it talks to before it
/// trusts anybody, and a secret, so that the server knows the agent was invited.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    pub authority: Fingerprint,
    pub secret: [u8; 32],
}

/// Why a text is not a join token.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TokenError {
    #[error(
        "a join token begins with {PREFIX}; make one on the server with `tacho-server token create join`"
    )]
    Prefix,
    #[error(
        "the join token is damaged or cut short; copy the whole line that `tacho-server token create join` printed last"
    )]
    Damaged,
}

impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.authority, self.secret].concat();
        write!(f, "{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl fmt::Debug for JoinToken {
    /// Never shows the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinToken").finish_non_exhaustive()
    }
}

impl FromStr for JoinToken {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let encoded = text.trim().strip_prefix(PREFIX).ok_or(TokenError::Prefix)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| TokenError::Damaged)?;
        let (authority, secret) = bytes.split_at_checked(32).ok_or(TokenError::Damaged)?;
        Ok(Self {
            authority: authority.try_into().map_err(|_| TokenError::Damaged)?,
            secret: secret.try_into().map_err(|_| TokenError::Damaged)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_hides_its_secret() {
        let token = JoinToken { authority: [7; 32], secret: [9; 32] };
        let text = token.to_string();
        assert_eq!(text.parse(), Ok(token.clone()));
        assert_eq!(format!(" {text}\n").parse(), Ok(token.clone()));
        assert_eq!(text[..text.len() - 1].parse::<JoinToken>(), Err(TokenError::Damaged));
        assert_eq!("abc".parse::<JoinToken>(), Err(TokenError::Prefix));
        assert_eq!(format!("{token:?}"), "JoinToken { .. }");
    }
}
