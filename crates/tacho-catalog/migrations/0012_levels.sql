-- Rollups of ten minutes came later than the others: files written before have none. From when on they are there.
CREATE TABLE history_levels (
    name VARCHAR(8) NOT NULL PRIMARY KEY,
    since_ms BIGINT NOT NULL
);

INSERT INTO history_levels (name, since_ms)
SELECT '10m', MAX(time_max_ms) + 1 FROM history_files WHERE table_name LIKE '%!_1m' ESCAPE '!' HAVING COUNT(*) > 0;
