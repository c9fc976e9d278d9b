// The same as handler.py, with the AWS SDK for JavaScript v3, bundled.
import http from 'node:http'
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { SQSClient, SendMessageCommand } from '@aws-sdk/client-sqs'

const table = new DynamoDBClient({})
const queue = new SQSClient({})
const agent = new http.Agent({ keepAlive: true })
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':')

function ask(method, path, body) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, method, path: `/2018-06-01/runtime/invocation/${path}`, agent }, (answer) => {
      let text = ''
      answer.on('data', (chunk) => { text += chunk })
      answer.on('end', () => resolve([answer.headers['lambda-runtime-aws-request-id'], text]))
    })
    request.on('error', reject)
    request.end(body)
  })
}

for (;;) {
  const [id, event] = await ask('GET', 'next')
  const Item = { pk: { S: `bench-${id}` }, sk: { S: 'CALL' }, body: { S: event } }
  await table.send(new PutItemCommand({ TableName: process.env.CALLS_TABLE, Item }))
  const message = { QueueUrl: process.env.BENCH_QUEUE_URL, MessageBody: id, MessageGroupId: id }
  await queue.send(new SendMessageCommand(message))
  await ask('POST', `${id}/response`, '{"statusCode":200,"body":"OK"}')
}
