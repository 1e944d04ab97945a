-- The catalog as a DuckLake (format 1.0, https://ducklake.select), so that DuckDB attaches the history to read it.
--
-- A file there has a number, and keeps it.
ALTER TABLE history_commit ADD COLUMN next_file BIGINT NOT NULL DEFAULT 1;
ALTER TABLE history_files ADD COLUMN number BIGINT NOT NULL DEFAULT 0;

UPDATE history_files SET number = numbered.number
    FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS number FROM history_files) AS numbered
    WHERE numbered.id = history_files.id;

UPDATE history_commit SET next_file = 1 + (SELECT COUNT(*) FROM history_files);

-- What files hold, as the program that opened the history last knows it.
CREATE TABLE lake_tables (
    id BIGINT NOT NULL PRIMARY KEY,
    name VARCHAR(64) NOT NULL UNIQUE
);

CREATE TABLE lake_columns (
    table_id BIGINT NOT NULL,
    -- The field id in its files.
    id BIGINT NOT NULL,
    position BIGINT NOT NULL,
    name VARCHAR(64) NOT NULL,
    -- As DuckLake calls it.
    data_type VARCHAR(16) NOT NULL,
    nullable INTEGER NOT NULL,
    PRIMARY KEY (table_id, id)
);

-- One row once a server has run: where paths of files begin, what tables and columns hash to, and how often that has changed.
CREATE TABLE lake_place (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    directory TEXT NOT NULL,
    tables_hash BIGINT NOT NULL,
    version BIGINT NOT NULL
);

-- DuckDB reads the text of these views and runs it itself: it has to be its SQL (epoch_ms is only there). Nothing of Tacho
-- reads them. A later migration that renames or drops a table or a column drops the views before.
CREATE VIEW ducklake_metadata AS
    SELECT 'version' AS "key", '1.0' AS "value", CAST(NULL AS VARCHAR) AS "scope", CAST(NULL AS BIGINT) AS scope_id
    UNION ALL SELECT 'created_by', 'Tacho', NULL, NULL
    UNION ALL SELECT 'encrypted', 'false', NULL, NULL
    UNION ALL SELECT 'data_path', directory, NULL, NULL FROM lake_place;

-- The newest commit only: of older ones files are gone.
CREATE VIEW ducklake_snapshot AS
    SELECT c.number AS snapshot_id,
        CAST(CAST(epoch_ms((SELECT COALESCE(MAX(written_ms), 0) FROM history_files)) AS VARCHAR) || '+00' AS TIMESTAMPTZ)
            AS snapshot_time,
        p.version AS schema_version, CAST(1000 AS BIGINT) AS next_catalog_id, c.next_file AS next_file_id
    FROM history_commit c CROSS JOIN lake_place p;

CREATE VIEW ducklake_snapshot_changes AS
    SELECT c.number AS snapshot_id, '' AS changes_made, CAST(NULL AS VARCHAR) AS author,
        CAST(NULL AS VARCHAR) AS commit_message, CAST(NULL AS VARCHAR) AS commit_extra_info
    FROM history_commit c;

CREATE VIEW ducklake_schema AS
    SELECT CAST(0 AS BIGINT) AS schema_id, '00000000-0000-0000-0000-000000000000' AS schema_uuid,
        CAST(0 AS BIGINT) AS begin_snapshot, CAST(NULL AS BIGINT) AS end_snapshot, 'main' AS schema_name,
        CAST(NULL AS VARCHAR) AS path, CAST(1 AS BOOLEAN) AS path_is_relative;

CREATE VIEW ducklake_table AS
    SELECT t.id AS table_id, '00000000-0000-0000-0000-' || CAST(100000000000 + t.id AS VARCHAR) AS table_uuid,
        CAST(0 AS BIGINT) AS begin_snapshot, CAST(NULL AS BIGINT) AS end_snapshot, CAST(0 AS BIGINT) AS schema_id,
        t.name AS table_name, CAST(NULL AS VARCHAR) AS path, CAST(1 AS BOOLEAN) AS path_is_relative
    FROM lake_tables t;

