//! Scripted cases for rules: what hosts report when, and which alerts there have to be then.
//!
//! ```text
//! [[case]]
//! name = "a full file system is told"
//! [[case.load]]
//! table = "filesystem"
//! every = "1m"
//! to = "5m"
//! rows = [{ mount_point = "/", used_bytes = 98, available_bytes = 2 }]
//! [[case.expect]]
//! at = "2m"
//! rule = "file-system-full"
//! entity = "/"
//! state = "firing"
//! ```

use std::sync::Arc;

use tacho_model::{
    Block, ColumnType, FloatColumn, HostFacts, HostKey, IntegerColumn, ProcessIdentity, ProcessKey, Snapshot,
    Table, TextColumn, check_tags, tables,
};
use toml::de::DeTable;

use crate::engine::{Engine, Limits, Presence};
use crate::host::Host;
use crate::load::keys::{Cell, Keys, Source};
use crate::load::{LoadError, RuleSet};

/// Time at which every case begins.
const START_MS: i64 = 1_790_000_000_000;
/// Time goes on by this much.
const STEP_MS: i64 = 1_000;
/// Longest case.
const LONGEST_MS: i64 = 86_400_000;
const DEFAULT_EVERY_MS: i64 = 5_000;

/// What is wrong with a script.
pub type ScriptError = LoadError;

/// How one case went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptOutcome {
    pub case: String,
    /// One line each with the line of the expectation; empty when all went as expected.
    pub failures: Vec<String>,
}

struct Case {
    name: String,
    host: String,
    tags: Arc<[String]>,
    loads: Vec<Load>,
    expectations: Vec<Expectation>,
}

struct Load {
    table: &'static Table,
    from_ms: i64,
    to_ms: i64,
    every_ms: i64,
    rows: Vec<Vec<(String, Cell)>>,
}

struct Expectation {
    line: usize,
    at_ms: i64,
    rule: String,
    entity: Option<String>,
    /// `firing`, `pending` or `none`.
    state: String,
    text: Option<String>,
}

/// Runs the cases of a script against `rules`.
pub fn run_script(file: &str, text: &str, rules: &Arc<RuleSet>) -> Result<Vec<ScriptOutcome>, ScriptError> {
    let source = Source { file, text };
    let document = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(0, |span| source.line(span.start));
        LoadError { problems: vec![source.problem(line, format!("not TOML: {}", error.message()))] }
    })?;
    let mut problems = Vec::new();
    let mut cases = Vec::new();
    let mut top = Keys::new(document.get_ref(), 1, String::new(), source, &mut problems);
    top.tables("case", |keys| cases.push(case(keys, rules)));
    top.finish();
    if cases.is_empty() && problems.is_empty() {
        problems.push(source.problem(1, "has no case; write [[case]]".to_owned()));
    }
    if !problems.is_empty() {
        return Err(LoadError { problems });
    }
    Ok(cases.iter().map(|case| case.run(rules)).collect())
}

fn case(keys: &mut Keys<'_, '_>, rules: &RuleSet) -> Case {
    let name = keys.text("name").unwrap_or_default();
    keys.name_it(&name);
    let host = keys.text("host").unwrap_or_else(|| "web-1".to_owned());
    let tags = check_tags(&keys.strings("tags")).unwrap_or_else(|problem| {
        keys.problem("tags", problem);
        Vec::new()
    });
    let (mut loads, mut expectations) = (Vec::new(), Vec::new());
    keys.tables("load", |keys| loads.extend(load(keys)));
    keys.tables("expect", |keys| expectations.push(expectation(keys, rules)));
    if expectations.is_empty() {
        keys.problem("expect", "is missing; a case says with [[case.expect]] what has to be");
    }
    Case { name, host, tags: tags.into(), loads, expectations }
}

fn load(keys: &mut Keys<'_, '_>) -> Option<Load> {
    let name = keys.text("table").unwrap_or_default();
    let table = tables::by_name(&name);
    if table.is_none() {
        let names: Vec<_> = tables::ALL.iter().map(|table| table.name).collect();
        keys.problem("table", format_args!("is {name:?}; tables are {}", names.join(", ")));
    }
    let load = Load {
        from_ms: keys.duration("from", 0, LONGEST_MS).unwrap_or(0),
        to_ms: keys.duration("to", 0, LONGEST_MS).unwrap_or(LONGEST_MS),
        every_ms: keys.duration("every", STEP_MS, LONGEST_MS).unwrap_or(DEFAULT_EVERY_MS),
        rows: keys.rows("rows"),
        table: table?,
    };
    for (name, cell) in load.rows.iter().flatten() {
        let fits = load
            .table
            .position(name)
            .and_then(|position| load.table.columns.get(position))
            .map(|column| (column.column_type == ColumnType::Text) == matches!(cell, Cell::Text(_)));
        match fits {
            Some(true) => {}
            Some(false) => keys.problem("rows", format_args!("{name} is of another type")),
            None => keys.problem("rows", format_args!("table {} stores no column {name:?}", load.table.name)),
        }
    }
    Some(load)
}

