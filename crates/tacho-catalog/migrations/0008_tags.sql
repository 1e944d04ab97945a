-- Tags of hosts that people set here; those that agents bring along are among the host's facts.
CREATE TABLE host_tags (
    host_id VARCHAR(64) NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
    tag VARCHAR(255) NOT NULL,
    PRIMARY KEY (host_id, tag)
);

-- Who changed what.
CREATE TABLE audit_entries (
    -- Sorts by time.
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    time_ms BIGINT NOT NULL,
    author VARCHAR(255) NOT NULL,
    action VARCHAR(32) NOT NULL,
    -- What was changed, such as the name of a host.
    subject VARCHAR(255) NOT NULL,
    -- What held before and after; absent where nothing did.
    before_text TEXT,
    after_text TEXT
);

-- Events that people and programs told, each until the history has it. One event is a frame for each of its hosts.
CREATE TABLE posted_events (
    first_sequence BIGINT NOT NULL PRIMARY KEY,
    host_count BIGINT NOT NULL,
    posted_ms BIGINT NOT NULL,
    data TEXT NOT NULL
);

-- One row, made with the first of them: the stream that their frames are of. A new catalog has another stream, so that
-- what a lost one had given to the history is never taken for something new.
CREATE TABLE posted_stream (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    stream VARCHAR(32) NOT NULL,
    next_sequence BIGINT NOT NULL
);
