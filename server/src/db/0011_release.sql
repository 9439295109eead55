-- Whose packages they are, what they stand in the way of, and packages that subscribe to repositories.
-- A web address; NULL: the contact, or the project's page.
ALTER TABLE projects ADD COLUMN bug_url TEXT;

ALTER TABLE projects ADD COLUMN shadow_check TEXT NOT NULL DEFAULT 'warn';

-- JSON: packages of it that stand in the way of the distribution's.
ALTER TABLE build_chroots ADD COLUMN shadows TEXT NOT NULL DEFAULT '[]';

-- Release packages that somebody has asked for. By name, not by number: of a project that is made again, the next is newer than
-- what users have.
CREATE TABLE release_packages (
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    chroot TEXT NOT NULL,
    -- Of all that is in it.
    checksum TEXT NOT NULL,
    -- Its release; grows with every change.
    number BIGINT NOT NULL,
    made_ms BIGINT NOT NULL,
    PRIMARY KEY (owner, name, chroot)
);
