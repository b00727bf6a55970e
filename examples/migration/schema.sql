-- The new system's records, and what the migration knows of its datasets; the queries in deckwatch.yaml read the latter.
CREATE TABLE records (id integer PRIMARY KEY, dataset integer NOT NULL, name varchar(40) NOT NULL, cents integer NOT NULL);
CREATE INDEX records_by_dataset ON records (dataset);
CREATE TABLE datasets (id integer PRIMARY KEY, component text NOT NULL, state text NOT NULL);
CREATE TABLE attempts (dataset integer NOT NULL, component text NOT NULL, result text NOT NULL);
CREATE TABLE checks (
    dataset integer NOT NULL, component text NOT NULL, result text NOT NULL, repaired_at timestamptz,
    checked_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE rollbacks (dataset integer NOT NULL, component text NOT NULL, type text NOT NULL);
CREATE TABLE operations (
    component text NOT NULL, system text NOT NULL, operation text NOT NULL, seconds float8 NOT NULL,
    ended_at timestamptz NOT NULL DEFAULT now()
);
-- Customers, products and suppliers: 412 datasets.
INSERT INTO datasets SELECT number, 'customers', 'pending' FROM generate_series(1, 200) AS number;
INSERT INTO datasets SELECT number, 'products', 'pending' FROM generate_series(201, 350) AS number;
INSERT INTO datasets SELECT number, 'suppliers', 'pending' FROM generate_series(351, 412) AS number;
GRANT SELECT ON datasets, attempts, checks, operations TO deckwatch;
