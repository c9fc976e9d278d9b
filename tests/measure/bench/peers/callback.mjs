// Carries out a call (nothing is done with the object) and posts its callback.
import http from 'node:http'

const agent = new http.Agent({ keepAlive: true })

export function resultOf(call) {
  return { requestId: call.requestId, status: 'OK', items: call.objects.map(() => ({ StatusCode: 'OK' })) }
}

export function post(call) {
  const body = new URLSearchParams({
    RequestID: call.requestId,
    ConversationID: call.conversationId,
    OverallStatusCode: 'OK',
    StatusCode: 'OK',
    StatusMessage: 'OK',
    ErrorCode: '',
    RequestType: 'Asynchronous',
    ResultType: 'Asynchronous',
    ResultDetailXML: '',
    SequenceCode: String(call.sequence),
  }).toString()
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    'content-length': Buffer.byteLength(body),
  }
  return new Promise((resolve, reject) => {
    const request = http.request(call.address, { method: 'POST', agent, headers }, (answer) => {
      answer.resume()
      answer.on('end', () => (answer.statusCode < 300 ? resolve() : reject(new Error(`${answer.statusCode}`))))
    })
    request.on('error', reject)
    request.end(body)
  })
}