CREATE VIEW ducklake_column AS
    SELECT c.id AS column_id, CAST(0 AS BIGINT) AS begin_snapshot, CAST(NULL AS BIGINT) AS end_snapshot, c.table_id AS table_id,
        c.position AS column_order, c.name AS column_name, c.data_type AS column_type,
        CAST(NULL AS VARCHAR) AS initial_default, CAST(NULL AS VARCHAR) AS default_value,
        CAST(c.nullable AS BOOLEAN) AS nulls_allowed, CAST(NULL AS BIGINT) AS parent_column,
        'literal' AS default_value_type, CAST(NULL AS VARCHAR) AS default_value_dialect
    FROM lake_columns c;

CREATE VIEW ducklake_data_file AS
    SELECT f.number AS data_file_id, t.id AS table_id, f.added_commit AS begin_snapshot,
        f.removed_commit AS end_snapshot, CAST(NULL AS BIGINT) AS file_order, f.path AS path,
        CAST(1 AS BOOLEAN) AS path_is_relative, 'parquet' AS file_format, f.row_count AS record_count,
        f.byte_count AS file_size_bytes, CAST(NULL AS BIGINT) AS footer_size, CAST(0 AS BIGINT) AS row_id_start,
        CAST(NULL AS BIGINT) AS partition_id, CAST(NULL AS VARCHAR) AS encryption_key,
        CAST(NULL AS BIGINT) AS mapping_id, CAST(NULL AS BIGINT) AS partial_max
    FROM history_files f JOIN lake_tables t ON t.name = f.table_name
    WHERE f.damaged = 0;

-- By time (1) and host (2) files are left out. A column without a row here would leave out every file.
CREATE VIEW ducklake_file_column_stats AS
    SELECT f.number AS data_file_id, c.table_id AS table_id, c.id AS column_id,
        CAST(NULL AS BIGINT) AS column_size_bytes,
        CASE WHEN c.id IN (1, 2) THEN f.row_count END AS value_count,
        CASE WHEN c.id IN (1, 2) THEN CAST(0 AS BIGINT) END AS null_count,
        CASE c.id WHEN 1 THEN CAST(epoch_ms(f.time_min_ms) AS VARCHAR) || '+00' WHEN 2 THEN f.host_min END AS min_value,
        CASE c.id WHEN 1 THEN CAST(epoch_ms(f.time_max_ms) AS VARCHAR) || '+00' WHEN 2 THEN f.host_max END AS max_value,
        CAST(NULL AS BOOLEAN) AS contains_nan, CAST(NULL AS VARCHAR) AS extra_stats
    FROM history_files f JOIN lake_tables t ON t.name = f.table_name JOIN lake_columns c ON c.table_id = t.id
    WHERE f.damaged = 0;

CREATE VIEW ducklake_table_stats AS
    SELECT t.id AS table_id, CAST(COALESCE(SUM(f.row_count), 0) AS BIGINT) AS record_count,
        CAST(COALESCE(SUM(f.row_count), 0) AS BIGINT) AS next_row_id,
        CAST(COALESCE(SUM(f.byte_count), 0) AS BIGINT) AS file_size_bytes
    FROM lake_tables t LEFT JOIN history_files f ON f.table_name = t.name AND f.removed_commit IS NULL
    GROUP BY t.id;

CREATE VIEW ducklake_table_column_stats AS
    SELECT c.table_id AS table_id, c.id AS column_id, CAST(NULL AS BOOLEAN) AS contains_null,
        CAST(NULL AS BOOLEAN) AS contains_nan, CAST(NULL AS VARCHAR) AS min_value, CAST(NULL AS VARCHAR) AS max_value,
        CAST(NULL AS VARCHAR) AS extra_stats
    FROM lake_columns c;

CREATE VIEW ducklake_schema_versions AS
    SELECT CAST(0 AS BIGINT) AS begin_snapshot, p.version AS schema_version, t.id AS table_id
    FROM lake_place p CROSS JOIN lake_tables t;

