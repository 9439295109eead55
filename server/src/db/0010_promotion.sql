-- What comes into a project without being built there: promotions from other projects, and packages that are sent ready-made.

-- A project without a row lets every builder promote, at once, and takes no packages that were built elsewhere.
CREATE TABLE project_gates (
    project_id BIGINT NOT NULL PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
    -- 1: packages may be sent ready-made.
    rpm_uploads BIGINT NOT NULL DEFAULT 0,
    -- 1: only its administrators promote into it.
    admins_only BIGINT NOT NULL DEFAULT 0,
    -- Sum of votes that a promotion needs; 0: none.
    votes BIGINT NOT NULL DEFAULT 0,
    -- Days that a build must have been in the source; 0: none.
    days BIGINT NOT NULL DEFAULT 0,
    -- 1: nothing may break, here or in projects that need this one.
    impact BIGINT NOT NULL DEFAULT 0,
    -- 1: an administrator says when.
    by_hand BIGINT NOT NULL DEFAULT 0
);

-- A set of builds on its way from one project into another; rows stay, as history.
CREATE TABLE promotions (
    id {id},
    -- May be gone.
    source_id BIGINT NOT NULL,
    source_owner TEXT NOT NULL,
    source_name TEXT NOT NULL,
    target_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    submitter TEXT NOT NULL,
    -- 1: the builds leave the source when they are published in the target.
    moves BIGINT NOT NULL DEFAULT 0,
    -- requested, waiting, approved, running; done, refused, failed.
    state TEXT NOT NULL,
    -- What it waits for, or why it ended so.
    message TEXT,
    approved_by TEXT,
    override_by TEXT,
    override_reason TEXT,
    -- JSON: what would break, as it was found last.
    impact TEXT,
    impact_ms BIGINT,
    created_ms BIGINT NOT NULL,
    ended_ms BIGINT
);

CREATE INDEX promotions_of_target ON promotions (target_id, id);

CREATE INDEX promotions_of_source ON promotions (source_id, id);

-- Conditions must have these very words.
CREATE INDEX promotions_open ON promotions (id) WHERE state IN ('requested', 'waiting', 'approved', 'running');

-- One build in one chroot.
CREATE TABLE promotion_items (
    promotion_id BIGINT NOT NULL REFERENCES promotions (id) ON DELETE CASCADE,
    -- In the source; it may be gone.
    build_id BIGINT NOT NULL,
    chroot TEXT NOT NULL,
    package_name TEXT NOT NULL,
    package_version TEXT NOT NULL,
    -- In the target, once it is there.
    copy_id BIGINT,
    -- Why it does not go.
    skipped TEXT,
    PRIMARY KEY (promotion_id, build_id, chroot)
);

CREATE INDEX promotion_items_copies ON promotion_items (copy_id, chroot) WHERE copy_id IS NOT NULL;

CREATE TABLE promotion_votes (
    promotion_id BIGINT NOT NULL REFERENCES promotions (id) ON DELETE CASCADE,
    voter TEXT NOT NULL,
    -- 1 or -1.
    vote BIGINT NOT NULL,
    comment TEXT NOT NULL DEFAULT '',
    voted_ms BIGINT NOT NULL,
    PRIMARY KEY (promotion_id, voter)
);

-- What happened, in its order.
CREATE TABLE promotion_events (
    id {id},
    promotion_id BIGINT NOT NULL REFERENCES promotions (id) ON DELETE CASCADE,
    -- Empty: the server itself.
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    happened_ms BIGINT NOT NULL
);

CREATE INDEX promotion_events_of ON promotion_events (promotion_id, id);

-- 1: its packages were sent ready-made.
ALTER TABLE builds ADD COLUMN uploaded BIGINT NOT NULL DEFAULT 0;
