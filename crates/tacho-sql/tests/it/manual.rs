//! The queries of `docs/sql.md` work as they stand there.

use crate::fixture::Fixture;

/// The blocks of SQL in the manual.
fn queries(manual: &str) -> Vec<&str> {
    let blocks = manual.split("```sql\n").skip(1);
    blocks.map(|block| block.split_once("```").unwrap().0.trim()).collect()
}

#[test]
fn every_query_of_the_manual_answers() {
    let manual = include_str!("../../../../docs/sql.md");
    let queries = queries(manual);
    assert!(queries.len() >= 10, "{}", queries.len());
    let fixture = Fixture::shared();
    for query in queries {
        let rows = fixture.rows(query);
        // The hosts of the test have what the questions are about, and no accidents.
        let needs_rows = !query.contains("-- may find nothing");
        assert!(!needs_rows || !rows.is_empty(), "{query}");
    }
}
