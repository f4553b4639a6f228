-- Texts compare by bytes (COLLATE "C"): the same order as in SQLite, and ranges over prefixes use the indices.
CREATE TABLE resource (
  id BIGINT NOT NULL PRIMARY KEY,
  parent BIGINT NOT NULL,
  ty INTEGER NOT NULL,
  rn TEXT COLLATE "C",
  ri TEXT COLLATE "C",
  root TEXT COLLATE "C",
  originator TEXT COLLATE "C",
  ct BIGINT NOT NULL,
  lt BIGINT NOT NULL,
  et BIGINT NOT NULL,
  cs BIGINT,
  body TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX resource_name ON resource (parent, rn) WHERE rn IS NOT NULL;
CREATE UNIQUE INDEX resource_ri ON resource (ri) WHERE ri IS NOT NULL;
CREATE INDEX resource_child ON resource (parent, ty, id);
-- Instances are found through their parent; each index that they are spared makes room for a third more of them.
CREATE INDEX resource_created ON resource (ty, ct, id) WHERE ty NOT IN (4, 30, 58);
CREATE INDEX resource_expiry ON resource (et) WHERE et < 9223372036854775807;

CREATE TABLE label (
  value TEXT COLLATE "C" NOT NULL,
  resource BIGINT NOT NULL,
  PRIMARY KEY (value, resource)
);

CREATE TABLE attribute (
  name TEXT COLLATE "C" NOT NULL,
  value TEXT COLLATE "C" NOT NULL,
  resource BIGINT NOT NULL,
  PRIMARY KEY (name, value, resource)
);

CREATE TABLE outbox (
  seq BIGINT NOT NULL PRIMARY KEY,
  subscription BIGINT NOT NULL,
  target TEXT COLLATE "C" NOT NULL,
  body TEXT COLLATE "C" NOT NULL,
  expires BIGINT NOT NULL
);
CREATE INDEX outbox_target ON outbox (target, seq);

CREATE TABLE meta (
  name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  value TEXT COLLATE "C" NOT NULL
);
