-- Licences of packages, terms of use, reports of abuse and what was taken down.
-- The License tag of a build's source package, or its beginning; NULL: there is none yet, or licences are not looked at.
ALTER TABLE builds ADD COLUMN licence TEXT;

-- Of all of it.
ALTER TABLE builds ADD COLUMN licence_sha256 TEXT NOT NULL DEFAULT '';

-- allowed, unknown, review, approved or refused; empty: not judged.
ALTER TABLE builds ADD COLUMN licence_state TEXT NOT NULL DEFAULT '';

ALTER TABLE builds ADD COLUMN licence_reason TEXT NOT NULL DEFAULT '';

-- Conditions must have these very words.
CREATE INDEX builds_in_review ON builds (id) WHERE licence_state = 'review';

-- May decide about licences.
ALTER TABLE users ADD COLUMN reviewer BIGINT NOT NULL DEFAULT 0;

-- What reviewers decided. Without a project (and a package): everywhere.
CREATE TABLE licence_decisions (
    id {id},
    project_id BIGINT REFERENCES projects (id) ON DELETE CASCADE,
    package_name TEXT NOT NULL DEFAULT '',
    licence TEXT NOT NULL,
    licence_sha256 TEXT NOT NULL,
    approved BIGINT NOT NULL,
    reason TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    decided_ms BIGINT NOT NULL
);

CREATE INDEX licence_decisions_of ON licence_decisions (licence_sha256);

CREATE INDEX licence_decisions_in ON licence_decisions (project_id);

CREATE TABLE terms_accepted (
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    version TEXT NOT NULL,
    accepted_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, version)
);

-- By name: what they are about may be deleted.
CREATE TABLE reports (
    id {id},
    owner TEXT NOT NULL,
    project TEXT NOT NULL,
    -- 0: all of the project.
    build_id BIGINT NOT NULL DEFAULT 0,
    -- Empty: somebody who has not signed in.
    reporter TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    -- open, dismissed or taken.
    state TEXT NOT NULL DEFAULT 'open',
    note TEXT NOT NULL DEFAULT '',
    decided_by TEXT NOT NULL DEFAULT '',
    decided_ms BIGINT
);

CREATE INDEX reports_open ON reports (id) WHERE state = 'open';

CREATE INDEX reports_by ON reports (reporter, created_ms);

-- What is not served, by name, so that deleting it changes nothing: its files stay as evidence.
CREATE TABLE takedowns (
    id {id},
    owner TEXT NOT NULL,
    project TEXT NOT NULL,
    -- 0: all of the project.
    build_id BIGINT NOT NULL DEFAULT 0,
    reason TEXT NOT NULL,
    taken_by TEXT NOT NULL,
    taken_ms BIGINT NOT NULL,
    restored_ms BIGINT
);

CREATE UNIQUE INDEX takedowns_now ON takedowns (owner, project, build_id) WHERE restored_ms IS NULL;

-- What administrators and reviewers did. Nothing is ever taken out of it.
CREATE TABLE audit (
    id {id},
    at_ms BIGINT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    about TEXT NOT NULL,
    note TEXT NOT NULL
);
