//! Secrets known by their place in a URL, or by the shape that their issuer gave them.

use super::SCRUBBED;

/// Beginnings of tokens of well-known issuers, with the shortest length of the whole.
const TOKEN_PREFIXES: [(&str, usize); 20] = [
    ("AIza", 30),
    ("dckr_pat_", 20),
    ("dop_v1_", 30),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghs_", 20),
    ("ghu_", 20),
    ("github_pat_", 30),
    ("glpat-", 20),
    ("hf_", 20),
    ("hvs.", 20),
    ("npm_", 30),
    ("pypi-", 30),
    ("rk_live_", 20),
    ("sk-", 24),
    ("sk_live_", 20),
    ("xapp-", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("ya29.", 20),
];

/// The shortest JSON web token worth the name.
const JWT_MIN_LENGTH: usize = 40;

/// Copies `word` without passwords in URLs and without well-known tokens.
pub(super) fn push_without_shapes(word: &str, out: &mut String) {
    let mut rest = word;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        push_without_tokens(before, out);
        let end = after.find(['/', '?', '#', '"', '\'', ',']).unwrap_or(after.len());
        // A password may hold a slash that should have been escaped; the last @ decides, if no path comes first.
        let (authority, tail) = after.split_at(end);
        push_authority(authority, out);
        rest = tail;
    }
    push_without_tokens(rest, out);
}

/// `user:password@host:port`
fn push_authority(authority: &str, out: &mut String) {
    let Some((user, host)) = authority.rsplit_once('@') else { return push_without_tokens(authority, out) };
    match user.split_once(':') {
        Some((user, password)) => {
            push_without_tokens(user, out);
            out.push(':');
            out.push_str(if password.is_empty() { "" } else { SCRUBBED });
        }
        None => push_without_tokens(user, out),
    }
    out.push('@');
    out.push_str(host);
}

fn push_without_tokens(text: &str, out: &mut String) {
    let is_token_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let mut rest = text;
    while !rest.is_empty() {
        let run = rest.bytes().take_while(|byte| is_token_byte(*byte)).count();
        let other = rest.bytes().skip(run).take_while(|byte| !is_token_byte(*byte)).count();
        let token = rest.get(..run).unwrap_or_default();
        out.push_str(if looks_like_token(token) { SCRUBBED } else { token });
        out.push_str(rest.get(run..run + other).unwrap_or_default());
        rest = rest.get(run + other..).unwrap_or_default();
    }
}

fn looks_like_token(run: &str) -> bool {
    let is_jwt = run.starts_with("eyJ") && run.len() >= JWT_MIN_LENGTH && run.matches('.').count() >= 2;
    is_jwt || TOKEN_PREFIXES.iter().any(|(prefix, length)| run.len() >= *length && run.starts_with(prefix))
}
