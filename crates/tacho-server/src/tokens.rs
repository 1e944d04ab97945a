//! `tacho-server token …`: works on the catalog itself, so it needs no running server and no first token.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Subcommand, ValueEnum};
use tacho_catalog::{Catalog, Role, TokenKind, TokenRecord};
use tacho_runtime::clock;
use tacho_runtime::config::parse_duration;
use tacho_runtime::files::create_private_directory;

use crate::auth::token::{self, TokenRequest};
use crate::authority::Authority;
use crate::config::Config;
use crate::{app, inventory};

/// Long enough to set up a rack, short enough to be forgotten safely.
const JOIN_TOKEN_LIFE: &str = "1h";

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token; it is printed alone on the last line, and never again.
    Create {
        /// What it is for.
        kind: Kind,
        /// What the holder of an API token may do.
        #[arg(long, value_enum, default_value = "viewer")]
        role: RoleName,
        /// How long it is good, such as 30m or 7d [default: 1h for join tokens, for ever for API tokens].
        #[arg(long, value_name = "TIME", value_parser = parse_duration)]
        expires: Option<Duration>,
        /// How many hosts may join with it [default: any number].
        #[arg(long, value_name = "NUMBER")]
        uses: Option<u32>,
        /// The host that joins again with it, by name or id: it keeps its history, whatever it is called now and on
        /// whatever machine. Once, unless --uses says otherwise.
        #[arg(long, value_name = "HOST")]
        host: Option<String>,
        /// What to remember it by.
        #[arg(long, default_value = "")]
        note: String,
    },
    /// List all tokens.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make a token worthless.
    Revoke {
        /// As `token list` shows it.
        id: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Kind {
    /// Lets an agent join.
    Join,
    /// Lets a program use the API.
    Api,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum RoleName {
    Viewer,
    Operator,
    Admin,
}

/// Runs one of the commands.
pub async fn run(config: &Config, command: TokenCommand) -> anyhow::Result<()> {
    create_private_directory(&config.data_dir)
        .with_context(|| format!("cannot create {}", config.data_dir.display()))?;
    let catalog = Catalog::open(&app::catalog_path(config)).await?;
    let now_ms = clock::wall_ms();
    let mut out = io::stdout();
    match command {
        TokenCommand::Create { kind, role, expires, uses, host, note } => {
            let mut request = request(kind, role, expires, uses, note, now_ms)?;
            if let Some(host) = host {
                request = for_host(request, inventory::find(&catalog, &host).await?.key.id.to_string())?;
            }
            let authority = Authority::open(&config.data_dir, now_ms)?;
            let mint = move |secret: &[u8; 32]| authority.join_token(secret).to_string();
            let issued = token::issue(&catalog, request, &mint, now_ms).await?;
            writeln!(out, "{}", explanation(kind, &issued.id, config))?;
            writeln!(out, "{}", issued.text)?;
        }
        TokenCommand::List { json } => {
            let tokens = catalog.tokens().await?;
            if json { list_json(&mut out, &tokens)? } else { list(&mut out, &tokens, now_ms)? }
        }
        TokenCommand::Revoke { id } => {
            if !catalog.revoke_token(&id, now_ms).await? {
                bail!("there is no valid token {id}; `tacho-server token list` shows all");
            }
            writeln!(out, "token {id} is worthless now")?;
        }
    }
    catalog.close().await;
    Ok(())
}

fn request(
    kind: Kind,
    role: RoleName,
    expires: Option<Duration>,
    uses: Option<u32>,
    note: String,
    now_ms: i64,
) -> anyhow::Result<TokenRequest> {
    let at = |life: Duration| now_ms.saturating_add(i64::try_from(life.as_millis()).unwrap_or(i64::MAX));
    match kind {
        Kind::Join => {
            let life = match expires {
                Some(life) => life,
                None => parse_duration(JOIN_TOKEN_LIFE).map_err(anyhow::Error::msg)?,
            };
            Ok(TokenRequest::Join {
                note,
                expires_ms: Some(at(life)),
                uses: uses.map(i64::from),
                host_id: None,
            })
        }
        Kind::Api if uses.is_some() => {
            bail!("--uses is for join tokens; an API token is used with every call")
        }
        Kind::Api => Ok(TokenRequest::Api { role: role.into(), note, expires_ms: expires.map(at) }),
    }
}

fn for_host(request: TokenRequest, id: String) -> anyhow::Result<TokenRequest> {
    match request {
        TokenRequest::Join { note, expires_ms, uses, .. } => {
            Ok(TokenRequest::Join { note, expires_ms, uses: uses.or(Some(1)), host_id: Some(id) })
        }
        TokenRequest::Api { .. } => bail!("--host is for join tokens"),
    }
}

fn explanation(kind: Kind, id: &str, config: &Config) -> String {
    let port = config.listen.port();
    match kind {
        Kind::Join => format!("join token {id}; on the host: tacho-agent join THIS-SERVER:{port} TOKEN"),
        Kind::Api => format!("API token {id}; send it as the header: Authorization: Bearer TOKEN"),
    }
}

fn state(token: &TokenRecord, now_ms: i64) -> &'static str {
    match token {
        TokenRecord { revoked_ms: Some(_), .. } => "revoked",
        TokenRecord { expires_ms: Some(expires_ms), .. } if *expires_ms <= now_ms => "expired",
        TokenRecord { uses_left: Some(..=0), .. } => "used up",
        _ => "valid",
    }
}

fn list(out: &mut impl Write, tokens: &[TokenRecord], now_ms: i64) -> io::Result<()> {
    writeln!(
        out,
        "{:<10}  {:<4}  {:<8}  {:<7}  {:<20}  {:<20}  NOTE",
        "ID", "KIND", "ROLE", "STATE", "CREATED", "EXPIRES"
    )?;
    for token in tokens {
        let role = token.role.map_or("-", Role::name);
        let expires = token.expires_ms.map_or_else(|| "never".to_owned(), time_text);
        let (kind, state, created) = (token.kind.name(), state(token, now_ms), time_text(token.created_ms));
        writeln!(
            out,
            "{:<10}  {kind:<4}  {role:<8}  {state:<7}  {created:<20}  {expires:<20}  {}",
            token.id, token.note
        )?;
    }
    Ok(())
}

fn list_json(out: &mut impl Write, tokens: &[TokenRecord]) -> anyhow::Result<()> {
    let rows: Vec<_> = tokens
        .iter()
        .map(|token| {
            serde_json::json!({
                "id": token.id, "kind": token.kind.name(), "role": token.role.map(Role::name), "note": token.note,
                "created": time_text(token.created_ms), "expires": token.expires_ms.map(time_text),
                "uses_left": token.uses_left, "revoked": token.revoked_ms.map(time_text),
                "for_agents": token.kind == TokenKind::Join,
            })
        })
        .collect();
    serde_json::to_writer_pretty(&mut *out, &rows)?;
    Ok(writeln!(out)?)
}

fn time_text(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |time| format!("{time:.0}"))
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Viewer => Self::Viewer,
            RoleName::Operator => Self::Operator,
            RoleName::Admin => Self::Admin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_aligned_and_says_what_a_token_is_worth() {
        let token = TokenRecord {
            id: "0123456789".to_owned(),
            kind: TokenKind::Api,
            role: Some(Role::Viewer),
            note: "grafana".to_owned(),
            created_ms: 0,
            expires_ms: None,
            uses_left: None,
            revoked_ms: None,
        };
        let expired = TokenRecord { kind: TokenKind::Join, role: None, expires_ms: Some(5), ..token.clone() };
        let mut out = Vec::new();
        list(&mut out, &[token, expired], 10).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "ID          KIND  ROLE      STATE    CREATED               EXPIRES               NOTE\n\
             0123456789  api   viewer    valid    1970-01-01T00:00:00Z  never                 grafana\n\
             0123456789  join  -         expired  1970-01-01T00:00:00Z  1970-01-01T00:00:00Z  grafana\n"
        );
    }
}
