DELETE FROM resource WHERE ty IN (4, 58) AND id < (SELECT floor FROM resource AS bearer WHERE bearer.id = resource.parent);
ALTER TABLE resource DROP COLUMN floor;
