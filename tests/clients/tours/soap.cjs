// npm soap, in both versions of SOAP.

const assert = require('node:assert/strict');
const { appendFileSync } = require('node:fs');
const { randomUUID } = require('node:crypto');

const soap = require('soap');

const { BASE, RECEIVER, TOKEN, DID } = process.env;
const fresh = (prefix) => `${prefix}-${randomUUID().slice(0, 13)}`;

async function until(what, found) {
  for (const end = Date.now() + 60_000; Date.now() < end;) {
    const it = await found();
    if (it) return it;
    await new Promise((later) => { setTimeout(later, 50); });
  }
  throw new Error(`still not after a minute: ${what}`);
}

const subscriber = (key) => ({
  attributes: { 'xsi:type': 'tns:Subscriber' }, EmailAddress: `${key}@example.com`, SubscriberKey: key,
});

function equalTo(name, value) {
  return {
    attributes: { 'xsi:type': 'tns:SimpleFilterPart' }, Property: name, SimpleOperator: 'equals', Value: value,
  };
}

async function tour(version, options) {
  const did = (what) => appendFileSync(DID, `npm soap\t${version}\t${what}\n`);
  const newClient = async (token) => {
    const client = await soap.createClientAsync(`${BASE}/etframework.wsdl`, options);
    client.addSoapHeader({ fueloauth: { attributes: { xmlns: 'http://exacttarget.com' }, $value: token } });
    return client;
  };
  const client = await newClient(TOKEN);
  const create = async (object, its = {}) => (await client.CreateAsync({ Options: its, Objects: [object] }))[0];
  const retrieve = async (type, properties, name, value) => {
    const request = { ObjectType: type, Properties: properties, Filter: equalTo(name, value) };
    const [answer] = await client.RetrieveAsync({ RetrieveRequest: request });
    assert.equal(answer.OverallStatus, 'OK');
    return [answer.Results ?? []].flat();
  };
  const ended = (request) => until(`call ${request} to end`, async () => {
    const [state] = await retrieve('AsyncRequestResult', ['Status'], 'RequestID', request);
    return state.Status === 'Complete';
  });

  const key = fresh('subscriber');
  assert.equal((await create(subscriber(key))).Results[0].StatusMessage, 'Created Subscriber.');
  const [found] = await retrieve('Subscriber', ['EmailAddress'], 'SubscriberKey', key);
  assert.equal(found.EmailAddress, `${key}@example.com`);
  did('sync');

  await create({
    attributes: { 'xsi:type': 'tns:FilterDefinition' }, CustomerKey: key, Name: 'Romans', DataFilter: equalTo('City', 'Rome'),
  });
  const [definition] = await retrieve('FilterDefinition', ['Name', 'DataFilter'], 'CustomerKey', key);
  assert.equal(definition.Name, 'Romans');
  assert.equal([definition.DataFilter.Value].flat()[0], 'Rome');
  did('any type');

  const path = `/${fresh('callback')}`;
  const queued = await create(subscriber(fresh('queued')), {
    SendResponseTo: {
      ResponseType: 'HTTPPost', ResponseAddress: RECEIVER + path, RespondWhen: 'OnCallComplete', IncludeResults: true,
    },
    RequestType: 'Asynchronous',
    QueuePriority: 'High',
  });
  assert.equal(queued.Results[0].StatusMessage, 'Queued');
  await ended(queued.RequestID);
  did('async');
  const body = await until('the callback', async () => (await (await fetch(RECEIVER + path)).text()).trim());
  assert.equal(new URLSearchParams(body).get('RequestID'), queued.RequestID);
  did('callback');
  const [item] = await retrieve('ResultItem', ['StatusCode'], 'RequestID', queued.RequestID);
  assert.equal(item.StatusCode, 'OK');
  did('results');

  const conversation = fresh('conversation');
  let last;
  for (const place of [3, 1, 2]) {
    last = await create(subscriber(fresh('part')), {
      ConversationID: conversation, SequenceCode: place, CallsInConversation: 3, RequestType: 'Asynchronous',
    });
    assert.equal(last.OverallStatus, 'OK');
  }
  await ended(last.RequestID);
  await until('all three', async () => {
    const told = await retrieve('ResultMessage', ['OverallStatusCode'], 'ConversationID', conversation);
    return told.length === 3 && told.every((it) => it.OverallStatusCode === 'OK');
  });
  did('conversation');

  const stranger = await newClient('no token of ours');
  await assert.rejects(stranger.CreateAsync({ Options: {}, Objects: [subscriber('nobody')] }), (error) => {
    assert.match(JSON.stringify(error.root.Envelope.Body.Fault), /Login Failed/);
    return true;
  });
  did('fault');
}

(async () => {
  await tour('1.1', {});
  await tour('1.2', { forceSoap12Headers: true });
})();
