-- What several notifications have in common is kept once, as an event; `event` of the outbox is 0 for a notification
-- that is whole by itself.
ALTER TABLE outbox ADD COLUMN event BIGINT NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN category INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN replaces INTEGER NOT NULL DEFAULT 0;
CREATE INDEX outbox_event ON outbox (event) WHERE event > 0;

-- `recipients` is NULL once every one of them has a row in the outbox.
CREATE TABLE event (
  seq INTEGER NOT NULL PRIMARY KEY,
  parent BIGINT NOT NULL,
  head TEXT NOT NULL,
  recipients TEXT,
  done BIGINT NOT NULL,
  expires BIGINT NOT NULL
);
CREATE INDEX event_open ON event (parent) WHERE recipients IS NOT NULL;

-- What subscriptions hold back.
CREATE TABLE gate (
  subscription INTEGER NOT NULL PRIMARY KEY,
  due BIGINT NOT NULL,
  state TEXT NOT NULL
);
CREATE INDEX gate_due ON gate (due) WHERE due < 9223372036854775807;
