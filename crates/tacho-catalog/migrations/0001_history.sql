-- One row: counts the transactions that changed which files are live. Readers of the catalog use it as a
-- snapshot number.
CREATE TABLE history_commit (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    number BIGINT NOT NULL
);

INSERT INTO history_commit (id, number) VALUES (1, 0);

-- Every Parquet file whose rows were ever visible. A file belongs to readers from `added_commit` until
-- `removed_commit`; it is on disk until its row is deleted. Times are milliseconds since the epoch.
CREATE TABLE history_files (
    id VARCHAR(26) NOT NULL PRIMARY KEY,
    table_name VARCHAR(64) NOT NULL,
    -- Relative to the history directory.
    path VARCHAR(255) NOT NULL UNIQUE,
    level INTEGER NOT NULL,
    host_min VARCHAR(255) NOT NULL,
    host_max VARCHAR(255) NOT NULL,
    time_min_ms BIGINT NOT NULL,
    time_max_ms BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    byte_count BIGINT NOT NULL,
    -- CRC-32 of all bytes.
    checksum BIGINT NOT NULL,
    -- When its newest row was first written, whatever time the row itself carries.
    written_ms BIGINT NOT NULL,
    added_commit BIGINT NOT NULL,
    -- Replaced by compaction, expired, or damaged.
    removed_commit BIGINT,
    damaged INTEGER NOT NULL DEFAULT 0
);

CREATE INDEX history_files_live ON history_files (removed_commit, table_name, time_min_ms);

-- What of each stream of frames is stored: ranges such as `1-90,95`. Compared (`version`) and swapped in the
-- transaction that adds the files with those frames.
CREATE TABLE delivery_marks (
    agent_id VARCHAR(64) NOT NULL,
    stream VARCHAR(32) NOT NULL,
    version BIGINT NOT NULL,
    stored TEXT NOT NULL,
    updated_ms BIGINT NOT NULL,
    PRIMARY KEY (agent_id, stream)
);

CREATE INDEX delivery_marks_updated ON delivery_marks (updated_ms);
