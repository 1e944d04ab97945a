//! What clients may not do: write, and change settings that others have too.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::common::{DFSchema, ParamValues};
use datafusion::logical_expr::{EmptyRelation, LogicalPlan};
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::ast::{Set, SetExpr, Statement};
use datafusion_postgres::hooks::{HookClient, QueryHook};
use datafusion_postgres::pgwire::api::ClientInfo;
use datafusion_postgres::pgwire::api::results::{Response, Tag};
use datafusion_postgres::pgwire::error::PgWireResult;

use super::error;

/// Code of <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
const READ_ONLY: &str = "25006";

/// Settings that are the connection's own.
const OWN_SETTINGS: [&str; 7] = [
    "application_name",
    "bytea_output",
    "datestyle",
    "extra_float_digits",
    "intervalstyle",
    "search_path",
    "statement_timeout",
];

/// Comes before all other hooks: lets statements through that read, or that concern the connection only.
pub(super) struct ReadOnly;

/// What becomes of a statement.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Pass,
    /// Answered as done, and nothing is.
    Ignore(&'static str),
    Refuse,
}

fn judge(statement: &Statement) -> Verdict {
    match statement {
        Statement::Query(query) => {
            if writes(&query.body) {
                Verdict::Refuse
            } else {
                Verdict::Pass
            }
        }
        Statement::Explain { statement, .. } => judge(statement),
        // The engine has one set of settings, its limits among them.
        Statement::Set(set) => {
            if is_own(set) {
                Verdict::Pass
            } else {
                Verdict::Ignore("SET")
            }
        }
        Statement::Reset(_) => Verdict::Ignore("RESET"),
        Statement::Discard { .. } => Verdict::Ignore("DISCARD ALL"),
        Statement::ExplainTable { .. }
        | Statement::ShowTables { .. }
        | Statement::ShowColumns { .. }
        | Statement::ShowVariable { .. }
        | Statement::ShowVariables { .. }
        | Statement::StartTransaction { .. }
        | Statement::Commit { .. }
        | Statement::Rollback { .. }
        | Statement::Declare { .. }
        | Statement::Fetch { .. }
        | Statement::Close { .. }
        | Statement::Deallocate { .. } => Verdict::Pass,
        _ => Verdict::Refuse,
    }
}

/// `SELECT … INTO` makes a table.
fn writes(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => select.into.is_some(),
        SetExpr::Query(query) => writes(&query.body),
        SetExpr::SetOperation { left, right, .. } => writes(left) || writes(right),
        SetExpr::Values(_) | SetExpr::Table(_) => false,
        _ => true,
    }
}

fn is_own(set: &Set) -> bool {
    match set {
        Set::SingleAssignment { variable, values, .. } => {
            let name = variable.to_string().to_lowercase();
            OWN_SETTINGS.contains(&name.as_str()) && !values.is_empty()
        }
        Set::SetTimeZone { .. } => true,
        _ => false,
    }
}

fn answer(statement: &Statement) -> Option<PgWireResult<Response>> {
    match judge(statement) {
        Verdict::Pass => None,
        Verdict::Ignore(tag) => Some(Ok(Response::Execution(Tag::new(tag)))),
        Verdict::Refuse => Some(Err(error(READ_ONLY, "the history can be read only".to_owned()))),
    }
}

#[async_trait]
impl QueryHook for ReadOnly {
    async fn handle_simple_query(
        &self,
        statement: &Statement,
        _: &SessionContext,
        _: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        answer(statement)
    }

    async fn handle_extended_parse_query(
        &self,
        statement: &Statement,
        _: &SessionContext,
        _: &(dyn ClientInfo + Send + Sync),
    ) -> Option<PgWireResult<LogicalPlan>> {
        // The plan of a statement that does nothing is never run: the answer comes first.
        let nothing = EmptyRelation { produce_one_row: false, schema: Arc::new(DFSchema::empty()) };
        Some(answer(statement)?.map(|_| LogicalPlan::EmptyRelation(nothing)))
    }

    async fn handle_extended_query(
        &self,
        statement: &Statement,
        _: &LogicalPlan,
        _: &ParamValues,
        _: &SessionContext,
        _: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        answer(statement)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn check(text: &str, expected: &Verdict) {
        let statements = Parser::parse_sql(&PostgreSqlDialect {}, text).unwrap();
        assert_eq!(judge(&statements[0]), *expected, "{text}");
    }

    #[test]
    fn what_reads_passes() {
        for text in [
            "SELECT 1",
            "WITH a AS (SELECT 1) SELECT * FROM a UNION ALL (SELECT 2)",
            "VALUES (1), (2)",
            "EXPLAIN ANALYZE SELECT * FROM process",
            "SHOW search_path",
            "BEGIN",
            "SET TIME ZONE 'UTC'",
            "SET statement_timeout = 1000",
        ] {
            check(text, &Verdict::Pass);
        }
    }

    #[test]
    fn what_writes_is_refused() {
        for text in [
            "CREATE TABLE t (a int)",
            "CREATE VIEW v AS SELECT 1",
            "DROP TABLE process",
            "INSERT INTO process VALUES (1)",
            "UPDATE process SET pid = 1",
            "DELETE FROM process",
            "TRUNCATE process",
            "COPY process TO '/tmp/x'",
            "SELECT 1 INTO t",
            "(SELECT 1 INTO t)",
            "SELECT 1 UNION SELECT 2 INTO t",
            "EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1",
            "PREPARE p AS SELECT 1",
        ] {
            check(text, &Verdict::Refuse);
        }
    }

    #[test]
    fn settings_of_all_stay_as_they_are() {
        check("SET datafusion.runtime.memory_limit = '1000G'", &Verdict::Ignore("SET"));
        check("SET client_encoding = 'UTF8'", &Verdict::Ignore("SET"));
        check("RESET ALL", &Verdict::Ignore("RESET"));
        check("DISCARD ALL", &Verdict::Ignore("DISCARD ALL"));
    }
}
