-- People: passwords, identity providers, several tokens a user, sessions of browsers, groups, roles in projects.
ALTER TABLE users ADD COLUMN email TEXT;

-- A PHC string; NULL: no password.
ALTER TABLE users ADD COLUMN password_hash TEXT;

-- `ISSUER SUBJECT` of an identity provider, or `cert: SUBJECT` of a client certificate.
ALTER TABLE users ADD COLUMN identity TEXT;

ALTER TABLE users ADD COLUMN disabled BIGINT NOT NULL DEFAULT 0;

-- Most machines at once for all that it owns; NULL: what the configuration says.
ALTER TABLE users ADD COLUMN max_running BIGINT;

CREATE UNIQUE INDEX users_identity ON users (identity);

ALTER TABLE tokens ADD COLUMN label TEXT NOT NULL DEFAULT '';

-- The only project that the token is good for; NULL: all that its user may.
ALTER TABLE tokens ADD COLUMN project_id BIGINT REFERENCES projects (id) ON DELETE CASCADE;

ALTER TABLE tokens ADD COLUMN used_ms BIGINT;

CREATE INDEX tokens_of_user ON tokens (user_id);

CREATE TABLE sessions (
    id_sha256 TEXT NOT NULL PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);

CREATE INDEX sessions_of_user ON sessions (user_id, created_ms);

CREATE INDEX sessions_ending ON sessions (expires_ms);

-- Browsers that are on their way to the identity provider and back. `browser`: only the one that went may come back.
CREATE TABLE signing_in (
    state_sha256 TEXT NOT NULL PRIMARY KEY,
    browser_sha256 TEXT NOT NULL,
    nonce TEXT NOT NULL,
    verifier TEXT NOT NULL,
    back TEXT NOT NULL,
    expires_ms BIGINT NOT NULL
);

CREATE INDEX signing_in_ending ON signing_in (expires_ms);

-- `name` is without its @. `claim`: members are those for whom the identity provider says this group.
CREATE TABLE user_groups (
    id {id},
    name TEXT NOT NULL UNIQUE,
    claim TEXT UNIQUE,
    max_running BIGINT,
    created_ms BIGINT NOT NULL
);

CREATE TABLE group_members (
    group_id BIGINT NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    admin BIGINT NOT NULL DEFAULT 0,
    claimed BIGINT NOT NULL DEFAULT 0,
    since_ms BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (group_id, user_id)
);

CREATE INDEX group_members_of_user ON group_members (user_id);

-- Each is nothing, request or approved.
CREATE TABLE permissions (
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    admin TEXT NOT NULL DEFAULT 'nothing',
    builder TEXT NOT NULL DEFAULT 'nothing',
    PRIMARY KEY (project_id, user_id)
);

-- Projects.
ALTER TABLE projects ADD COLUMN persistent BIGINT NOT NULL DEFAULT 0;

ALTER TABLE projects ADD COLUMN auto_prune BIGINT NOT NULL DEFAULT 1;

ALTER TABLE projects ADD COLUMN bootstrap TEXT NOT NULL DEFAULT 'default';

ALTER TABLE projects ADD COLUMN isolation TEXT NOT NULL DEFAULT 'default';

ALTER TABLE projects ADD COLUMN appstream BIGINT NOT NULL DEFAULT 0;

ALTER TABLE projects ADD COLUMN fedora_review BIGINT NOT NULL DEFAULT 0;

ALTER TABLE projects ADD COLUMN follow_fedora_branching BIGINT NOT NULL DEFAULT 0;

ALTER TABLE projects ADD COLUMN packit_forge_projects_allowed TEXT NOT NULL DEFAULT '';

-- A temporary project: when it is deleted.
ALTER TABLE projects ADD COLUMN delete_at_ms BIGINT;

ALTER TABLE projects ADD COLUMN webhook_secret TEXT;

-- Number of the project that it was forked from, which may be gone.
ALTER TABLE projects ADD COLUMN forked_from BIGINT;

CREATE INDEX projects_temporary ON projects (delete_at_ms) WHERE delete_at_ms IS NOT NULL;

CREATE INDEX projects_following ON projects (id) WHERE follow_fedora_branching = 1;

-- Who needs a project is looked for among the few that need any.
CREATE INDEX projects_needing ON projects (owner, name)
    WHERE additional_repos || ' ' || runtime_dependencies <> ' ';

-- Side directories: NAME:custom:x, NAME:pr:1; a project's own directory has no row.
CREATE TABLE directories (
    id {id},
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    dirname TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    delete_at_ms BIGINT,
    UNIQUE (project_id, dirname)
);

INSERT INTO directories (project_id, dirname, created_ms)
    SELECT b.project_id, b.dirname, MIN(b.submitted_ms) FROM builds b JOIN projects p ON p.id = b.project_id
    WHERE b.dirname <> p.name GROUP BY b.project_id, b.dirname;

CREATE INDEX directories_idle ON directories (delete_at_ms) WHERE delete_at_ms IS NOT NULL;

ALTER TABLE project_chroots ADD COLUMN comps_name TEXT;

ALTER TABLE project_chroots ADD COLUMN additional_modules TEXT NOT NULL DEFAULT '';

