-- One text for SQLite and PostgreSQL. Times are milliseconds since 1970; truth values are 0 and 1; lists are words between blanks.
CREATE TABLE users (
    id {id},
    name TEXT NOT NULL UNIQUE,
    admin BIGINT NOT NULL DEFAULT 0,
    created_ms BIGINT NOT NULL
);

CREATE TABLE tokens (
    login TEXT NOT NULL PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_sha256 TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);

CREATE TABLE projects (
    id {id},
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    instructions TEXT,
    homepage TEXT,
    contact TEXT,
    additional_repos TEXT NOT NULL DEFAULT '',
    runtime_dependencies TEXT NOT NULL DEFAULT '',
    unlisted BIGINT NOT NULL DEFAULT 0,
    enable_net BIGINT NOT NULL DEFAULT 0,
    devel_mode BIGINT NOT NULL DEFAULT 0,
    module_hotfixes BIGINT NOT NULL DEFAULT 0,
    repo_priority BIGINT,
    created_ms BIGINT NOT NULL,
    UNIQUE (owner, name)
);

CREATE TABLE project_chroots (
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    chroot TEXT NOT NULL,
    additional_repos TEXT NOT NULL DEFAULT '',
    additional_packages TEXT NOT NULL DEFAULT '',
    with_opts TEXT NOT NULL DEFAULT '',
    without_opts TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (project_id, chroot)
);

CREATE TABLE builds (
    id {id},
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    dirname TEXT NOT NULL,
    submitter TEXT NOT NULL,
    source_name TEXT NOT NULL,
    source_sha256 TEXT NOT NULL,
    source_size BIGINT NOT NULL,
    package_name TEXT NOT NULL,
    package_version TEXT NOT NULL,
    timeout BIGINT NOT NULL,
    enable_net BIGINT NOT NULL DEFAULT 0,
    background BIGINT NOT NULL DEFAULT 0,
    canceled BIGINT NOT NULL DEFAULT 0,
    submitted_ms BIGINT NOT NULL
);

CREATE INDEX builds_of_project ON builds (project_id, id);

CREATE TABLE build_chroots (
    id {id},
    build_id BIGINT NOT NULL REFERENCES builds (id) ON DELETE CASCADE,
    chroot TEXT NOT NULL,
    arch TEXT NOT NULL,
    background BIGINT NOT NULL DEFAULT 0,
    state TEXT NOT NULL,
    stage TEXT,
    message TEXT,
    attempts BIGINT NOT NULL DEFAULT 0,
    builder TEXT,
    lease_id TEXT,
    lease_until_ms BIGINT,
    finished_lease TEXT,
    publishing BIGINT NOT NULL DEFAULT 0,
    started_ms BIGINT,
    ended_ms BIGINT,
    UNIQUE (build_id, chroot)
);

CREATE INDEX build_chroots_waiting ON build_chroots (arch, background, id) WHERE state = 'pending';

CREATE INDEX build_chroots_leased ON build_chroots (lease_until_ms) WHERE lease_id IS NOT NULL;

CREATE INDEX build_chroots_publishing ON build_chroots (chroot) WHERE publishing = 1;

CREATE TABLE results (
    build_chroot_id BIGINT NOT NULL REFERENCES build_chroots (id) ON DELETE CASCADE,
    file TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    name TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    version TEXT NOT NULL,
    release TEXT NOT NULL,
    arch TEXT NOT NULL,
    PRIMARY KEY (build_chroot_id, file)
);

CREATE TABLE tasks (
    id {id},
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    generation BIGINT NOT NULL DEFAULT 1,
    attempts BIGINT NOT NULL DEFAULT 0,
    run_after_ms BIGINT NOT NULL,
    claimed_by TEXT,
    claimed_until_ms BIGINT NOT NULL DEFAULT 0,
    error TEXT,
    UNIQUE (kind, key)
);