fn expectation(keys: &mut Keys<'_, '_>, rules: &RuleSet) -> Expectation {
    let rule = keys.text("rule").unwrap_or_default();
    if !rules.rules.iter().any(|known| *known.name == *rule) {
        keys.problem("rule", format_args!("names {rule:?}, which is no rule"));
    }
    let state = keys.text("state").unwrap_or_else(|| "firing".to_owned());
    if !["firing", "pending", "none"].contains(&state.as_str()) {
        keys.problem("state", format_args!("is {state:?}; write firing, pending or none"));
    }
    Expectation {
        line: keys.line(),
        at_ms: keys.duration("at", 0, LONGEST_MS).unwrap_or(0),
        entity: keys.text("entity"),
        text: keys.text("text"),
        rule,
        state,
    }
}

impl Case {
    fn run(&self, rules: &Arc<RuleSet>) -> ScriptOutcome {
        let host = Host {
            key: HostKey { id: Arc::from("id"), name: Arc::from(self.host.as_str()) },
            facts: Arc::new(HostFacts::default()),
            tags: Arc::clone(&self.tags),
        };
        let mut engine = Engine::new(Arc::clone(rules), Limits::default());
        let mut heard_ms = START_MS;
        let mut failures = Vec::new();
        let end_ms = self.expectations.iter().map(|expectation| expectation.at_ms).max().unwrap_or(0);
        for at_ms in (0..=end_ms).step_by(STEP_MS as usize) {
            let now_ms = START_MS + at_ms;
            if let Some(snapshot) = self.snapshot(at_ms) {
                heard_ms = now_ms;
                engine.frame(&host, &snapshot, &[], now_ms);
            }
            engine.tick(&[Presence { host: host.clone(), heard_ms, interval_ms: DEFAULT_EVERY_MS }], now_ms);
            // Times between two steps belong to the step before.
            let due = self.expectations.iter().filter(|expect| expect.at_ms / STEP_MS == at_ms / STEP_MS);
            failures.extend(due.filter_map(|expectation| expectation.check(&engine)));
        }
        ScriptOutcome { case: self.name.clone(), failures }
    }

    fn snapshot(&self, at_ms: i64) -> Option<Snapshot> {
        let mut snapshot = Snapshot { time_ms: START_MS + at_ms, ..Snapshot::default() };
        for load in &self.loads {
            let is_due =
                (load.from_ms..=load.to_ms).contains(&at_ms) && (at_ms - load.from_ms) % load.every_ms == 0;
            if is_due {
                load.add(&mut snapshot);
            }
        }
        (!snapshot.blocks.is_empty()).then_some(snapshot)
    }
}

impl Load {
    fn add(&self, snapshot: &mut Snapshot) {
        let known = snapshot.blocks.iter().position(|block| block.table().id == self.table.id);
        let position = known.unwrap_or_else(|| {
            snapshot.blocks.push(Block::new(self.table));
            snapshot.blocks.len() - 1
        });
        let Some(block) = snapshot.blocks.get_mut(position) else { return };
        block.interval_ms = self.every_ms;
        for cells in &self.rows {
            let mut row = block.push();
            for (name, cell) in cells {
                let Some(position) = self.table.position(name) else { continue };
                let Some(column) = self.table.columns.get(position) else { continue };
                let position = position as u16;
                match (column.column_type, cell) {
                    (ColumnType::Integer, Cell::Number(number)) => {
                        row.integer(IntegerColumn(position), *number as i64);
                    }
                    (ColumnType::Float, Cell::Number(number)) => {
                        row.float(FloatColumn(position), *number);
                    }
                    (ColumnType::Text, Cell::Text(text)) => {
                        row.text(TextColumn(position), text);
                    }
                    _ => {}
                }
            }
            if self.table.id == tables::process::TABLE.id {
                snapshot.processes.push(Arc::new(identity(cells)));
            }
        }
    }
}

impl Expectation {
    fn check(&self, engine: &Engine) -> Option<String> {
        let found: Vec<_> = engine
            .alerts()
            .filter(|alert| *alert.key.rule == *self.rule)
            .filter(|alert| self.entity.as_ref().is_none_or(|entity| *entity == alert.key.entity))
            .collect();
        let state = match found.as_slice() {
            [] => "none",
            alerts if alerts.iter().any(|alert| alert.is_firing()) => "firing",
            _ => "pending",
        };
        let at = crate::load::keys::shown_duration(self.at_ms);
        if state != self.state {
            return Some(format!("line {}: at {at} {} is {state}, not {}", self.line, self.rule, self.state));
        }
        let text = self.text.as_ref()?;
        if found.iter().any(|alert| alert.text.contains(text.as_str())) {
            return None;
        }
        let said: Vec<_> = found.iter().map(|alert| alert.text.as_str()).collect();
        Some(format!("line {}: at {at} {} says {said:?}, not {text:?}", self.line, self.rule))
    }
}

fn identity(cells: &[(String, Cell)]) -> ProcessIdentity {
    let find = |name: &str| cells.iter().find(|(known, _)| known == name).map(|(_, cell)| cell);
    let text = |name: &str| match find(name) {
        Some(Cell::Text(text)) => text.clone(),
        _ => String::new(),
    };
    let number = |name: &str| match find(name) {
        Some(Cell::Number(number)) => *number as i64,
        _ => 0,
    };
    ProcessIdentity {
        key: ProcessKey { pid: number("pid"), start_time_ms: number("start_time") },
        parent_pid: number("parent_pid"),
        name: text("name"),
        command: text("command"),
        user_id: number("user_id"),
        user: text("user"),
        cgroup: text("cgroup"),
        unit: text("unit"),
        container: text("container"),
    }
}