-- Nothing of the following is used.
CREATE VIEW ducklake_view AS
    SELECT CAST(NULL AS BIGINT) AS "view_id", CAST(NULL AS VARCHAR) AS "view_uuid",
        CAST(NULL AS BIGINT) AS "begin_snapshot", CAST(NULL AS BIGINT) AS "end_snapshot",
        CAST(NULL AS BIGINT) AS "schema_id", CAST(NULL AS VARCHAR) AS "view_name",
        CAST(NULL AS VARCHAR) AS "dialect", CAST(NULL AS VARCHAR) AS "sql", CAST(NULL AS VARCHAR) AS "column_aliases"
    WHERE 1 = 0;

CREATE VIEW ducklake_file_variant_stats AS
    SELECT CAST(NULL AS BIGINT) AS "data_file_id", CAST(NULL AS BIGINT) AS "table_id",
        CAST(NULL AS BIGINT) AS "column_id", CAST(NULL AS VARCHAR) AS "variant_path",
        CAST(NULL AS VARCHAR) AS "shredded_type", CAST(NULL AS BIGINT) AS "column_size_bytes",
        CAST(NULL AS BIGINT) AS "value_count", CAST(NULL AS BIGINT) AS "null_count",
        CAST(NULL AS VARCHAR) AS "min_value", CAST(NULL AS VARCHAR) AS "max_value",
        CAST(NULL AS BOOLEAN) AS "contains_nan", CAST(NULL AS VARCHAR) AS "extra_stats"
    WHERE 1 = 0;

CREATE VIEW ducklake_delete_file AS
    SELECT CAST(NULL AS BIGINT) AS "delete_file_id", CAST(NULL AS BIGINT) AS "table_id",
        CAST(NULL AS BIGINT) AS "begin_snapshot", CAST(NULL AS BIGINT) AS "end_snapshot",
        CAST(NULL AS BIGINT) AS "data_file_id", CAST(NULL AS VARCHAR) AS "path",
        CAST(NULL AS BOOLEAN) AS "path_is_relative", CAST(NULL AS VARCHAR) AS "format",
        CAST(NULL AS BIGINT) AS "delete_count", CAST(NULL AS BIGINT) AS "file_size_bytes",
        CAST(NULL AS BIGINT) AS "footer_size", CAST(NULL AS VARCHAR) AS "encryption_key",
        CAST(NULL AS BIGINT) AS "partial_max"
    WHERE 1 = 0;

CREATE VIEW ducklake_partition_info AS
    SELECT CAST(NULL AS BIGINT) AS "partition_id", CAST(NULL AS BIGINT) AS "table_id",
        CAST(NULL AS BIGINT) AS "begin_snapshot", CAST(NULL AS BIGINT) AS "end_snapshot"
    WHERE 1 = 0;

CREATE VIEW ducklake_partition_column AS
    SELECT CAST(NULL AS BIGINT) AS "partition_id", CAST(NULL AS BIGINT) AS "table_id",
        CAST(NULL AS BIGINT) AS "partition_key_index", CAST(NULL AS BIGINT) AS "column_id",
        CAST(NULL AS VARCHAR) AS "transform"
    WHERE 1 = 0;

CREATE VIEW ducklake_file_partition_value AS
    SELECT CAST(NULL AS BIGINT) AS "data_file_id", CAST(NULL AS BIGINT) AS "table_id",
        CAST(NULL AS BIGINT) AS "partition_key_index", CAST(NULL AS VARCHAR) AS "partition_value"
    WHERE 1 = 0;

CREATE VIEW ducklake_files_scheduled_for_deletion AS
    SELECT CAST(NULL AS BIGINT) AS "data_file_id", CAST(NULL AS VARCHAR) AS "path",
        CAST(NULL AS BOOLEAN) AS "path_is_relative", CAST(NULL AS TIMESTAMPTZ) AS "schedule_start"
    WHERE 1 = 0;

