-- Source packages that a machine makes, and how machines are to be.
-- The job that makes a build's source package is a row beside those of its chroots, which wait for it: `source` is 1, and its
-- chroot's name has `source:` before it, because (build_id, chroot) is unique.
ALTER TABLE build_chroots ADD COLUMN source BIGINT NOT NULL DEFAULT 0;

-- JSON; NULL: the source package was uploaded. Until it is made, what is known of it is empty.
ALTER TABLE builds ADD COLUMN source_method TEXT;

-- JSON: what was asked for this build alone.
ALTER TABLE builds ADD COLUMN wishes TEXT NOT NULL DEFAULT '{}';

ALTER TABLE projects ADD COLUMN rpmlint TEXT NOT NULL DEFAULT 'report';

ALTER TABLE project_chroots ADD COLUMN memory_mib BIGINT;

ALTER TABLE project_chroots ADD COLUMN cpus BIGINT;

-- A builder takes several architectures and not every chroot of them.
DROP INDEX build_chroots_waiting;

CREATE INDEX build_chroots_pending ON build_chroots (background, source DESC, id) WHERE state = 'pending';
