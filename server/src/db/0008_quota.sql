-- What owners store. The database itself counts, so that whatever writes or deletes results or source packages is counted in the
-- same transaction, and so is what goes with a project. Both tables follow from the others: they are in no backup.
-- A transaction that holds several rows takes them in this order: projects, builds, batches, the owner's row here, all others.
-- Statements are cut where a line ends in a semicolon: inside of triggers and functions none does.

-- Most bytes of all that it owns; NULL: what the configuration says; 0: no limit.
ALTER TABLE users ADD COLUMN quota_bytes BIGINT;

ALTER TABLE user_groups ADD COLUMN quota_bytes BIGINT;

-- Bytes of the files that were uploaded for its source package to be made of.
ALTER TABLE builds ADD COLUMN parts_size BIGINT NOT NULL DEFAULT 0;

{sqlite}
UPDATE builds SET parts_size = (SELECT COALESCE(SUM(json_extract(f.value, '$.size')), 0) FROM json_each(source_method, '$.files') f)
    WHERE source_method LIKE '%"files":[%';

{postgres}
UPDATE builds SET parts_size = (SELECT COALESCE(SUM(CAST(f.value ->> 'size' AS BIGINT)), 0)
    FROM json_array_elements(CAST(source_method AS JSON) -> 'files') f) WHERE source_method LIKE '%"files":[%';

-- Builds that a project keeps of each package that says nothing else; NULL: all.
ALTER TABLE projects ADD COLUMN keep_builds BIGINT;

CREATE INDEX projects_that_keep_some ON projects (id) WHERE keep_builds IS NOT NULL;

-- What was pruned together, and can be brought back until it is due. `by_user`: empty for what went by itself.
CREATE TABLE prunes (
    id {id},
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    by_user TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    due_ms BIGINT NOT NULL
);

CREATE INDEX prunes_of_project ON prunes (project_id, id);

CREATE INDEX prunes_due ON prunes (due_ms);

-- A build that was pruned. `kept`: its rows and those of its chroots and results, as JSON.
CREATE TABLE pruned_builds (
    build_id BIGINT NOT NULL PRIMARY KEY,
    prune_id BIGINT NOT NULL REFERENCES prunes (id) ON DELETE CASCADE,
    package_name TEXT NOT NULL,
    package_version TEXT NOT NULL,
    kept TEXT NOT NULL
);

CREATE INDEX pruned_builds_of ON pruned_builds (prune_id);

CREATE TABLE quota_used (
    owner TEXT NOT NULL PRIMARY KEY,
    used BIGINT NOT NULL
);

-- Files of an owner, and how many results and source packages each is.
CREATE TABLE quota_files (
    owner TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size BIGINT NOT NULL,
    uses BIGINT NOT NULL,
    PRIMARY KEY (owner, sha256, size)
);

-- One place says what counts. The parts of a source package are no file of their own and are shared with nobody.
CREATE VIEW quota_counted AS
    SELECT c.owner AS owner, r.sha256 AS sha256, r.size AS size
        FROM results r JOIN build_chroots c ON c.id = r.build_chroot_id
    UNION ALL SELECT p.owner, b.source_sha256, b.source_size FROM builds b JOIN projects p ON p.id = b.project_id
        WHERE b.source_sha256 <> ''
    UNION ALL SELECT p.owner, 'parts of ' || b.id, b.parts_size FROM builds b JOIN projects p ON p.id = b.project_id
        WHERE b.parts_size > 0;

INSERT INTO quota_files (owner, sha256, size, uses)
    SELECT owner, sha256, size, COUNT(*) FROM quota_counted GROUP BY owner, sha256, size;

INSERT INTO quota_used (owner, used) SELECT owner, SUM(size) FROM quota_files GROUP BY owner;

-- SQLite: row by row. Rows go before what they belong to, because that tells whose they are.
{sqlite}
CREATE TRIGGER quota_file_new AFTER INSERT ON quota_files BEGIN
    INSERT INTO quota_used (owner, used) VALUES (new.owner, new.size) ON CONFLICT (owner) DO UPDATE SET used = used + excluded.used; END;

