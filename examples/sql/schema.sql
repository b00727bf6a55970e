CREATE TABLE orders (id INTEGER PRIMARY KEY, status TEXT NOT NULL, currency TEXT NOT NULL, total REAL NOT NULL);
CREATE TABLE carts (id INTEGER PRIMARY KEY, checkout_at INTEGER, ordered_at INTEGER, abandoned_at INTEGER);
CREATE TABLE sessions (id INTEGER PRIMARY KEY, user_id INTEGER, last_seen INTEGER NOT NULL, seconds REAL, closed_at INTEGER);
CREATE TABLE events (id INTEGER PRIMARY KEY, kind TEXT NOT NULL);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, workflow TEXT NOT NULL, status TEXT NOT NULL,
    started_at INTEGER NOT NULL, finished_at INTEGER
);
CREATE TABLE datasets (id INTEGER PRIMARY KEY, component TEXT NOT NULL, state TEXT NOT NULL);
CREATE TABLE attempts (id INTEGER PRIMARY KEY, component TEXT NOT NULL, result TEXT NOT NULL);
CREATE TABLE checks (id INTEGER PRIMARY KEY, component TEXT NOT NULL, result TEXT NOT NULL);

INSERT INTO orders (status, currency, total) VALUES ('paid', 'eur', 10.5), ('paid', 'usd', 4), ('packing', 'eur', 3);
INSERT INTO carts (checkout_at, ordered_at, abandoned_at) VALUES (NULL, NULL, 5), (3, NULL, 6), (3, 4, NULL);
INSERT INTO sessions (user_id, last_seen, seconds, closed_at)
    VALUES (1, strftime('%s', 'now'), NULL, NULL), (1, strftime('%s', 'now'), NULL, NULL), (2, 1, 90, 91);
INSERT INTO events (kind) VALUES ('view'), ('view'), ('search');
INSERT INTO runs (tenant, workflow, status, started_at, finished_at)
    VALUES ('acme', 'import', 'succeeded', 100, 130), ('acme', 'import', 'failed', 200, 201), ('acme', 'bill', 'running', 300, NULL),
           ('acme', 'bill', 'queued', 400, NULL);
INSERT INTO datasets (component, state) VALUES ('customers', 'migrated'), ('customers', 'pending'), ('orders', 'failed');
INSERT INTO attempts (component, result) VALUES ('customers', 'success'), ('orders', 'failure');
INSERT INTO checks (component, result) VALUES ('customers', 'match'), ('orders', 'mismatch');

CREATE TABLE operations (
    id INTEGER PRIMARY KEY, component TEXT NOT NULL, system TEXT NOT NULL, operation TEXT NOT NULL, seconds REAL NOT NULL
);
CREATE TABLE incidents (id INTEGER PRIMARY KEY, detected_by TEXT NOT NULL);
CREATE TABLE error_log (
    id INTEGER PRIMARY KEY, level TEXT NOT NULL, type TEXT NOT NULL, message TEXT NOT NULL, logged_at INTEGER NOT NULL
);
INSERT INTO operations (component, system, operation, seconds)
    VALUES ('customers', 'old', 'read', 0.2), ('customers', 'new', 'read', 0.1), ('customers', 'new', 'read', 0.3);
INSERT INTO incidents (detected_by) VALUES ('monitoring'), ('monitoring'), ('user');
INSERT INTO error_log (level, type, message, logged_at)
    VALUES ('error', 'PaymentError', 'no answer', 100), ('error', 'PaymentError', 'declined', 200);