CREATE VIEW ducklake_inlined_data_tables AS
    SELECT CAST(NULL AS BIGINT) AS "table_id", CAST(NULL AS VARCHAR) AS "table_name",
        CAST(NULL AS BIGINT) AS "schema_version"
    WHERE 1 = 0;

CREATE VIEW ducklake_column_mapping AS
    SELECT CAST(NULL AS BIGINT) AS "mapping_id", CAST(NULL AS BIGINT) AS "table_id", CAST(NULL AS VARCHAR) AS "type"
    WHERE 1 = 0;

CREATE VIEW ducklake_name_mapping AS
    SELECT CAST(NULL AS BIGINT) AS "mapping_id", CAST(NULL AS BIGINT) AS "column_id",
        CAST(NULL AS VARCHAR) AS "source_name", CAST(NULL AS BIGINT) AS "target_field_id",
        CAST(NULL AS BIGINT) AS "parent_column", CAST(NULL AS BOOLEAN) AS "is_partition"
    WHERE 1 = 0;

CREATE VIEW ducklake_macro AS
    SELECT CAST(NULL AS BIGINT) AS "schema_id", CAST(NULL AS BIGINT) AS "macro_id",
        CAST(NULL AS VARCHAR) AS "macro_name", CAST(NULL AS BIGINT) AS "begin_snapshot",
        CAST(NULL AS BIGINT) AS "end_snapshot"
    WHERE 1 = 0;

CREATE VIEW ducklake_macro_impl AS
    SELECT CAST(NULL AS BIGINT) AS "macro_id", CAST(NULL AS BIGINT) AS "impl_id", CAST(NULL AS VARCHAR) AS "dialect",
        CAST(NULL AS VARCHAR) AS "sql", CAST(NULL AS VARCHAR) AS "type"
    WHERE 1 = 0;

CREATE VIEW ducklake_macro_parameters AS
    SELECT CAST(NULL AS BIGINT) AS "macro_id", CAST(NULL AS BIGINT) AS "impl_id",
        CAST(NULL AS BIGINT) AS "column_id", CAST(NULL AS VARCHAR) AS "parameter_name",
        CAST(NULL AS VARCHAR) AS "parameter_type", CAST(NULL AS VARCHAR) AS "default_value",
        CAST(NULL AS VARCHAR) AS "default_value_type"
    WHERE 1 = 0;

CREATE VIEW ducklake_sort_info AS
    SELECT CAST(NULL AS BIGINT) AS "sort_id", CAST(NULL AS BIGINT) AS "table_id",
        CAST(NULL AS BIGINT) AS "begin_snapshot", CAST(NULL AS BIGINT) AS "end_snapshot"
    WHERE 1 = 0;

CREATE VIEW ducklake_sort_expression AS
    SELECT CAST(NULL AS BIGINT) AS "sort_id", CAST(NULL AS BIGINT) AS "table_id",
        CAST(NULL AS BIGINT) AS "sort_key_index", CAST(NULL AS VARCHAR) AS "expression",
        CAST(NULL AS VARCHAR) AS "dialect", CAST(NULL AS VARCHAR) AS "sort_direction",
        CAST(NULL AS VARCHAR) AS "null_order"
    WHERE 1 = 0;

CREATE VIEW ducklake_tag AS
    SELECT CAST(NULL AS BIGINT) AS "object_id", CAST(NULL AS BIGINT) AS "begin_snapshot",
        CAST(NULL AS BIGINT) AS "end_snapshot", CAST(NULL AS VARCHAR) AS "key", CAST(NULL AS VARCHAR) AS "value"
    WHERE 1 = 0;

CREATE VIEW ducklake_column_tag AS
    SELECT CAST(NULL AS BIGINT) AS "table_id", CAST(NULL AS BIGINT) AS "column_id",
        CAST(NULL AS BIGINT) AS "begin_snapshot", CAST(NULL AS BIGINT) AS "end_snapshot",
        CAST(NULL AS VARCHAR) AS "key", CAST(NULL AS VARCHAR) AS "value"
    WHERE 1 = 0;