{sqlite}
CREATE TRIGGER quota_file_unused AFTER UPDATE OF uses ON quota_files WHEN new.uses <= 0 BEGIN
    UPDATE quota_used SET used = used - new.size WHERE owner = new.owner
    ; DELETE FROM quota_files WHERE owner = new.owner AND sha256 = new.sha256 AND size = new.size; END;

{sqlite}
CREATE TRIGGER quota_result_new AFTER INSERT ON results BEGIN
    INSERT INTO quota_files (owner, sha256, size, uses)
        SELECT owner, new.sha256, new.size, 1 FROM build_chroots WHERE id = new.build_chroot_id
        ON CONFLICT (owner, sha256, size) DO UPDATE SET uses = uses + 1; END;

{sqlite}
CREATE TRIGGER quota_result_changed AFTER UPDATE OF sha256, size ON results WHEN new.sha256 <> old.sha256 OR new.size <> old.size BEGIN
    INSERT INTO quota_files (owner, sha256, size, uses)
        SELECT owner, new.sha256, new.size, 1 FROM build_chroots WHERE id = new.build_chroot_id
        ON CONFLICT (owner, sha256, size) DO UPDATE SET uses = uses + 1
    ; UPDATE quota_files SET uses = uses - 1 WHERE sha256 = old.sha256 AND size = old.size
        AND owner = (SELECT owner FROM build_chroots WHERE id = old.build_chroot_id); END;

{sqlite}
CREATE TRIGGER quota_result_gone AFTER DELETE ON results BEGIN
    UPDATE quota_files SET uses = uses - 1 WHERE sha256 = old.sha256 AND size = old.size
        AND owner = (SELECT owner FROM build_chroots WHERE id = old.build_chroot_id); END;

{sqlite}
CREATE TRIGGER quota_chroot_goes BEFORE DELETE ON build_chroots BEGIN DELETE FROM results WHERE build_chroot_id = old.id; END;

{sqlite}
CREATE TRIGGER quota_source_new AFTER INSERT ON builds BEGIN
    INSERT INTO quota_files (owner, sha256, size, uses)
        SELECT owner, new.source_sha256, new.source_size, 1 FROM projects WHERE id = new.project_id AND new.source_sha256 <> ''
        ON CONFLICT (owner, sha256, size) DO UPDATE SET uses = uses + 1
    ; INSERT INTO quota_files (owner, sha256, size, uses)
        SELECT owner, 'parts of ' || new.id, new.parts_size, 1 FROM projects WHERE id = new.project_id AND new.parts_size > 0; END;

{sqlite}
CREATE TRIGGER quota_source_changed AFTER UPDATE OF source_sha256, source_size ON builds
    WHEN new.source_sha256 <> old.source_sha256 OR new.source_size <> old.source_size BEGIN
    INSERT INTO quota_files (owner, sha256, size, uses)
        SELECT owner, new.source_sha256, new.source_size, 1 FROM projects WHERE id = new.project_id AND new.source_sha256 <> ''
        ON CONFLICT (owner, sha256, size) DO UPDATE SET uses = uses + 1
    ; UPDATE quota_files SET uses = uses - 1 WHERE sha256 = old.source_sha256 AND size = old.source_size
        AND owner = (SELECT owner FROM projects WHERE id = old.project_id); END;

{sqlite}
CREATE TRIGGER quota_source_gone AFTER DELETE ON builds BEGIN
    UPDATE quota_files SET uses = uses - 1 WHERE sha256 IN (old.source_sha256, 'parts of ' || old.id)
        AND size = CASE sha256 WHEN old.source_sha256 THEN old.source_size ELSE old.parts_size END
        AND owner = (SELECT owner FROM projects WHERE id = old.project_id); END;

