-- Whether users of a project get its 32-bit packages too.
ALTER TABLE projects ADD COLUMN multilib BIGINT NOT NULL DEFAULT 0;
