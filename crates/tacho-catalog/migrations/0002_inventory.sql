-- Hosts, the agents that speak for them, tokens, users and their sign-ins. Hashes are SHA-256, written in
-- hexadecimal: binary keys are spelt differently in each database.

CREATE TABLE hosts (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL UNIQUE,
    -- What the host called itself when it joined, and a hash of its machine id (empty when unknown):
    -- a host that joins again under both is the same host, whatever name it was given here.
    join_name VARCHAR(255) NOT NULL,
    machine VARCHAR(128) NOT NULL,
    -- JSON, absent until the agent has sent its first facts.
    facts TEXT,
    created_ms BIGINT NOT NULL,
    last_seen_ms BIGINT
);

CREATE INDEX hosts_by_machine ON hosts (machine, join_name);

CREATE TABLE agents (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    host_id VARCHAR(64) NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
    -- Of the certificate's DER.
    certificate_hash VARCHAR(64) NOT NULL UNIQUE,
    not_after_ms BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    revoked_ms BIGINT
);

CREATE INDEX agents_by_host ON agents (host_id);

CREATE TABLE tokens (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    kind VARCHAR(16) NOT NULL CHECK (kind IN ('join', 'api')),
    -- Of an api token.
    role VARCHAR(16) CHECK (role IN ('viewer', 'operator', 'admin')),
    -- Of the secret, which is 32 random bytes: nothing to guess, so nothing to stretch.
    hash VARCHAR(64) NOT NULL UNIQUE,
    note TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT,
    -- Absent: any number of times.
    uses_left BIGINT,
    revoked_ms BIGINT
);

CREATE TABLE users (
    name VARCHAR(64) NOT NULL PRIMARY KEY,
    role VARCHAR(16) NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    -- PHC string with its parameters and salt.
    password_hash VARCHAR(255) NOT NULL,
    created_ms BIGINT NOT NULL
);

CREATE TABLE sessions (
    -- Of the cookie's secret.
    hash VARCHAR(64) NOT NULL PRIMARY KEY,
    user_name VARCHAR(64) NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);

CREATE INDEX sessions_by_user ON sessions (user_name);
CREATE INDEX sessions_by_expiry ON sessions (expires_ms);
