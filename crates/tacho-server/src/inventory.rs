//! `tacho-server host …` and `tacho-server agent …`: work on the catalog itself; a running server follows within a
//! second.

use std::io::{self, Write};

use anyhow::{Context as _, bail};
use clap::Subcommand;
use tacho_catalog::{AgentEntry, Catalog, HostChange, HostRecord, Renamed};
use tacho_model::{check_tags, is_same_key};
use tacho_runtime::clock;
use tacho_runtime::files::create_private_directory;

use crate::app;
use crate::config::Config;

const TAG_EXAMPLES: &str = "\
Examples:
  tacho-server host tag web-1 canary dc=eu
  tacho-server host untag web-1 canary
  tacho-server host list                    shows the tags of all hosts";

/// Whose changes those of this command are, in the list of changes.
const AUTHOR: &str = "command line";

/// Longer names are no host names.
const MAX_HOST_NAME: usize = 253;

#[derive(Debug, Subcommand)]
pub enum HostCommand {
    /// List all hosts.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Call a host otherwise; its history stays with it.
    Rename {
        /// Name or id.
        old: String,
        /// Its new name: not that of another host.
        new: String,
    },
    /// Give a host tags beside those that it has. One with a key takes the place of another with the same key.
    #[command(after_help = TAG_EXAMPLES)]
    Tag {
        /// Name or id.
        host: String,
        /// Words and keys with a value.
        #[arg(required = true, value_name = "TAG")]
        tags: Vec<String>,
    },
    /// Take tags away that were set here; those of the agent's settings are changed there.
    #[command(after_help = TAG_EXAMPLES)]
    Untag {
        /// Name or id.
        host: String,
        /// As they were set.
        #[arg(required = true, value_name = "TAG")]
        tags: Vec<String>,
    },
    /// Take a host out of the inventory and refuse its agent; its history stays until retention drops it.
    Remove {
        /// Name or id.
        host: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum AgentCommand {
    /// List all identities of agents.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Refuse an agent from now on; its stream ends within a second.
    Revoke {
        /// Id of an agent as `agent list` shows it, or the name of its host.
        #[arg(value_name = "AGENT|HOST")]
        who: String,
    },
}

/// Runs `tacho-server host …`.
pub async fn run_host(config: &Config, command: HostCommand) -> anyhow::Result<()> {
    let catalog = open(config).await?;
    let mut out = io::stdout();
    match command {
        HostCommand::List { json } => {
            let hosts = catalog.hosts().await?;
            if json { hosts_json(&mut out, &hosts)? } else { list_hosts(&mut out, &hosts)? }
        }
        HostCommand::Rename { old, new } => {
            let new = new.trim();
            if let Err(problem) = check_host_name(new) {
                bail!("{new:?} {problem}");
            }
            let host = find(&catalog, &old).await?;
            match catalog.rename_host(&host.key.id, new, &by_command()).await? {
                Renamed::Done(key) => writeln!(out, "{} is called {} now", host.key.name, key.name)?,
                Renamed::Taken => bail!("another host is called {new}; `tacho-server host list` shows all"),
                Renamed::Unknown => bail!("{old} was removed just now"),
            }
        }
        HostCommand::Tag { host, tags } => {
            let host = find(&catalog, &host).await?;
            let tags = with_tags(&host.own_tags, &check_tags(&tags)?);
            set_tags(&catalog, &host, &check_tags(&tags)?, &mut out).await?;
        }
        HostCommand::Untag { host, tags } => {
            let host = find(&catalog, &host).await?;
            if let Some(missing) = tags.iter().find(|tag| !host.own_tags.contains(tag)) {
                bail!(
                    "{missing:?} is no tag that was set here of {}; {}",
                    host.key.name,
                    own_tags_text(&host)
                );
            }
            let left: Vec<_> = host.own_tags.iter().filter(|tag| !tags.contains(tag)).cloned().collect();
            set_tags(&catalog, &host, &left, &mut out).await?;
        }
        HostCommand::Remove { host } => {
            let host = find(&catalog, &host).await?;
            if !catalog.remove_host(&host.key.id, &by_command()).await? {
                bail!("{} was removed just now", host.key.name);
            }
            writeln!(out, "{} is removed; its agent is refused from now on", host.key.name)?;
        }
    }
    catalog.close().await;
    Ok(())
}

/// Runs `tacho-server agent …`.
pub async fn run_agent(config: &Config, command: AgentCommand) -> anyhow::Result<()> {
    let catalog = open(config).await?;
    let (mut out, now_ms) = (io::stdout(), clock::wall_ms());
    let agents = catalog.agents().await?;
    match command {
        AgentCommand::List { json: true } => agents_json(&mut out, &agents, now_ms)?,
        AgentCommand::List { json: false } => list_agents(&mut out, &agents, now_ms)?,
        AgentCommand::Revoke { who } => {
            let valid = agents.iter().filter(|agent| agent.revoked_ms.is_none());
            let meant: Vec<&AgentEntry> =
                valid.filter(|agent| agent.agent_id == who || *agent.host.name == *who).collect();
            if meant.is_empty() {
                bail!("there is no valid agent or host {who}; `tacho-server agent list` shows all");
            }
            for agent in meant {
                catalog.revoke_agent(&agent.agent_id, now_ms).await?;
                writeln!(out, "agent {} of {} is refused from now on", agent.agent_id, agent.host.name)?;
            }
        }
    }
    catalog.close().await;
    Ok(())
}

/// The tags with others, which take the places of those with the same keys.
fn with_tags(tags: &[String], others: &[String]) -> Vec<String> {
    let stays = |tag: &&String| !others.iter().any(|other| other == *tag || is_same_key(other, tag));
    tags.iter().filter(stays).chain(others).cloned().collect()
}

async fn set_tags(
    catalog: &Catalog,
    host: &HostRecord,
    tags: &[String],
    out: &mut impl Write,
) -> anyhow::Result<()> {
    if !catalog.set_host_tags(&host.key.id, tags, &by_command()).await? {
        bail!("{} was removed just now", host.key.name);
    }
    let host = HostRecord { own_tags: tags.to_vec(), ..host.clone() };
    let tags = host.tags();
    let text = if tags.is_empty() { "no tags".to_owned() } else { tags.join(" ") };
    Ok(writeln!(out, "{} has {text} now", host.key.name)?)
}

fn by_command() -> HostChange {
    let id = ulid::Ulid::new().to_string().to_lowercase();
    HostChange { id, time_ms: clock::wall_ms(), author: AUTHOR.to_owned() }
}

fn own_tags_text(host: &HostRecord) -> String {
    match host.own_tags.is_empty() {
        true => "it has none".to_owned(),
        false => format!("there are: {}", host.own_tags.join(" ")),
    }
}

/// Whether a host may be called so; else what is wrong with it.
pub fn check_host_name(name: &str) -> Result<(), &'static str> {
    let is_bad = |c: char| c.is_control() || c == '/';
    if name.is_empty() || name.len() > MAX_HOST_NAME || name.contains(is_bad) {
        return Err("is empty, too long, or has a slash or control characters");
    }
    Ok(())
}

/// `valid`, `revoked` or `expired`.
pub(crate) fn agent_state(agent: &AgentEntry, now_ms: i64) -> &'static str {
    match agent {
        AgentEntry { revoked_ms: Some(_), .. } => "revoked",
        AgentEntry { not_after_ms, .. } if *not_after_ms <= now_ms => "expired",
        _ => "valid",
    }
}

