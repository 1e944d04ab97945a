-- Frames that agents had to drop, and so are in no history: written in the transaction that puts their
-- sequences into the stream's mark, so each is told once. Bounded per host; sequences are for people, the mark
-- is what counts.
CREATE TABLE delivery_gaps (
    agent_id VARCHAR(64) NOT NULL,
    stream VARCHAR(32) NOT NULL,
    first_sequence BIGINT NOT NULL,
    last_sequence BIGINT NOT NULL,
    host_id VARCHAR(64) NOT NULL,
    frame_count BIGINT NOT NULL,
    -- Of the first and last snapshot that was dropped, corrected as those of rows are.
    first_time_ms BIGINT NOT NULL,
    last_time_ms BIGINT NOT NULL,
    reason VARCHAR(16) NOT NULL,
    -- When it was told last, by the server's clock.
    told_ms BIGINT NOT NULL,
    PRIMARY KEY (agent_id, stream, first_sequence)
);

CREATE INDEX delivery_gaps_by_host ON delivery_gaps (host_id, last_time_ms);

-- How the clock of each stream is put right: the server's reckoning of when the host booted, and how it changed.
CREATE TABLE delivery_clocks (
    agent_id VARCHAR(64) NOT NULL,
    stream VARCHAR(32) NOT NULL,
    clock TEXT NOT NULL,
    updated_ms BIGINT NOT NULL,
    PRIMARY KEY (agent_id, stream)
);
