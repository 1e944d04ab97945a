//! Settings of `[sentinel]`.

use std::net::SocketAddr;
use std::time::Duration;

use tacho_notify::{ChannelSettings, read_channels};
use tacho_runtime::config::Reader;

const SECOND: Duration = Duration::from_secs(1);
const DEFAULT_CHECK: Duration = Duration::from_secs(30);
/// Longer than a server takes to start anew.
const DEFAULT_DELAY: Duration = Duration::from_secs(120);

/// How this agent watches the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentinelSettings {
    /// Where other sentinels are answered; `None`: this agent is to be none.
    pub listen: Option<SocketAddr>,
    /// `host:port` that others reach it at; empty: its address as the server sees it.
    pub advertise: String,
    /// Between two rounds of asking and speaking in an outage.
    pub check: Duration,
    /// How long an agent that knows of no sentinel waits before it speaks.
    pub delay: Duration,
    pub channels: Vec<ChannelSettings>,
}

impl SentinelSettings {
    /// What the server is told; empty when this agent is to be no sentinel.
    pub fn address(&self) -> String {
        match self.listen {
            None => String::new(),
            Some(_) if !self.advertise.is_empty() => self.advertise.clone(),
            Some(listen) => listen.to_string(),
        }
    }
}

/// Reads the table `[sentinel]`.
pub fn read_sentinel(reader: &mut Reader<'_>) -> SentinelSettings {
    reader.table("sentinel", "TACHO_AGENT_SENTINEL", |reader| {
        let text = reader.text("listen", "");
        let listen = text.parse().ok();
        if !text.is_empty() && listen.is_none() {
            reader.problem(
                "listen",
                format_args!(r#"is {text:?}; write an address and a port, such as "0.0.0.0:9301""#),
            );
        }
        let advertise = reader.text("advertise", "");
        if !advertise.is_empty()
            && let Err(problem) = crate::config::parse_server(&advertise)
        {
            reader.problem("advertise", problem);
        }
        SentinelSettings {
            listen,
            advertise,
            check: reader.duration("check", DEFAULT_CHECK, SECOND..=3600 * SECOND),
            delay: reader.duration("delay", DEFAULT_DELAY, SECOND..=86_400 * SECOND),
            channels: read_channels(reader),
        }
    })
}

#[cfg(test)]
mod tests {
    use tacho_runtime::config::Environment;

    use super::*;

    fn read(text: &str) -> Result<SentinelSettings, Vec<String>> {
        let environment = Environment::new();
        let mut reader = Reader::new(text, "TACHO_AGENT", &environment);
        let settings = read_sentinel(&mut reader);
        reader.finish("test").map(|()| settings).map_err(|error| error.problems)
    }

    #[test]
    fn an_agent_is_a_sentinel_where_it_listens() {
        assert_eq!(read("").unwrap().address(), "");
        assert_eq!(read("[sentinel]\nlisten = '0.0.0.0:9301'").unwrap().address(), "0.0.0.0:9301");
        let both = "[sentinel]\nlisten = '0.0.0.0:9301'\nadvertise = 'web.example.org:9301'";
        assert_eq!(read(both).unwrap().address(), "web.example.org:9301");
        let problems =
            read("[sentinel]\nlisten = '9301'\nadvertise = 'web'\n[[sentinel.channel]]\nkind = 'slack'")
                .unwrap_err();
        assert_eq!(problems.len(), 3, "{problems:?}");
    }
}
