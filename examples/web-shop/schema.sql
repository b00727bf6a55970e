-- The shop's tables. Whoever looks, chooses and buys writes them; the shop's metrics are counted beside these writes.
CREATE TABLE products (id serial PRIMARY KEY, name text NOT NULL UNIQUE, price numeric(10, 2) NOT NULL);
INSERT INTO products (name, price) VALUES ('tea', 4.50), ('coffee', 7.20), ('honey', 6.80), ('biscuits', 3.10);

CREATE TABLE sessions (
    id text PRIMARY KEY,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz
);
CREATE INDEX ON sessions (seen_at);

CREATE TABLE carts (
    id serial PRIMARY KEY,
    session text NOT NULL REFERENCES sessions,
    created_at timestamptz NOT NULL DEFAULT now(),
    checkout_at timestamptz,
    ordered_at timestamptz,
    abandoned_at timestamptz
);
CREATE INDEX ON carts (created_at) WHERE ordered_at IS NULL AND abandoned_at IS NULL;
CREATE TABLE cart_items (
    cart integer NOT NULL REFERENCES carts,
    product integer NOT NULL REFERENCES products,
    quantity integer NOT NULL CHECK (quantity > 0)
);
CREATE INDEX ON cart_items (cart);

CREATE TABLE orders (
    id serial PRIMARY KEY,
    cart integer NOT NULL REFERENCES carts,
    status text NOT NULL CHECK (status IN ('open', 'paid', 'refused')),
    currency text NOT NULL,
    total numeric(10, 2) NOT NULL,
    ordered_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON orders (status) WHERE status = 'open';
