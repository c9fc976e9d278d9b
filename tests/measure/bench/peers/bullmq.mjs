// npm `soap` + BullMQ + Redis. `door` or `worker N`; REDIS is the port.
// Not in order per conversation: groups are not in the free edition.
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { post, resultOf } from './callback.mjs'
import { listen } from './door.mjs'

const [role, concurrency] = process.argv.slice(2)
const connection = { host: '127.0.0.1', port: Number(process.env.REDIS), maxRetriesPerRequest: null }

if (role === 'door') {
  const queue = new Queue('calls', { connection })
  await queue.waitUntilReady()
  listen((call) => queue.add('call', call, { jobId: call.requestId }))
} else {
  const redis = new Redis(connection)
  const worker = new Worker(
    'calls',
    async ({ data: call }) => {
      await redis.set(`result:${call.requestId}`, JSON.stringify(resultOf(call)))
      await post(call)
    },
    { connection, concurrency: Number(concurrency) },
  )
  await worker.waitUntilReady()
  console.log('listening')
}
