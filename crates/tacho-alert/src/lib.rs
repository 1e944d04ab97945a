//! Alert rules, their states, and what is said about them and when.
//!
//! Pure: snapshots, hosts and the time are passed in, and what is to be stored and sent comes out. Nothing here
//! reads a clock, a file or a socket. An [`Engine`] turns snapshots into [`Change`]s of [`Alert`]s; a
//! [`Dispatcher`] turns changes into [`Notification`]s, few of them: grouped, silenced, inhibited, repeated.

mod alert;
mod calm;
mod condition;
mod engine;
mod evidence;
mod forecast;
mod glob;
mod host;
mod load;
mod rule;
mod script;
#[cfg(test)]
mod storm;
mod template;
mod threshold;

pub use alert::{Alert, AlertKey, Change, ChangeKind, MAX_POINTS, alert_id};
pub use calm::{
    Dispatcher, Ended, MAX_MATCHERS, Maintenance, MaintenanceOrigin, MaintenanceText, Matcher, Muted,
    Notification, Opening, Refusal, Route, Silence, SilenceProblem, Times,
};
pub use condition::Condition;
pub use engine::{Engine, EngineMemory, Limits, Presence, shown_value};
pub use evidence::{Evidence, ProcessLine, TOP_PROCESSES};
pub use forecast::{Filling, filling};
pub use glob::Glob;
pub use host::{Host, Selector};
pub use load::{
    LoadError, MAX_DEFINITION_BYTES, MAX_RULES, Problem, RuleSet, STORED_ORIGIN, StoredRule, default_rules,
    load, read_rule,
};
pub use rule::{Rule, Severity};
pub use script::{ScriptError, ScriptOutcome, run_script};
pub use template::Template;
pub use threshold::{HostPattern, HostThreshold};