async fn open(config: &Config) -> anyhow::Result<Catalog> {
    create_private_directory(&config.data_dir)
        .with_context(|| format!("cannot create {}", config.data_dir.display()))?;
    Ok(Catalog::open(&app::catalog_path(config)).await?)
}

/// The host with this name or id.
pub(crate) async fn find(catalog: &Catalog, name: &str) -> anyhow::Result<HostRecord> {
    let host = catalog.host(name).await?;
    host.with_context(|| format!("there is no host {name}; `tacho-server host list` shows all"))
}

fn list_hosts(out: &mut impl Write, hosts: &[HostRecord]) -> io::Result<()> {
    let widest = hosts.iter().map(|host| host.key.name.chars().count()).max().unwrap_or(0).max(4);
    writeln!(out, "{:<26}  {:<20}  {:<20}  {:<widest$}  TAGS", "ID", "JOINED", "LAST SEEN", "NAME")?;
    for host in hosts {
        let seen = host.last_seen_ms.map_or_else(|| "never".to_owned(), time_text);
        writeln!(
            out,
            "{:<26}  {:<20}  {seen:<20}  {:<widest$}  {}",
            host.key.id,
            time_text(host.created_ms),
            host.key.name,
            host.tags().join(" ")
        )?;
    }
    Ok(())
}

