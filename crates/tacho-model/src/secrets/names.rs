//! Names that options, variables, headers and keys with secrets go by.

/// Endings of a name, separators left out, whose value is a secret.
const ENDINGS: [&str; 17] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "authkey",
    "sessionkey",
    "encryptionkey",
    "credentials",
    "storepass",
    "keypass",
    "mysqlpwd",
];

/// Last parts of a name, between separators, whose value is a secret; as endings they would catch `--bypass`.
const LAST_PARTS: [&str; 5] = ["pass", "psk", "pw", "pwd", "secret"];

/// First parts of a name that turn it round: `--no-password` has no value.
const NEGATIONS: [&str; 4] = ["no", "disable", "skip", "without"];

/// Whether the value that belongs to `name` is a secret. `name` has no dashes before it.
pub(super) fn is_secret_name(name: &str) -> bool {
    const LONGEST: usize = 100;
    if name.len() > LONGEST || !name.bytes().all(is_name_byte) {
        return false;
    }
    let mut parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    let first = parts.clone().next().unwrap_or_default();
    if NEGATIONS.iter().any(|negation| first.eq_ignore_ascii_case(negation)) {
        return false;
    }
    let last = parts.next_back().unwrap_or_default();
    if LAST_PARTS.iter().any(|part| last.eq_ignore_ascii_case(part)) {
        return true;
    }
    let mut joined: String = name.chars().filter(|character| !matches!(character, '-' | '_' | '.')).collect();
    joined.make_ascii_lowercase();
    ENDINGS.iter().any(|ending| joined.ends_with(ending))
}

/// What names are made of.
pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}