{sqlite}
CREATE TRIGGER quota_project_goes BEFORE DELETE ON projects BEGIN DELETE FROM builds WHERE project_id = old.id; END;

-- PostgreSQL: a statement at a time, as a row that is written often in one transaction becomes slow.
{postgres}
CREATE FUNCTION quota_hold(of_owner TEXT) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    PERFORM 1 FROM quota_used WHERE owner = of_owner FOR UPDATE
    ; IF NOT FOUND THEN
        INSERT INTO quota_used (owner, used) VALUES (of_owner, 0) ON CONFLICT (owner) DO NOTHING
        ; PERFORM 1 FROM quota_used WHERE owner = of_owner FOR UPDATE
    ; END IF
; END $$;

{postgres}
CREATE FUNCTION quota_change(owners TEXT[], sums TEXT[], sizes BIGINT[], counts BIGINT[]) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    IF owners IS NULL THEN RETURN; END IF
    ; PERFORM quota_hold(o.owner) FROM (SELECT DISTINCT x.owner FROM UNNEST(owners) AS x (owner) ORDER BY x.owner) AS o
    ; UPDATE quota_used u SET used = u.used + n.bytes FROM (
        SELECT c.owner, SUM(c.size) AS bytes FROM UNNEST(owners, sums, sizes, counts) AS c (owner, sha256, size, uses)
        WHERE c.uses > 0 AND NOT EXISTS (SELECT 1 FROM quota_files f
            WHERE f.owner = c.owner AND f.sha256 = c.sha256 AND f.size = c.size) GROUP BY c.owner) AS n
        WHERE u.owner = n.owner
    ; INSERT INTO quota_files AS f (owner, sha256, size, uses)
        SELECT c.owner, c.sha256, c.size, c.uses FROM UNNEST(owners, sums, sizes, counts) AS c (owner, sha256, size, uses)
        WHERE c.uses > 0 ON CONFLICT (owner, sha256, size) DO UPDATE SET uses = f.uses + excluded.uses
    ; UPDATE quota_files f SET uses = f.uses + c.uses FROM UNNEST(owners, sums, sizes, counts) AS c (owner, sha256, size, uses)
        WHERE c.uses < 0 AND f.owner = c.owner AND f.sha256 = c.sha256 AND f.size = c.size
    ; WITH gone AS (DELETE FROM quota_files f USING UNNEST(owners, sums, sizes) AS c (owner, sha256, size)
        WHERE f.uses <= 0 AND f.owner = c.owner AND f.sha256 = c.sha256 AND f.size = c.size RETURNING f.owner, f.size)
    UPDATE quota_used u SET used = u.used - g.bytes
        FROM (SELECT gone.owner, SUM(gone.size) AS bytes FROM gone GROUP BY gone.owner) AS g WHERE u.owner = g.owner
; END $$;

{postgres}
CREATE FUNCTION quota_of_results() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM quota_change(array_agg(n.owner), array_agg(n.sha256), array_agg(n.size), array_agg(n.uses)) FROM (
            SELECT c.owner, r.sha256, r.size, COUNT(*) AS uses FROM changed r JOIN build_chroots c ON c.id = r.build_chroot_id
            GROUP BY c.owner, r.sha256, r.size) AS n
    ; ELSIF TG_OP = 'DELETE' THEN
        PERFORM quota_change(array_agg(n.owner), array_agg(n.sha256), array_agg(n.size), array_agg(n.uses)) FROM (
            SELECT c.owner, r.sha256, r.size, -COUNT(*) AS uses FROM changed r JOIN build_chroots c ON c.id = r.build_chroot_id
            GROUP BY c.owner, r.sha256, r.size) AS n
    ; ELSE
        PERFORM quota_change(ARRAY[c.owner, c.owner], ARRAY[NEW.sha256, OLD.sha256], ARRAY[NEW.size, OLD.size],
            ARRAY[1::BIGINT, -1::BIGINT]) FROM build_chroots c WHERE c.id = NEW.build_chroot_id
    ; END IF
    ; RETURN NULL
