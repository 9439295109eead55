-- Every call of a builder looks its lease up.
CREATE INDEX build_chroots_lease ON build_chroots (lease_id);

CREATE INDEX build_chroots_finished_lease ON build_chroots (finished_lease);
