-- Keys that packages and metadata are signed with.
-- `project_id` NULL: the owner's, for those of its projects that say so. `secret` is sealed with the server key, which is in no table.
-- The one without `retired_ms` signs; the others are trusted for what they have signed, at least until `trusted_until_ms`.
CREATE TABLE keys (
    id {id},
    owner TEXT NOT NULL,
    project_id BIGINT REFERENCES projects (id) ON DELETE CASCADE,
    fingerprint TEXT NOT NULL UNIQUE,
    public TEXT NOT NULL,
    secret TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    retired_ms BIGINT,
    trusted_until_ms BIGINT
);

CREATE UNIQUE INDEX keys_current_of_project ON keys (project_id) WHERE retired_ms IS NULL AND project_id IS NOT NULL;

CREATE UNIQUE INDEX keys_current_of_owner ON keys (owner) WHERE retired_ms IS NULL AND project_id IS NULL;

CREATE INDEX keys_of_project ON keys (project_id);

CREATE INDEX keys_of_owner ON keys (owner) WHERE project_id IS NULL;

CREATE INDEX keys_retired ON keys (trusted_until_ms) WHERE trusted_until_ms IS NOT NULL;

-- One row: what only the right server key opens.
CREATE TABLE server_key (
    id BIGINT NOT NULL PRIMARY KEY,
    proof TEXT NOT NULL
);

-- project, owner or none. Projects that were there before there were keys go on without one until they ask for it.
ALTER TABLE projects ADD COLUMN signing TEXT NOT NULL DEFAULT 'none';

-- Fingerprint of the key that signed the file; NULL: none of ours.
ALTER TABLE results ADD COLUMN signed_by TEXT;

-- What the file's SHA-256 was before it was signed; NULL: it was not. Tells that two files are the same package.
ALTER TABLE results ADD COLUMN unsigned_sha256 TEXT;

CREATE INDEX results_signed_by ON results (signed_by) WHERE signed_by IS NOT NULL;

CREATE INDEX results_unsigned ON results (build_chroot_id) WHERE signed_by IS NULL;
