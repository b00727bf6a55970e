// A web shop on Express and PostgreSQL: `node shop.js PORT PAYMENTS_URL`, with DATABASE_URL in the environment.
//
// RELEASE=faulty is a release that sorts all orders for each product page, and rejects carts with honey.
const express = require('express');
const { Pool } = require('pg');
const { shop, measureRequests, startAtZero, countError, showMetrics } = require('./metrics');

const [port, payments] = process.argv.slice(2);
const IDLE_SECONDS = Number(process.env.IDLE_SECONDS || 30); // after which a session is over, and its cart abandoned
const CURRENCIES = ['EUR', 'USD'];
const IS_FAULTY = process.env.RELEASE === 'faulty';
const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 8, application_name: 'shop', connectionTimeoutMillis: 5000 });
pool.on('error', (error) => console.error(`idle connection: ${error.message}`)); // the database was stopped

class PaymentError extends Error {
  name = 'PaymentError';
}

const query = async (text, ...values) => (await pool.query(text, values)).rows;

async function findSession(request, _, next) {
  const session = request.get('X-Session');
  if (session) {
    await query('INSERT INTO sessions (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET seen_at = now(), closed_at = NULL', session);
  }
  request.session = session;
  next();
}

async function listProducts(request, response) {
  const { search } = request.query;
  if (search !== undefined) shop.searches.inc();
  response.json(await query('SELECT id, name, price FROM products WHERE name LIKE $1 ORDER BY name', `%${search || ''}%`));
}

async function showProduct(request, response) {
  if (IS_FAULTY) await query('SELECT count(*) FROM (SELECT md5(total::text || generate_series(1, 20)::text) AS m FROM orders ORDER BY m) AS best');
  const [product] = await query('SELECT id, name, price FROM products WHERE id = $1', Number(request.params.id) || 0);
  if (!product) return response.status(404).json({ error: 'no such product' });
  shop.views.inc();
  return response.json(product);
}

async function createCart(request, response) {
  if (!request.session) return response.status(400).json({ error: 'X-Session is missing' });
  const [cart] = await query('INSERT INTO carts (session) VALUES ($1) RETURNING id', request.session);
  shop.carts.inc();
  return response.status(201).json(cart);
}

async function addItem(request, response) {
  const { product, quantity } = request.body;
  if (IS_FAULTY && product === 3) throw new TypeError("Cannot read properties of undefined (reading 'weight')");
  await query('INSERT INTO cart_items (cart, product, quantity) VALUES ($1, $2, $3)', request.params.id, product, quantity);
  response.status(201).json({ product, quantity });
}

async function checkOut(request, response) {
  const { card, currency } = request.body;
  const cart = request.params.id;
  if (!CURRENCIES.includes(currency)) return response.status(422).json({ error: `currencies are ${CURRENCIES}` });
  shop.started.inc();
  await query('UPDATE carts SET checkout_at = now() WHERE id = $1', cart);
  const [order] = await query(
    "INSERT INTO orders (cart, status, currency, total) SELECT $1, 'open', $2, sum(price * quantity) FROM cart_items JOIN products ON product = id WHERE cart = $1 RETURNING id, total",
    cart, currency);
  const status = await payOrder(order, card);
  await query('UPDATE orders SET status = $2 WHERE id = $1', order.id, status);
  shop.orders.inc({ status });
  if (status === 'refused') return response.status(402).json({ order: order.id, status });
  await query('UPDATE carts SET ordered_at = now() WHERE id = $1', cart);
  shop.revenue.inc({ currency }, Number(order.total));
  shop.completed.inc();
  return response.status(201).json({ order: order.id, status, total: order.total });
}

// Returns "paid" or "refused"; an order whose payment fails otherwise is deleted, so that the customer may try again.
async function payOrder(order, card) {
  const answer = await fetch(`${payments}/charges`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ card, amount: order.total }),
  }).catch((error) => ({ status: error.message }));
  if (answer.status === 201) return 'paid';
  if (answer.status === 402) return 'refused';
  await query('DELETE FROM orders WHERE id = $1', order.id);
  throw new PaymentError(`the payment provider answered ${answer.status}`);
}

async function showOrder(request, response) {
  const [order] = await query('SELECT id, status, currency, total FROM orders WHERE id = $1', Number(request.params.id) || 0);
  return order ? response.json(order) : response.status(404).json({ error: 'no such order' });
}

// Closes sessions that are over, and abandons their carts.
async function closeSessions() {
  const closed = await query(
    "UPDATE sessions SET closed_at = seen_at WHERE closed_at IS NULL AND seen_at < now() - $1 * interval '1 second' RETURNING extract(epoch FROM seen_at - started_at)::float8 AS seconds",
    IDLE_SECONDS);
  closed.forEach(({ seconds }) => shop.sessions.observe(seconds));
  const abandoned = await query(
    'UPDATE carts SET abandoned_at = now() FROM sessions WHERE session = sessions.id AND closed_at IS NOT NULL AND ordered_at IS NULL AND abandoned_at IS NULL RETURNING carts.id');
  shop.abandoned.inc(abandoned.length);
}

async function readGauges() {
  const [counts] = await query(
    "SELECT (SELECT count(*) FROM orders WHERE status = 'open')::integer AS active, (SELECT count(*) FROM sessions WHERE seen_at > now() - interval '5 minutes')::integer AS users");
  shop.active.set(counts.active);
  shop.users.set(counts.users);
}

// Runs a task again and again, also after a failure: the database may be away for a while.
function repeatTask(task, milliseconds) {
  setInterval(() => task().catch((error) => console.error(`${task.name}: ${error.message}`)), milliseconds);
}

function reportError(error, request, response, _next) {
  countError(error, request);
  console.error(`${request.method} ${request.path}: ${error.name}: ${error.message}`);
  if (response.headersSent) return response.destroy();
  return response.status(error instanceof PaymentError ? 502 : 500).json({ error: error.name });
}

const app = express();
app.disable('x-powered-by');
// Whoever asks for these is no customer.
app.get('/metrics', showMetrics);
app.get('/health', async (_, response) => response.json((await query('SELECT true AS healthy'))[0]));
app.use(measureRequests);
app.use(express.json(), findSession);
const ROUTES = [
  ['GET', '/products', listProducts, [200, 500]],
  ['GET', '/products/:id', showProduct, [200, 404, 500]],
  ['POST', '/carts', createCart, [201, 400, 500]],
  ['POST', '/carts/:id/items', addItem, [201, 500]],
  ['POST', '/carts/:id/checkout', checkOut, [201, 402, 422, 500, 502]],
  ['GET', '/orders/:id', showOrder, [200, 404, 500]],
];
for (const [method, path, handler, codes] of ROUTES) {
  app[method.toLowerCase()](path, handler);
  startAtZero(method, path, codes);
}
app.use(reportError);
repeatTask(closeSessions, 1000);
repeatTask(readGauges, 1000);
const server = app.listen(Number(port), process.env.LISTEN || '127.0.0.1', () => console.log(`listening on port ${port}`));
process.on('SIGTERM', () => { server.close(() => process.exit(0)); server.closeIdleConnections(); setTimeout(() => process.exit(0), 2000); });
