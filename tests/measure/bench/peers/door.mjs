// The door of both Node peers: npm `soap` reads the call, checks who calls and what is required,
// hands it to `keep` and answers when that is done.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import soap from 'soap'

const wsdl = readFileSync(new URL('./create.wsdl', import.meta.url), 'utf8')

function callOf(request) {
  const { Options: options, Objects: objects } = request
  const sequence = Number(options.SequenceCode ?? 1)
  const calls = Number(options.CallsInConversation ?? 1)
  const replies = [options.SendResponseTo ?? []].flat()
  if (options.RequestType !== 'Asynchronous') throw new Error('RequestType')
  if (!(sequence >= 1 && sequence <= calls)) throw new Error('SequenceCode')
  if (replies.some((reply) => reply.ResponseType !== 'HTTPPost')) throw new Error('ResponseType')
  const requestId = randomUUID()
  return {
    requestId,
    conversationId: options.ConversationID ?? requestId,
    sequence,
    calls,
    address: replies[0].ResponseAddress,
    objects: [objects].flat(),
  }
}

export function listen(keep) {
  const server = http.createServer((_, answer) => answer.writeHead(404).end())
  const Create = (request, done) => {
    const call = callOf(request)
    keep(call).then(
      () => done({
        Results: call.objects.map(() => ({ StatusCode: 'OK', StatusMessage: 'Queued' })),
        RequestID: call.requestId,
        OverallStatus: 'OK',
      }),
      (error) => done({ Fault: { faultcode: 'soap:Server', faultstring: String(error) } }),
    )
  }
  server.listen(0, '127.0.0.1', () => {
    const service = soap.listen(server, '/Service.asmx', { PartnerAPI: { Soap: { Create } } }, wsdl)
    service.authenticate = (security) => {
      const token = security?.UsernameToken
      const password = token?.Password?.$value ?? token?.Password
      return token?.Username === 'local' && password === 'local'
    }
    console.log(`listening on http://127.0.0.1:${server.address().port}`)
  })
}
