-- The box around the location of each resource that has one, in degrees. An R*Tree rounds to 32 bits, outwards.
CREATE VIRTUAL TABLE place USING rtree(resource, west, east, south, north);
