-- Alert rules that people made, changed or switched off by the API, and who changed which rule when.

CREATE TABLE alert_rules (
    name VARCHAR(255) NOT NULL PRIMARY KEY,
    -- Text of one [[rule]]; absent where only `enabled` was changed of a rule of the files or a default one.
    definition TEXT,
    enabled INTEGER NOT NULL,
    author VARCHAR(255) NOT NULL,
    changed_ms BIGINT NOT NULL,
    -- Id of the last change.
    revision VARCHAR(64) NOT NULL
);

CREATE TABLE alert_rule_changes (
    -- Sorts by time.
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    time_ms BIGINT NOT NULL,
    rule VARCHAR(255) NOT NULL,
    author VARCHAR(255) NOT NULL,
    action VARCHAR(32) NOT NULL,
    note TEXT NOT NULL,
    -- What held before and after; absent where nothing did.
    before_text TEXT,
    after_text TEXT
);

CREATE INDEX alert_rule_changes_by_rule ON alert_rule_changes (rule, id);
