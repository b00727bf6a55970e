// A payment provider: `node payments.js PORT`. As with real ones, the number of the card decides.
const http = require('http');

const REFUSED = '4000000000000002';
const FAILING = '4000000000000119';

http.createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => { body += chunk; });
  request.on('end', () => {
    if (request.url === '/health') return response.end('ok');
    const { card } = JSON.parse(body);
    // A payment takes a while, as it does over the network.
    return setTimeout(() => {
      response.statusCode = { [REFUSED]: 402, [FAILING]: 503 }[card] || 201;
      response.end(JSON.stringify({ card: card.slice(-4) }));
    }, 20);
  });
}).listen(Number(process.argv[2]), process.env.LISTEN || '127.0.0.1');
