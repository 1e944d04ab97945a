-- Alerts that fire or fired, who looks after them, what is not to be told, and what is on its way to receivers.
-- JSON is in `data` where nothing but the server that wrote it reads it.

CREATE TABLE alerts (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    rule VARCHAR(255) NOT NULL,
    -- No reference: an alert that is over outlives its host.
    host_id VARCHAR(64) NOT NULL,
    host VARCHAR(255) NOT NULL,
    severity VARCHAR(16) NOT NULL,
    fired_ms BIGINT NOT NULL,
    -- Absent while it fires.
    resolved_ms BIGINT,
    reason TEXT NOT NULL,
    acknowledged_ms BIGINT,
    acknowledged_by VARCHAR(255),
    acknowledged_note TEXT,
    data TEXT NOT NULL
);

CREATE INDEX alerts_by_end ON alerts (resolved_ms, fired_ms);
CREATE INDEX alerts_by_host ON alerts (host_id, fired_ms);

-- Which receivers were told that an alert fires, and not yet that it is over.
CREATE TABLE alert_told (
    alert_id VARCHAR(64) NOT NULL,
    receiver VARCHAR(255) NOT NULL,
    PRIMARY KEY (alert_id, receiver)
);

CREATE TABLE alert_silences (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    starts_ms BIGINT NOT NULL,
    ends_ms BIGINT NOT NULL,
    author VARCHAR(255) NOT NULL,
    data TEXT NOT NULL
);

-- One row: what rules remember between looks.
CREATE TABLE alert_memory (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    saved_ms BIGINT NOT NULL,
    data TEXT NOT NULL
);

-- Notifications for receivers, until each was taken.
CREATE TABLE alert_queue (
    id VARCHAR(64) NOT NULL,
    receiver VARCHAR(255) NOT NULL,
    created_ms BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_ms BIGINT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (receiver, id)
);

-- Thresholds that are other on some hosts than their rule says.
CREATE TABLE alert_thresholds (
    rule VARCHAR(255) NOT NULL,
    -- A pattern of names.
    hosts VARCHAR(255) NOT NULL,
    threshold DOUBLE PRECISION NOT NULL,
    author VARCHAR(255) NOT NULL,
    changed_ms BIGINT NOT NULL,
    PRIMARY KEY (rule, hosts)
);
