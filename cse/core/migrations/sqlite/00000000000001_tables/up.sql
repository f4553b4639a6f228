-- The rowid is the id. An index on a rowid table ends with the rowid, so `id` is not repeated where
-- PostgreSQL has to name it.
CREATE TABLE resource (
  id INTEGER NOT NULL PRIMARY KEY,
  parent BIGINT NOT NULL,
  ty INTEGER NOT NULL,
  rn TEXT,
  ri TEXT,
  root TEXT,
  originator TEXT,
  ct BIGINT NOT NULL,
  lt BIGINT NOT NULL,
  et BIGINT NOT NULL,
  cs BIGINT,
  body TEXT NOT NULL
);
CREATE UNIQUE INDEX resource_name ON resource (parent, rn) WHERE rn IS NOT NULL;
CREATE UNIQUE INDEX resource_ri ON resource (ri) WHERE ri IS NOT NULL;
CREATE INDEX resource_child ON resource (parent, ty);
-- Instances are found through their parent; each index that they are spared makes room for a third more of them.
CREATE INDEX resource_created ON resource (ty, ct) WHERE ty NOT IN (4, 30, 58);
CREATE INDEX resource_expiry ON resource (et) WHERE et < 9223372036854775807;

CREATE TABLE label (
  value TEXT NOT NULL,
  resource BIGINT NOT NULL,
  PRIMARY KEY (value, resource)
) WITHOUT ROWID;

CREATE TABLE attribute (
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  resource BIGINT NOT NULL,
  PRIMARY KEY (name, value, resource)
) WITHOUT ROWID;

CREATE TABLE outbox (
  seq INTEGER NOT NULL PRIMARY KEY,
  subscription BIGINT NOT NULL,
  target TEXT NOT NULL,
  body TEXT NOT NULL,
  expires BIGINT NOT NULL
);
CREATE INDEX outbox_target ON outbox (target);

CREATE TABLE meta (
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
