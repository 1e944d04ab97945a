-- Certificates that speak for an agent: two while one replaces the other. What agents.certificate_hash held is
-- the first of them; that column says no more than what the agent joined with.
CREATE TABLE agent_certificates (
    -- Of the certificate's DER.
    hash VARCHAR(64) NOT NULL PRIMARY KEY,
    agent_id VARCHAR(64) NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    not_after_ms BIGINT NOT NULL,
    created_ms BIGINT NOT NULL
);

INSERT INTO agent_certificates (hash, agent_id, not_after_ms, created_ms)
    SELECT certificate_hash, id, not_after_ms, created_ms FROM agents;

CREATE INDEX agent_certificates_by_agent ON agent_certificates (agent_id);

-- Names that a host had before it was renamed: it is found by them as long as no other host has them.
CREATE TABLE host_names (
    name VARCHAR(255) NOT NULL,
    host_id VARCHAR(64) NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
    renamed_ms BIGINT NOT NULL,
    PRIMARY KEY (name, host_id)
);

-- The host that joins with the token takes this one's place; absent: whichever it is.
ALTER TABLE tokens ADD COLUMN host_id VARCHAR(64);

-- Counts changes that connected agents have to feel at once: revoked, removed, renamed. A server reads one number
-- to know that there is nothing to do.
CREATE TABLE inventory_changes (
    id BIGINT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL
);

INSERT INTO inventory_changes (id, number) VALUES (1, 0);
