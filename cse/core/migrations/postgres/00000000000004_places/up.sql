-- The box around the location of each resource that has one, in degrees.
CREATE TABLE place (
  resource BIGINT NOT NULL PRIMARY KEY,
  west DOUBLE PRECISION NOT NULL,
  east DOUBLE PRECISION NOT NULL,
  south DOUBLE PRECISION NOT NULL,
  north DOUBLE PRECISION NOT NULL
);
CREATE INDEX place_box ON place USING gist (box(point(west, south), point(east, north)));
