-- Several servers on one catalog: which of them tells of alerts, and what is new to the others.

-- One row. Whoever holds it tells; the others take it over when `beat` stands still.
CREATE TABLE alert_office (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    -- Empty: nobody.
    server VARCHAR(64) NOT NULL,
    -- Grows with each change of hands: what the holder of an older term writes is refused.
    term BIGINT NOT NULL,
    beat BIGINT NOT NULL
);

INSERT INTO alert_office (id, server, term, beat) VALUES (1, '', 0, 0);

-- Grow with each change: of alerts, and of what people set (rules, thresholds, silences).
CREATE TABLE alert_revisions (
    name VARCHAR(32) NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL
);

INSERT INTO alert_revisions (name, revision) VALUES ('alerts', 0), ('settings', 0);

ALTER TABLE alerts ADD COLUMN entity TEXT NOT NULL DEFAULT '';
ALTER TABLE alerts ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
-- Nobody is told of its end.
ALTER TABLE alerts ADD COLUMN quiet INTEGER NOT NULL DEFAULT 0;

CREATE INDEX alerts_by_revision ON alerts (revision);

-- The term of whoever began to send it; 0: nobody.
ALTER TABLE alert_queue ADD COLUMN claimed_term BIGINT NOT NULL DEFAULT 0;

-- Hosts that servers without the office hear, for the one that has it.
CREATE TABLE alert_presence (
    server VARCHAR(64) NOT NULL PRIMARY KEY,
    data TEXT NOT NULL
);

-- What rules remember of a host between looks, by the server that looked last. What was in one row for all is learnt anew.
DROP TABLE alert_memory;

CREATE TABLE alert_memory (
    host_id VARCHAR(64) NOT NULL PRIMARY KEY,
    server VARCHAR(64) NOT NULL,
    saved_ms BIGINT NOT NULL,
    data TEXT NOT NULL
);
