DROP TABLE meta;
DROP TABLE outbox;
DROP TABLE attribute;
DROP TABLE label;
DROP TABLE resource;
