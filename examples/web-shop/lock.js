// A colleague's transaction that locks the orders for three of every four seconds: `node -r ./lock.js …`. Its locks end with
// the program that loads this.
const { Client } = require('pg');

async function lockOrders() {
  const client = new Client({ connectionString: process.env.DATABASE_URL, application_name: 'maintenance' });
  await client.connect();
  for (;;) {
    await client.query('BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3); COMMIT; SELECT pg_sleep(1)');
  }
}

lockOrders();