fn hosts_json(out: &mut impl Write, hosts: &[HostRecord]) -> anyhow::Result<()> {
    let rows = hosts.iter().map(|host| {
        serde_json::json!({
            "id": &*host.key.id, "name": &*host.key.name, "created": time_text(host.created_ms),
            "last_seen": host.last_seen_ms.map(time_text), "tags": host.tags(), "own_tags": host.own_tags,
        })
    });
    serde_json::to_writer_pretty(&mut *out, &rows.collect::<Vec<_>>())?;
    Ok(writeln!(out)?)
}

fn list_agents(out: &mut impl Write, agents: &[AgentEntry], now_ms: i64) -> io::Result<()> {
    writeln!(out, "{:<26}  {:<7}  {:<20}  {:<20}  HOST", "ID", "STATE", "JOINED", "CERTIFICATE ENDS")?;
    for agent in agents {
        let (joined, ends) = (time_text(agent.created_ms), time_text(agent.not_after_ms));
        let state = agent_state(agent, now_ms);
        writeln!(out, "{:<26}  {state:<7}  {joined:<20}  {ends:<20}  {}", agent.agent_id, agent.host.name)?;
    }
    Ok(())
}

fn agents_json(out: &mut impl Write, agents: &[AgentEntry], now_ms: i64) -> anyhow::Result<()> {
    let rows = agents.iter().map(|agent| {
        serde_json::json!({
            "id": agent.agent_id, "host": &*agent.host.name, "host_id": &*agent.host.id,
            "state": agent_state(agent, now_ms), "created": time_text(agent.created_ms),
            "expires": time_text(agent.not_after_ms), "revoked": agent.revoked_ms.map(time_text),
        })
    });
    serde_json::to_writer_pretty(&mut *out, &rows.collect::<Vec<_>>())?;
    Ok(writeln!(out)?)
}

fn time_text(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |time| format!("{time:.0}"))
}

#[cfg(test)]
mod tests {
    use tacho_model::HostKey;

    use super::*;

    #[test]
    fn a_tag_takes_the_place_of_one_with_its_key() {
        let strings = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
        let tags = with_tags(&strings(&["db", "dc=eu", "dc-2=x"]), &strings(&["db", "dc=us", "web"]));
        assert_eq!(tags, strings(&["dc-2=x", "db", "dc=us", "web"]));
    }

    #[test]
    fn the_list_of_agents_says_what_each_is_worth() {
        let host = HostKey { id: "h".into(), name: "web".into() };
        let agent = |id: &str, not_after_ms, revoked_ms| AgentEntry {
            agent_id: id.to_owned(),
            host: host.clone(),
            created_ms: 0,
            not_after_ms,
            revoked_ms,
        };
        let agents = [agent("a", 2_000, None), agent("b", 1_000, None), agent("c", 2_000, Some(1))];
        let mut out = Vec::new();
        list_agents(&mut out, &agents, 1_000).unwrap();
        let text = String::from_utf8(out).unwrap();
        let states: Vec<_> = text.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect();
        assert_eq!(states, ["valid", "expired", "revoked"]);
        let starts = text.lines().map(|line| line.find("HOST").or(line.find("web")));
        assert!(starts.collect::<std::collections::BTreeSet<_>>().len() == 1, "{text}");
    }
}
