-- Of a file of raw rows: its rows are in rollup files too (or its table has none). Set in the transaction that
-- adds those files, so that a reader who takes rollups and the files without this mark sees each row once.
ALTER TABLE history_files ADD COLUMN rolled INTEGER NOT NULL DEFAULT 0;