; END $$;

{postgres}
CREATE TRIGGER quota_result_new AFTER INSERT ON results REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION quota_of_results();

{postgres}
CREATE TRIGGER quota_result_changed AFTER UPDATE OF sha256, size ON results FOR EACH ROW
    WHEN (OLD.sha256 <> NEW.sha256 OR OLD.size <> NEW.size) EXECUTE FUNCTION quota_of_results();

{postgres}
CREATE TRIGGER quota_result_gone AFTER DELETE ON results REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION quota_of_results();

{postgres}
CREATE FUNCTION quota_of_sources() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM quota_change(array_agg(n.owner), array_agg(n.sha256), array_agg(n.size), array_agg(n.uses)) FROM (
            SELECT p.owner, s.sha256, s.size, COUNT(*) AS uses FROM (
                SELECT b.project_id, b.source_sha256 AS sha256, b.source_size AS size FROM changed b WHERE b.source_sha256 <> ''
                UNION ALL SELECT b.project_id, 'parts of ' || b.id, b.parts_size FROM changed b WHERE b.parts_size > 0) AS s
            JOIN projects p ON p.id = s.project_id GROUP BY p.owner, s.sha256, s.size) AS n
    ; ELSIF TG_OP = 'DELETE' THEN
        PERFORM quota_change(array_agg(n.owner), array_agg(n.sha256), array_agg(n.size), array_agg(n.uses)) FROM (
            SELECT p.owner, s.sha256, s.size, -COUNT(*) AS uses FROM (
                SELECT b.project_id, b.source_sha256 AS sha256, b.source_size AS size FROM changed b WHERE b.source_sha256 <> ''
                UNION ALL SELECT b.project_id, 'parts of ' || b.id, b.parts_size FROM changed b WHERE b.parts_size > 0) AS s
            JOIN projects p ON p.id = s.project_id GROUP BY p.owner, s.sha256, s.size) AS n
    ; ELSE
        PERFORM quota_change(ARRAY[p.owner, p.owner], ARRAY[NEW.source_sha256, OLD.source_sha256],
            ARRAY[NEW.source_size, OLD.source_size],
            ARRAY[CASE NEW.source_sha256 WHEN '' THEN 0 ELSE 1 END::BIGINT, CASE OLD.source_sha256 WHEN '' THEN 0 ELSE -1 END::BIGINT])
            FROM projects p WHERE p.id = NEW.project_id
    ; END IF
    ; RETURN NULL
; END $$;

{postgres}
CREATE TRIGGER quota_source_new AFTER INSERT ON builds REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION quota_of_sources();

{postgres}
CREATE TRIGGER quota_source_changed AFTER UPDATE OF source_sha256, source_size ON builds FOR EACH ROW
    WHEN (OLD.source_sha256 <> NEW.source_sha256 OR OLD.source_size <> NEW.source_size) EXECUTE FUNCTION quota_of_sources();

{postgres}
CREATE TRIGGER quota_source_gone AFTER DELETE ON builds REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION quota_of_sources();

{postgres}
CREATE FUNCTION quota_goes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_TABLE_NAME = 'build_chroots' THEN
        DELETE FROM results WHERE build_chroot_id = OLD.id
    ; ELSE
        DELETE FROM results WHERE build_chroot_id IN (
            SELECT c.id FROM build_chroots c JOIN builds b ON b.id = c.build_id WHERE b.project_id = OLD.id)
        ; DELETE FROM builds WHERE project_id = OLD.id
    ; END IF
    ; RETURN OLD
; END $$;

{postgres}
CREATE TRIGGER quota_chroot_goes BEFORE DELETE ON build_chroots FOR EACH ROW EXECUTE FUNCTION quota_goes();

{postgres}
CREATE TRIGGER quota_project_goes BEFORE DELETE ON projects FOR EACH ROW EXECUTE FUNCTION quota_goes();