ALTER TABLE project_chroots ADD COLUMN isolation TEXT NOT NULL DEFAULT 'unchanged';

ALTER TABLE project_chroots ADD COLUMN bootstrap TEXT NOT NULL DEFAULT 'unchanged';

-- Out of life, or no more among the project's chroots: still served until then. Nothing is built for it.
ALTER TABLE project_chroots ADD COLUMN delete_at_ms BIGINT;

-- 1: no more among the project's chroots; choosing it again within that time brings it back as it was.
ALTER TABLE project_chroots ADD COLUMN dropped BIGINT NOT NULL DEFAULT 0;

CREATE INDEX project_chroots_ending ON project_chroots (delete_at_ms) WHERE delete_at_ms IS NOT NULL;

CREATE INDEX project_chroots_of ON project_chroots (chroot);

-- What the administrator says of a chroot beside its definition.
CREATE TABLE chroot_notes (
    chroot TEXT NOT NULL PRIMARY KEY,
    comment TEXT,
    eol_ms BIGINT,
    active BIGINT NOT NULL DEFAULT 1,
    -- 1: the projects that follow Fedora's branching have it already.
    branched BIGINT NOT NULL DEFAULT 0
);

-- Packages: how to build each. A row exists from the first build or `package/add` on.
CREATE TABLE packages (
    id {id},
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    source_type TEXT NOT NULL DEFAULT 'unset',
    source_dict TEXT NOT NULL DEFAULT '{}',
    max_builds BIGINT,
    timeout BIGINT,
    chroot_denylist TEXT NOT NULL DEFAULT '',
    webhook_rebuild BIGINT NOT NULL DEFAULT 0,
    created_ms BIGINT NOT NULL,
    UNIQUE (project_id, name)
);

INSERT INTO packages (project_id, name, created_ms)
    SELECT project_id, package_name, MIN(submitted_ms) FROM builds WHERE package_name <> '' GROUP BY project_id, package_name;

CREATE INDEX packages_that_keep_some ON packages (project_id, name) WHERE max_builds IS NOT NULL;

CREATE INDEX builds_of_package ON builds (project_id, package_name, id);

-- Batches: a build of a batch waits until all builds of the batch before it have ended.
CREATE TABLE batches (
    id {id},
    after_id BIGINT REFERENCES batches (id)
);

ALTER TABLE builds ADD COLUMN batch_id BIGINT REFERENCES batches (id);

CREATE INDEX builds_of_batch ON builds (batch_id) WHERE batch_id IS NOT NULL;

CREATE INDEX batches_after ON batches (after_id) WHERE after_id IS NOT NULL;

-- The queue is fair between owners and looks at no other table for it.
ALTER TABLE build_chroots ADD COLUMN owner TEXT NOT NULL DEFAULT '';

UPDATE build_chroots SET owner =
    (SELECT p.owner FROM projects p JOIN builds b ON b.project_id = p.id WHERE b.id = build_chroots.build_id);

-- 1: its packages come from another project's build; when they are published it is 'forked' instead of 'succeeded'.
ALTER TABLE build_chroots ADD COLUMN forked BIGINT NOT NULL DEFAULT 0;

-- When each owner got a machine last.
CREATE TABLE turns (
    owner TEXT NOT NULL PRIMARY KEY,
    served_ms BIGINT NOT NULL
);

-- From owner to owner, and to each one's next job.
DROP INDEX build_chroots_pending;

CREATE INDEX build_chroots_pending ON build_chroots (background, arch, owner, source DESC, id, chroot, state) WHERE state = 'pending';

-- What has not ended, among a million that have: conditions must have these very words.
CREATE INDEX build_chroots_unended ON build_chroots (build_id)
    WHERE state IN ('pending', 'waiting', 'starting', 'running', 'importing');

CREATE INDEX build_chroots_waiting ON build_chroots (build_id) WHERE state = 'waiting';

-- The machines at work.
CREATE INDEX build_chroots_machines ON build_chroots (owner, arch, chroot, lease_id) WHERE lease_id IS NOT NULL;

-- How long the last builds of a chroot took.
CREATE INDEX build_chroots_ended ON build_chroots (chroot, ended_ms) WHERE ended_ms IS NOT NULL;

-- Folders below a repository that are to go: out of the metadata at once, from the disk when it is due.
CREATE TABLE removals (
    id {id},
    owner TEXT NOT NULL,
    dirname TEXT NOT NULL,
    -- Empty: all of the directory.
    chroot TEXT NOT NULL,
    -- Empty: all of the chroot.
    folder TEXT NOT NULL,
    -- Of a whole chroot or directory: builds up to this number are to go, those that came later are of its successor.
    until_build BIGINT NOT NULL DEFAULT 0,
    -- 1: no published metadata name it any more.
    unpublished BIGINT NOT NULL DEFAULT 0,
    due_ms BIGINT NOT NULL
);

CREATE INDEX removals_of_repository ON removals (owner, dirname, chroot);

CREATE INDEX removals_due ON removals (due_ms);

-- 1: the metadata are to hold all that was ever built, whatever they hold now.
ALTER TABLE tasks ADD COLUMN everything BIGINT NOT NULL DEFAULT 0;
