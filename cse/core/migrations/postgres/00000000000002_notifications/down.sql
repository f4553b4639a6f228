DROP TABLE gate;
DROP TABLE event;
DROP INDEX outbox_event;
ALTER TABLE outbox DROP COLUMN replaces;
ALTER TABLE outbox DROP COLUMN priority;
ALTER TABLE outbox DROP COLUMN category;
ALTER TABLE outbox DROP COLUMN event;
