-- Projects that stand first on the page of a user, or of a group (`@name`).
CREATE TABLE pins (
    owner TEXT NOT NULL,
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    PRIMARY KEY (owner, project_id)
);

CREATE INDEX pins_of_project ON pins (project_id);

-- Search follows from the other tables and is made anew: what is looked at of every project that is found is short and by itself,
-- what is shown of it lies beside.
{sqlite}
DROP TRIGGER search_gone;

{sqlite}
DROP TABLE search_words;

DROP TABLE search;

{sqlite}
CREATE TABLE search (
    project_id INTEGER PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    listed BIGINT NOT NULL,
    -- In lower case.
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    -- When packages of it were published last; 0: never.
    built_ms BIGINT NOT NULL,
    -- The same, or when it was made.
    active_ms BIGINT NOT NULL
);

{postgres}
CREATE TABLE search (
    project_id BIGINT PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    listed BIGINT NOT NULL,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    built_ms BIGINT NOT NULL,
    active_ms BIGINT NOT NULL,
    strong TSVECTOR NOT NULL DEFAULT '',
    everything TSVECTOR NOT NULL DEFAULT ''
);

CREATE INDEX search_recent ON search (listed, active_ms DESC, project_id DESC);

-- Names of a project's packages and their paths, one a line.
CREATE TABLE search_found (
    project_id BIGINT NOT NULL PRIMARY KEY REFERENCES search (project_id) ON DELETE CASCADE,
    found TEXT NOT NULL
);

{sqlite}
CREATE VIRTUAL TABLE search_words USING fts5 (strong, about, content = '', contentless_delete = 1, detail = column, prefix = '2 4 8',
    tokenize = "ascii tokenchars '-_.+~/@:'");

{sqlite}
CREATE TRIGGER search_gone AFTER DELETE ON search BEGIN DELETE FROM search_words WHERE rowid = old.project_id; END;

{postgres}
CREATE INDEX search_everything ON search USING gin (everything);

{postgres}
CREATE INDEX search_strong ON search USING gin (strong);
