-- Instances of time series are told apart and put in order by when their data were made.
ALTER TABLE resource ADD COLUMN dgt BIGINT;
CREATE UNIQUE INDEX resource_generated ON resource (parent, dgt) WHERE dgt IS NOT NULL;

-- When service functions want to be called for a resource, and what they keep for then.
CREATE TABLE alarm (
  resource INTEGER NOT NULL PRIMARY KEY,
  ty INTEGER NOT NULL,
  due BIGINT NOT NULL,
  state TEXT NOT NULL
);
CREATE INDEX alarm_due ON alarm (ty, due) WHERE due < 9223372036854775807;
