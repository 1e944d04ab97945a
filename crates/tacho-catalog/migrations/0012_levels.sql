-- Some levels of rollups came later than others: files written before have none. From when on they are there.
CREATE TABLE history_levels (
    name VARCHAR(8) NOT NULL PRIMARY KEY,
    since_ms BIGINT NOT NULL
);

INSERT INTO history_levels (name, since_ms)
SELECT level, since_ms FROM (
    SELECT MAX(time_max_ms) + 1 AS since_ms FROM history_files WHERE table_name LIKE '%!_1m' ESCAPE '!'
), (SELECT '10m' AS level UNION ALL SELECT '1d')
WHERE since_ms IS NOT NULL;
