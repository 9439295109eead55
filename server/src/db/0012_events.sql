-- What happens, noted by whoever makes it happen in the very transaction that does it.
CREATE TABLE events (
    id {id},
    -- The order in which it is told; NULL until somebody has looked. Transactions end in another order than they took their ids in:
    -- what is numbered, is numbered after it is there, so whoever has heard up to a number has missed nothing.
    number BIGINT UNIQUE,
    -- A UUID.
    message_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    owner TEXT NOT NULL,
    project TEXT NOT NULL,
    -- May be gone.
    project_id BIGINT NOT NULL,
    build_id BIGINT,
    unlisted BIGINT NOT NULL,
    -- JSON.
    body TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);

CREATE INDEX events_unnumbered ON events (id) WHERE number IS NULL;

CREATE INDEX events_of_project ON events (project_id, number);

CREATE INDEX events_old ON events (created_ms);

-- How far readers of events have come who may not miss one.
CREATE TABLE event_readers (
    name TEXT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL
);

-- Addresses that are told of a project's events.
CREATE TABLE hooks (
    id {id},
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    -- Empty: all.
    topics TEXT NOT NULL DEFAULT '',
    active BIGINT NOT NULL DEFAULT 1,
    -- Failures since the last success, when the first of them was, and when it is tried again.
    attempts BIGINT NOT NULL DEFAULT 0,
    failing_ms BIGINT,
    due_ms BIGINT NOT NULL DEFAULT 0,
    claimed_by TEXT,
    claimed_until_ms BIGINT NOT NULL DEFAULT 0,
    created_ms BIGINT NOT NULL
);

CREATE INDEX hooks_of_project ON hooks (project_id);

CREATE TABLE deliveries (
    id {id},
    hook_id BIGINT NOT NULL REFERENCES hooks (id) ON DELETE CASCADE,
    message_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    payload TEXT NOT NULL,
    -- waiting, delivered or given-up.
    state TEXT NOT NULL DEFAULT 'waiting',
    attempts BIGINT NOT NULL DEFAULT 0,
    -- Of the last try: the HTTP status, or why there was none, and the beginning of the answer.
    status BIGINT,
    error TEXT,
    answer TEXT,
    took_ms BIGINT,
    tried_ms BIGINT,
    created_ms BIGINT NOT NULL
);

CREATE INDEX deliveries_of_hook ON deliveries (hook_id, id);

CREATE INDEX deliveries_waiting ON deliveries (hook_id, id) WHERE state = 'waiting';

-- Calls of forges that have been heard, so that none is heard twice.
CREATE TABLE webhook_calls (
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    -- SHA-256 of a delivery's id, or of a body.
    sha256 TEXT NOT NULL,
    seen_ms BIGINT NOT NULL,
    -- 0: the server has died over it, or is at it.
    done BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (project_id, sha256)
);

CREATE INDEX webhook_calls_old ON webhook_calls (seen_ms);

-- Pull requests are built into directories of their own.
ALTER TABLE projects ADD COLUMN webhook_pull_requests BIGINT NOT NULL DEFAULT 0;

-- Its packages are built anew when something that they require changes.
ALTER TABLE projects ADD COLUMN rebuild_on_dependency_changes BIGINT NOT NULL DEFAULT 0;

ALTER TABLE packages ADD COLUMN rebuild_on_dependency_changes BIGINT NOT NULL DEFAULT 1;

-- What a project's people should know until it is mended.
CREATE TABLE notices (
    id {id},
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    -- What it is about: `owner/name`, a repository, or a hook.
    about TEXT NOT NULL,
    text TEXT NOT NULL,
    -- JSON.
    details TEXT NOT NULL DEFAULT '{}',
    since_ms BIGINT NOT NULL,
    UNIQUE (project_id, kind, about)
);

CREATE INDEX notices_about ON notices (kind, about);

-- What each repository provided when it was looked at last. In no backup: it is found again.
CREATE TABLE provided (
    repository TEXT NOT NULL PRIMARY KEY,
    -- One a line, sorted.
    capabilities TEXT NOT NULL,
    -- Numbers of the builds that it had.
    builds TEXT NOT NULL
);

-- Builds that nobody asked for: something that their package requires has changed.
CREATE TABLE rebuilds (
    id {id},
    -- The change that all began with; a package is built once for it.
    cause TEXT NOT NULL,
    -- How many such builds lie between that change and this one.
    depth BIGINT NOT NULL,
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    package TEXT NOT NULL,
    chroot TEXT NOT NULL,
    -- The repository that has changed, and what it does not provide any more.
    origin TEXT NOT NULL,
    because TEXT NOT NULL,
    -- NULL until there is one.
    build_id BIGINT,
    -- Why there is none.
    error TEXT,
    created_ms BIGINT NOT NULL,
    UNIQUE (cause, project_id, package, chroot)
);

CREATE INDEX rebuilds_of_project ON rebuilds (project_id, id)
