// Customers: `node customers.js SHOP_URL KIND REQUESTS_PER_SECOND`, until SIGTERM. Prints what they did as a line of JSON.
//
// Each customer makes the requests of a plan, one after the other. How many customers come does not depend on how fast
// the shop answers.
const { randomUUID } = require('crypto');

const [shop, kind, rate] = process.argv.slice(2);
const CARDS = { good: '4242424242424242', refused: '4000000000000002', failing: '4000000000000119' };
const look = (id) => ['GET', () => `/products/${id}`];
const add = (product, quantity) => ['POST', (seen) => `/carts/${seen.cart}/items`, { product, quantity }];
const search = (word) => ['GET', () => `/products?search=${word}`];
const openCart = ['POST', () => '/carts', {}, (seen, answer) => { seen.cart = answer.id; }];
const pay = (card, currency = 'EUR') => ['POST', (seen) => `/carts/${seen.cart}/checkout`, { card: CARDS[card], currency }, (seen, answer) => { seen.order = answer.order; }];
const showOrder = ['GET', (seen) => `/orders/${seen.order}`];

const buy = [search('tea'), look(1), look(2), openCart, add(1, 2), look(3), add(3, 1), pay('good'), showOrder, search('')];
const buyAbroad = [search('co'), look(2), look(4), openCart, add(2, 3), look(1), add(4, 1), pay('good', 'USD'), showOrder, look(2)];
const refuse = [search('honey'), look(3), look(1), openCart, add(3, 5), look(3), look(4), pay('refused'), showOrder, search('')];
const leave = [search('tea'), look(1), openCart, add(1, 1), look(2), look(3), look(4), search('bis'), look(4), look(1)];
// One of 20 requests fails: the payment provider has a fault.
const meetError = [...leave, search('tea'), look(1), look(2), look(3), openCart, add(2, 1), add(3, 1), look(2), look(4), pay('failing')];
const PLANS = {
  normal: [buy, buyAbroad, buy, refuse, buy, leave],
  errors: [meetError],
};

const MOST_CUSTOMERS = 200;
const done = { requests: 0, failed: 0, paid: 0, refused: 0, unanswered: 0, seconds: 0, p99: 0 };
const durations = [];
const started = Date.now();
let next = 0;
let stopping = false;

// Returns whether the customer goes on: one who meets an error leaves.
async function makeRequest(seen, [method, path, body, keep]) {
  const start = performance.now();
  try {
    const answer = await fetch(shop + path(seen), {
      method,
      headers: { 'Content-Type': 'application/json', 'X-Session': seen.session },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(20000),
    });
    const result = await answer.json();
    done.requests += 1;
    if (answer.status >= 500) done.failed += 1;
    if (result.status === 'paid' && method === 'POST') done.paid += 1;
    if (result.status === 'refused' && method === 'POST') done.refused += 1;
    durations.push((performance.now() - start) / 1000);
    if (keep) keep(seen, result);
    return answer.status < 500;
  } catch {
    done.unanswered += 1; // the shop does not run, or takes too long
    return false;
  }
}

async function visitShop(plan) {
  const seen = { session: randomUUID() };
  for (const step of plan) {
    if (stopping && kind !== 'errors') return; // a customer of the error burst stays, for the exact share
    if (!(await makeRequest(seen, step))) return;
  }
}

const visits = new Set();
function sendCustomer() {
  const plan = PLANS[kind][next % PLANS[kind].length];
  next += 1;
  const visit = visitShop(plan).finally(() => visits.delete(visit));
  visits.add(visit);
  return plan.length;
}

// Customers come at times that keep the mean rate of requests, however late the timer is.
let due = started;
function sendDue() {
  while (due <= Date.now() && visits.size < MOST_CUSTOMERS) due += (sendCustomer() / Number(rate)) * 1000;
  if (visits.size >= MOST_CUSTOMERS) due = Date.now(); // those who would have come meanwhile do not come later
}
sendDue();
const timer = setInterval(sendDue, 20);

process.on('SIGTERM', async () => {
  stopping = true;
  clearInterval(timer);
  await Promise.race([Promise.all(visits), new Promise((resolve) => { setTimeout(resolve, 5000); })]);
  durations.sort((a, b) => a - b);
  done.seconds = (Date.now() - started) / 1000;
  done.p99 = durations[Math.floor(durations.length * 0.99)] || 0;
  console.log(JSON.stringify(done));
  process.exit(0);
});
