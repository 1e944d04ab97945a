-- Maintenance windows that people made by the API.

CREATE TABLE alert_maintenance (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    author VARCHAR(255) NOT NULL,
    changed_ms BIGINT NOT NULL,
    -- JSON.
    data TEXT NOT NULL
);
