// sfmc-sdk. It takes no address but one that holds the pattern of the original's; where in the address
// that stands it does not look, so here it is a prefix of the path. It asks for tokens of accounts that
// are numbers, and the local server's is not, so it is handed one that it takes for its own.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const { default: SDK } = await import(pathToFileURL(createRequire(import.meta.url).resolve('sfmc-sdk')));

const { BASE, RECEIVER, TOKEN, DID } = process.env;
const did = (what) => appendFileSync(DID, `sfmc-sdk\t1.1\t${what}\n`);
const fresh = (prefix) => `${prefix}-${randomUUID().slice(0, 13)}`;
const subscriber = (key) => ({ EmailAddress: `${key}@example.com`, SubscriberKey: key });
const equals = (name, value) => ({ filter: { leftOperand: name, operator: 'equals', rightOperand: value } });

function sdk(token) {
  return new SDK({
    client_id: 'local',
    client_secret: 'local',
    auth_url: `${BASE}/https://${'a'.repeat(28)}.auth.marketingcloudapis.com/`,
    account_id: 1,
    access_token: token,
    expiration: Date.now() / 1000 + 600,
    soap_instance_url: `${BASE}/`,
  }, { requestAttempts: 1 });
}

async function until(what, found) {
  for (const end = Date.now() + 60_000; Date.now() < end;) {
    const it = await found();
    if (it) return it;
    await new Promise((later) => { setTimeout(later, 50); });
  }
  throw new Error(`still not after a minute: ${what}`);
}

const { soap } = sdk(TOKEN);
const find = async (type, properties, name, value) => (
  (await soap.retrieve(type, properties, equals(name, value))).Results ?? []
);
const ended = (request) => until(`call ${request} to end`, async () => {
  const [state] = await find('AsyncRequestResult', ['Status'], 'RequestID', request);
  return state.Status === 'Complete';
});

const key = fresh('subscriber');
const created = await soap.create('Subscriber', subscriber(key), {});
assert.equal(created.Results[0].StatusMessage, 'Created Subscriber.');
assert.equal((await find('Subscriber', ['EmailAddress'], 'SubscriberKey', key))[0].EmailAddress, `${key}@example.com`);
did('sync');

await soap.create('FilterDefinition', {
  CustomerKey: key,
  Name: 'Romans',
  DataFilter: { '@_xsi:type': 'SimpleFilterPart', Property: 'City', SimpleOperator: 'equals', Value: 'Rome' },
}, {});
const [definition] = await find('FilterDefinition', ['Name', 'DataFilter'], 'CustomerKey', key);
assert.deepEqual([definition.Name, definition.DataFilter.Value], ['Romans', 'Rome']);
did('any type');

const path = `/${fresh('callback')}`;
const queued = await soap.create('Subscriber', subscriber(fresh('queued')), {
  options: {
    RequestType: 'Asynchronous',
    SendResponseTo: {
      ResponseType: 'HTTPPost', ResponseAddress: RECEIVER + path, RespondWhen: 'OnCallComplete', IncludeResults: true,
    },
  },
});
assert.equal(queued.Results[0].StatusMessage, 'Queued');
await ended(queued.RequestID);
did('async');
const body = await until('the callback', async () => (await (await fetch(RECEIVER + path)).text()).trim());
assert.equal(new URLSearchParams(body).get('RequestID'), queued.RequestID);
did('callback');
assert.equal((await find('ResultItem', ['StatusCode'], 'RequestID', queued.RequestID))[0].StatusCode, 'OK');
did('results');

const conversation = fresh('conversation');
for (const place of [3, 1, 2]) {
  const part = await soap.create('Subscriber', subscriber(fresh('part')), {
    options: {
      ConversationID: conversation, SequenceCode: place, CallsInConversation: 3, RequestType: 'Asynchronous',
    },
  });
  assert.equal(part.OverallStatus, 'OK');
}
await until('all three', async () => {
  const told = await find('ResultMessage', ['OverallStatusCode'], 'ConversationID', conversation);
  return told.length === 3 && told.every((it) => it.OverallStatusCode === 'OK');
});
did('conversation');

const stranger = sdk('no token of ours');
await assert.rejects(stranger.soap.create('Subscriber', subscriber('nobody'), {}), /Login Failed/);
did('fault');
