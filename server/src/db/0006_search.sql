-- Finding projects. What stands here is derived from the other tables: it is in no backup, and made anew where `version` is not the
-- program's. Statements after {sqlite} or {postgres} are for that engine alone.

-- Paths of a package that are found, as far as primary metadata list them, one a line.
ALTER TABLE results ADD COLUMN files TEXT NOT NULL DEFAULT '';

CREATE TABLE search (
    project_id BIGINT NOT NULL PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    listed BIGINT NOT NULL,
    -- In lower case.
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    -- When packages of it were published last; 0: never.
    built_ms BIGINT NOT NULL,
    -- The same, or when it was made.
    active_ms BIGINT NOT NULL,
    -- Names of its packages and their paths, one a line.
    found TEXT NOT NULL
);

CREATE INDEX search_recent ON search (listed, active_ms DESC, project_id DESC);

-- What is found of each package: of its newest build that is published.
CREATE TABLE search_packages (
    package_id BIGINT NOT NULL PRIMARY KEY REFERENCES packages (id) ON DELETE CASCADE,
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    build_id BIGINT NOT NULL,
    found TEXT NOT NULL
);

CREATE INDEX search_packages_of_project ON search_packages (project_id);

-- Words are cut by the program; here they end at blanks only.
{sqlite}
CREATE VIRTUAL TABLE search_words USING fts5 (strong, about, content = '', contentless_delete = 1, detail = column, prefix = '2 3',
    tokenize = "ascii tokenchars '-_.+~/@:'");

{sqlite}
CREATE TRIGGER search_gone AFTER DELETE ON search BEGIN DELETE FROM search_words WHERE rowid = old.project_id; END;

{postgres}
ALTER TABLE search ADD COLUMN strong TSVECTOR NOT NULL DEFAULT '', ADD COLUMN everything TSVECTOR NOT NULL DEFAULT '';

{postgres}
CREATE INDEX search_everything ON search USING gin (everything);
