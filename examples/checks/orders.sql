CREATE TABLE orders (id INTEGER PRIMARY KEY, state TEXT, minutes INTEGER);
INSERT INTO orders (state, minutes) VALUES ('paid', 50), ('waiting', 5), ('waiting', 12);
