// The shop's metrics: requests under the names of deckwatch.instrument, and what customers do.
const client = require('prom-client');

client.collectDefaultMetrics({ eventLoopMonitoringPrecision: 100 });

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const counter = (name, help, labelNames = []) => new client.Counter({ name, help, labelNames });
const gauge = (name, help, labelNames = []) => new client.Gauge({ name, help, labelNames });

const requests = counter('http_requests_total', 'HTTP requests.', ['method', 'handler', 'code', 'protocol']);
const exceptions = counter('http_exceptions_total', 'Exceptions that no handler caught.', ['type', 'handler']);
const inProgress = gauge('http_requests_in_progress', 'Requests in progress.', ['method']);
const duration = new client.Histogram({
  name: 'http_request_duration_seconds', help: 'Time to the end of the response.', labelNames: ['method', 'handler'], buckets: BUCKETS,
});
const responseSize = new client.Summary({
  name: 'http_response_size_bytes', help: 'Size of response bodies.', labelNames: ['handler'], percentiles: [],
});

const shop = {
  orders: counter('shop_orders_total', 'Orders by result.', ['status']),
  active: gauge('shop_orders_active', 'Orders in progress.'),
  revenue: counter('shop_revenue_total', 'Revenue of paid orders.', ['currency']),
  started: counter('shop_checkouts_started_total', 'Checkouts started.'),
  completed: counter('shop_checkouts_completed_total', 'Checkouts completed with a paid order.'),
  carts: counter('shop_carts_created_total', 'Carts created.'),
  abandoned: counter('shop_carts_abandoned_total', 'Carts abandoned.'),
  views: counter('shop_product_views_total', 'Product views.'),
  searches: counter('shop_search_queries_total', 'Searches.'),
  users: gauge('shop_active_users', 'Users seen in the last five minutes.'),
  sessions: new client.Histogram({
    name: 'shop_session_duration_seconds', help: 'Duration of sessions.', buckets: [1, 5, 15, 60, 300, 900, 3600],
  }),
  errors: counter('app_errors_total', 'Errors by class.', ['type']),
  lastError: gauge('app_error_last_seen_timestamp_seconds', 'Time of the newest error.', ['type']),
};

// A series that begins with its first event shows no increase, here and in startAtZero.
for (const status of ['paid', 'refused']) shop.orders.inc({ status }, 0);
for (const currency of ['EUR', 'USD']) shop.revenue.inc({ currency }, 0);

// The template of the route, or "none": paths are unbounded.
const findHandler = (request) => (request.route ? request.route.path : 'none');

function startAtZero(method, handler, codes) {
  for (const code of codes) requests.inc({ method, handler, code, protocol: 'http/1.1' }, 0);
}

function measureRequests(request, response, next) {
  const { method } = request;
  const start = process.hrtime.bigint();
  const labels = { method, protocol: `http/${request.httpVersion}` };
  let size = 0;
  const { write, end } = response;
  response.write = function countWrite(chunk, ...rest) { size += chunk ? chunk.length : 0; return write.call(this, chunk, ...rest); };
  response.end = function countEnd(chunk, ...rest) { size += chunk && chunk.length ? chunk.length : 0; return end.call(this, chunk, ...rest); };
  inProgress.inc({ method });
  response.on('close', () => {
    const handler = findHandler(request);
    const code = response.writableFinished ? response.statusCode : 499; // nginx's code for a client that is gone
    requests.inc({ ...labels, handler, code });
    duration.observe({ method, handler }, Number(process.hrtime.bigint() - start) / 1e9);
    responseSize.observe({ handler }, size);
    inProgress.dec({ method });
  });
  next();
}

function countError(error, request) {
  const type = error.name || 'Error';
  exceptions.inc({ type, handler: findHandler(request) });
  shop.errors.inc({ type });
  shop.lastError.set({ type }, Date.now() / 1000);
}

async function showMetrics(_, response) {
  response.type(client.register.contentType).send(await client.register.metrics());
}

module.exports = { shop, measureRequests, startAtZero, countError, showMetrics };
