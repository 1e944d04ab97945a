//! Takes secrets out of command lines before they leave the host.
//!
//! A secret is known by what surrounds it: the name of an option or a variable (`--password`, `PGPASSWORD=`),
//! its place in a URL, the program whose short option it is (`mysql -p…`), a header's name; or by the shape of
//! a well-known token. Arguments that are command lines themselves (`sh -c '…'`) are looked into. Next to such
//! a mark rather a word too many is hidden than one too few; everything else stays as it was.

mod assignments;
mod names;
mod programs;
mod shapes;

use assignments::push_without_assigned;
use names::is_secret_name;
use programs::{Program, Value};
use shapes::push_without_shapes;

/// Stands where a secret was.
const SCRUBBED: &str = "********";

/// Schemes of an `Authorization` header; the secret is the word after.
const AUTHORIZATION_SCHEMES: [&str; 6] = ["apikey", "basic", "bearer", "digest", "negotiate", "token"];

/// A shorter word after `Bearer` is taken for prose.
const BEARER_MIN_LENGTH: usize = 8;

/// What the words before say about the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Plain,
    /// It is a secret.
    Secret,
    /// It is a secret, unless it is an option of its own.
    SecretUnlessOption,
    /// It is the secret, or the scheme before it.
    Authorization,
    /// It is a secret if it is long enough.
    Bearer,
    /// It is `user:password`.
    Credentials,
}

/// Returns `arguments` joined by spaces with secrets replaced by asterisks.
pub fn scrub_command(arguments: &[&str]) -> String {
    let mut command = String::with_capacity(arguments.iter().map(|argument| argument.len() + 1).sum());
    let mut scrubber = Scrubber { next: Next::Plain, program: None };
    for (position, argument) in arguments.iter().enumerate() {
        if position > 0 {
            command.push(' ');
        }
        scrubber.argument(argument, &mut command);
    }
    command
}

/// Goes through the words of one command line.
struct Scrubber {
    next: Next,
    /// The newest program named whose short options carry secrets.
    program: Option<&'static Program>,
}

impl Scrubber {
    fn argument(&mut self, argument: &str, out: &mut String) {
        // An argument that is a secret is one as a whole, spaces and all.
        if self.expects_secret(argument) {
            return self.word(argument, out);
        }
        let mut text = String::with_capacity(argument.len());
        push_without_assigned(argument, &mut text);
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let spaces = rest.len() - rest.trim_start().len();
            out.push_str(rest.get(..spaces).unwrap_or_default());
            rest = rest.get(spaces..).unwrap_or_default();
            let end = self.word_end(rest);
            if end > 0 {
                self.word(rest.get(..end).unwrap_or_default(), out);
            }
            rest = rest.get(end..).unwrap_or_default();
        }
    }

    /// Whether the next argument is hidden from end to end.
    fn expects_secret(&self, argument: &str) -> bool {
        match self.next {
            Next::Secret => true,
            Next::SecretUnlessOption => !argument.starts_with('-'),
            Next::Plain | Next::Authorization | Next::Bearer | Next::Credentials => false,
        }
    }

    /// Where the word at the start of `text` ends: at a space, but a quoted secret at its closing quote.
    fn word_end(&self, text: &str) -> usize {
        let value_at = match self.program.and_then(|program| program.secret_option(text)) {
            _ if self.expects_secret(text) => 0,
            Some(option) => option.text.len(),
            None => return text.find(char::is_whitespace).unwrap_or(text.len()),
        };
        let value = text.get(value_at..).unwrap_or_default();
        let Some(quote) = value.chars().next().filter(|first| matches!(first, '"' | '\'')) else {
            return text.find(char::is_whitespace).unwrap_or(text.len());
        };
        value.get(1..).and_then(|inner| inner.find(quote)).map_or(text.len(), |at| value_at + at + 2)
    }

    fn word(&mut self, word: &str, out: &mut String) {
        match std::mem::replace(&mut self.next, Next::Plain) {
            Next::Secret => return push_secret(word, out),
            Next::SecretUnlessOption if !word.starts_with('-') => return push_secret(word, out),
            Next::Bearer if word.len() >= BEARER_MIN_LENGTH => return push_secret(word, out),
            Next::Credentials => return push_credentials(word, out),
            Next::Authorization if is_scheme(word) => {
                self.next = Next::Secret;
                return out.push_str(word);
            }
            Next::Authorization => return push_secret(word, out),
            Next::Plain | Next::SecretUnlessOption | Next::Bearer => {}
        }
        if let Some(program) = Program::named(bare(word)) {
            self.program = Some(program);
        }
        self.plain_word(word, out);
    }

    /// A word about which the one before says nothing.
    fn plain_word(&mut self, word: &str, out: &mut String) {
        if let Some(option) = self.program.and_then(|program| program.secret_option(word)) {
            let value = word.get(option.text.len()..).unwrap_or_default();
            out.push_str(option.text);
            return match (value.is_empty(), option.value) {
                (true, Value::Credentials) => self.next = Next::Credentials,
                (true, _) => self.next = Next::SecretUnlessOption,
                (false, Value::Credentials) => push_credentials(value, out),
                (false, _) => push_secret(value, out),
            };
        }
        self.next = next_after(word);
        push_without_shapes(word, out);
    }
}

/// What a word says about the one after it.
fn next_after(word: &str) -> Next {
    let inner = bare(word);
    if inner.eq_ignore_ascii_case("bearer") {
        return Next::Bearer;
    }
    if inner.starts_with('-') && is_secret_name(inner.trim_start_matches('-')) {
        return Next::SecretUnlessOption;
    }
    // `X-Api-Key:`, `password:`, `Authorization:`.
    let Some(name) = inner.strip_suffix(':') else { return Next::Plain };
    let is_header = name.to_ascii_lowercase().ends_with("authorization") || is_secret_name(name);
    if is_header { Next::Authorization } else { Next::Plain }
}

fn is_scheme(word: &str) -> bool {
    AUTHORIZATION_SCHEMES.iter().any(|scheme| bare(word).eq_ignore_ascii_case(scheme))
}

/// The word without quotes around it.
fn bare(word: &str) -> &str {
    word.trim_matches(['"', '\''])
}

/// Quotes around a secret stay, so that the rest of the line reads as before.
fn push_secret(secret: &str, out: &mut String) {
    let start = secret.len() - secret.trim_start_matches(['"', '\'']).len();
    let end = secret.trim_end_matches(['"', '\'']).len().max(start);
    out.push_str(secret.get(..start).unwrap_or_default());
    out.push_str(SCRUBBED);
    out.push_str(secret.get(end..).unwrap_or_default());
}

/// `user:password` or `user%password`: the user stays.
fn push_credentials(credentials: &str, out: &mut String) {
    match credentials.find([':', '%']) {
        Some(at) => {
            out.push_str(credentials.get(..=at).unwrap_or_default());
            push_secret(credentials.get(at + 1..).unwrap_or_default(), out);
        }
        None => push_without_shapes(credentials, out),
    }
}

#[cfg(test)]
mod tests;
