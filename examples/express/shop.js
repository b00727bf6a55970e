// A small shop on Express that counts its requests: `node shop.js LIBRARY PORT`.
const express = require('express');
const client = require('prom-client');

const [library, port] = process.argv.slice(2);
const app = express();

if (library === 'express-prom-bundle') {
  app.use(require('express-prom-bundle')({
    includeMethod: true,
    includePath: true,
    normalizePath: [['^/orders/.*', '/orders/#id']],
    promClient: { collectDefaultMetrics: {} },
  }));
} else {
  client.collectDefaultMetrics();
  const requests = new client.Counter({ name: 'http_requests_total', help: 'Requests.', labelNames: ['method', 'route', 'status_code'] });
  const duration = new client.Histogram({ name: 'http_request_duration_ms', help: 'Duration.', labelNames: ['method', 'route', 'status_code'], buckets: [5, 10, 50, 100, 250, 500, 1000] });
  app.use((request, response, next) => {
    if (request.path === '/metrics') return next();
    const start = process.hrtime.bigint();
    response.on('finish', () => {
      const labels = { method: request.method, route: request.route ? request.route.path : 'none', status_code: response.statusCode };
      requests.inc(labels);
      duration.observe(labels, Number(process.hrtime.bigint() - start) / 1e6);
    });
    next();
  });
  app.get('/metrics', async (_, response) => response.type(client.register.contentType).send(await client.register.metrics()));
}
app.get('/orders/:id', (request, response) => response.send(request.params.id));
app.post('/orders', (_, response) => setTimeout(() => response.status(201).send('created'), 150));
app.get('/fail', (_, response) => response.status(500).send('failed'));
app.listen(Number(port), '127.0.0.1');
