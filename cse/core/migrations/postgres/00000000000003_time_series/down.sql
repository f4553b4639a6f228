DROP TABLE alarm;
DROP INDEX resource_generated;
ALTER TABLE resource DROP COLUMN dgt;
