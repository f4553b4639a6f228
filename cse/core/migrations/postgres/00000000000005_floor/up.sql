-- Instances below their container's floor were trimmed; their rows go later, many at a time.
ALTER TABLE resource ADD COLUMN floor BIGINT;
