// npm `soap` + graphile-worker + PostgreSQL. `door` or `worker N`; PG is the connection string.
// In order per conversation by graphile-worker's own means: the queue is named by the conversation.
import pg from 'pg'
import { makeWorkerUtils, run } from 'graphile-worker'
import { post, resultOf } from './callback.mjs'
import { listen } from './door.mjs'

const [role, concurrency] = process.argv.slice(2)
const pgPool = new pg.Pool({ connectionString: process.env.PG, max: Number(concurrency ?? 20) + 2 })

if (role === 'door') {
  const utils = await makeWorkerUtils({ pgPool })
  await utils.migrate()
  await pgPool.query('create table if not exists results (id text primary key, result jsonb not null)')
  listen((call) => utils.addJob('call', call, { queueName: call.conversationId, jobKey: call.requestId }))
} else {
  await run({
    pgPool,
    concurrency: Number(concurrency),
    noHandleSignals: true,
    taskList: {
      async call(call, helpers) {
        await helpers.query('insert into results values ($1, $2) on conflict do nothing', [
          call.requestId, resultOf(call),
        ])
        await post(call)
      },
    },
  })
  console.log('listening')
}
