// fuel-soap for Node: knows no WSDL and no namespaces, and looks answers up by their literal prefixes.

const assert = require('node:assert/strict');
const { appendFileSync } = require('node:fs');
const { randomUUID } = require('node:crypto');
const http = require('node:http');
const { after, before, test } = require('node:test');

const FuelSoap = require('fuel-soap');

const BASE = process.env.BASE.replace(/\/$/, '');
const WAIT_MAX_MS = 30_000;

const client = newClient('local');
const receiver = { received: [] };

before(() => new Promise((ready) => {
  receiver.server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (piece) => { body += piece; });
    request.on('end', () => {
      receiver.received.push({ path: request.url, fields: Object.fromEntries(new URLSearchParams(body)) });
      response.end();
    });
  });
  receiver.server.listen(0, '127.0.0.1', ready);
}));

after(() => receiver.server.close());

function newClient(clientSecret) {
  return new FuelSoap({
    auth: {
      clientId: 'local',
      clientSecret,
      authUrl: `${BASE}/v2/token`,
      authOptions: { authVersion: 2, accountId: 'local' },
    },
    soapEndpoint: `${BASE}/Service.asmx`,
  });
}

// The library's functions take a callback; these give a promise.
function ask(method, ...parameters) {
  return new Promise((resolve, reject) => {
    client[method](...parameters, (error, answer) => (error ? reject(error) : resolve(answer.body)));
  });
}

function did(what) {
  appendFileSync(process.env.DID, `fuel-soap\t1.1\t${what}\n`);
}

function equals(name, value) {
  return { filter: { leftOperand: name, operator: 'equals', rightOperand: value } };
}

async function until(what, found) {
  const deadline = Date.now() + WAIT_MAX_MS;
  for (;;) {
    const it = await found();
    if (it) return it;
    assert.ok(Date.now() < deadline, `still not after ${WAIT_MAX_MS} ms: ${what}`);
    await new Promise((later) => { setTimeout(later, 50); });
  }
}

function fresh(prefix) {
  return `${prefix}-${randomUUID().slice(0, 13)}`;
}

function subscriber(key) {
  return { EmailAddress: `${key}@example.com`, SubscriberKey: key };
}

function callsBack(path) {
  return {
    ResponseType: 'HTTPPost',
    ResponseAddress: `http://127.0.0.1:${receiver.server.address().port}${path}`,
    RespondWhen: 'OnCallComplete',
    IncludeResults: true,
  };
}

async function state(requestId) {
  const answer = await ask('retrieve', 'AsyncRequestResult', ['Status', 'CallStatus'], equals('RequestID', requestId));
  return answer.Results[0];
}

test('an asynchronous create calls back and can be asked for', async () => {
  const key = fresh('asynchronous');
  const path = `/${fresh('callback')}`;
  const answer = await ask('create', 'Subscriber', subscriber(key), {
    SendResponseTo: callsBack(path),
    ConversationID: key,
    SequenceCode: 1,
    CallsInConversation: 1,
    RequestType: 'Asynchronous',
    QueuePriority: 'High',
  });
  assert.equal(answer.OverallStatus, 'OK');
  assert.equal(answer.Results[0].StatusMessage, 'Queued');

  const callback = await until('the callback', () => receiver.received.find((it) => it.path === path));
  assert.equal(callback.fields.RequestID, answer.RequestID);
  assert.equal(callback.fields.ConversationID, key);
  assert.equal(callback.fields.OverallStatusCode, 'OK');

  const items = await ask('retrieve', 'ResultItem', ['RequestID', 'StatusCode'], equals('RequestID', answer.RequestID));
  assert.deepEqual(items.Results.map((it) => it.StatusCode), ['OK']);
  const messages = await ask('retrieve', 'ResultMessage', ['OverallStatusCode'], equals('ConversationID', key));
  assert.deepEqual(messages.Results.map((it) => it.OverallStatusCode), ['OK']);
  assert.equal((await state(answer.RequestID)).Status, 'Complete');
  ['async', 'callback', 'results'].forEach(did);
});

test('a conversation of three', async () => {
  const conversation = fresh('conversation');
  for (const place of [3, 1, 2]) {
    const answer = await ask('create', 'Subscriber', subscriber(fresh('part')), {
      RequestType: 'Asynchronous', ConversationID: conversation, SequenceCode: place, CallsInConversation: 3,
    });
    assert.equal(answer.OverallStatus, 'OK');
  }
  await until('all three', async () => {
    const told = await ask('retrieve', 'ResultMessage', ['OverallStatusCode'], equals('ConversationID', conversation));
    return told.Results.length === 3 && told.Results.every((it) => it.OverallStatusCode === 'OK');
  });
  did('conversation');
});

test('an object of any type', async () => {
  const key = fresh('definition');
  await ask('create', 'FilterDefinition', {
    CustomerKey: key,
    Name: 'Romans',
    DataFilter: { $: { 'xsi:type': 'SimpleFilterPart' }, Property: 'City', SimpleOperator: 'equals', Value: 'Rome' },
  }, null);
  const found = await ask('retrieve', 'FilterDefinition', ['Name', 'DataFilter'], equals('CustomerKey', key));
  assert.deepEqual(found.Results.map((it) => [it.Name, it.DataFilter.Value]), [['Romans', 'Rome']]);
  did('any type');
});

test('subscribers', async () => {
  const key = fresh('subscriber');
  const created = await ask('create', 'Subscriber', subscriber(key), null);
  assert.equal(created.OverallStatus, 'OK');
  await assert.rejects(ask('create', 'Subscriber', subscriber(key), null), (error) => {
    assert.equal(error.message, 'Soap Error');
    assert.equal(error.results[0].ErrorCode, '12014');
    return true;
  });

  const updated = await ask('update', 'Subscriber', { SubscriberKey: key, Status: 'Unsubscribed' }, null);
  assert.equal(updated.OverallStatus, 'OK');
  const found = await ask('retrieve', 'Subscriber', ['SubscriberKey', 'Status'], equals('SubscriberKey', key));
  assert.deepEqual(found.Results.map((it) => [it.SubscriberKey, it.Status]), [[key, 'Unsubscribed']]);

  const deleted = await ask('delete', 'Subscriber', { SubscriberKey: key }, null);
  assert.equal(deleted.OverallStatus, 'OK');
  const left = await ask('retrieve', 'Subscriber', ['SubscriberKey'], equals('SubscriberKey', key));
  assert.deepEqual(left.Results, []);
  did('sync');
});

test('several objects of one call', async () => {
  const keys = [fresh('a'), fresh('b')];
  const objects = keys.map((key) => ({ $: { 'xsi:type': 'Subscriber' }, ...subscriber(key) }));
  const answer = await ask('create', 'Subscriber', objects, null);
  assert.equal(answer.OverallStatus, 'OK');
  assert.deepEqual(answer.Results.map((it) => it.OrdinalID), ['0', '1']);
});

test('rows of a data extension', async () => {
  const key = fresh('extension');
  const object = `DataExtensionObject[${key}]`;
  const row = (values) => ({
    CustomerKey: key,
    Properties: { Property: Object.entries(values).map(([Name, Value]) => ({ Name, Value })) },
  });
  const rows = async () => {
    const answer = await ask('retrieve', object, ['Id', 'Name'], {});
    return answer.Results.map((it) => it.Properties.Property.map(({ Value }) => Value).join(' ')).sort();
  };
  await ask('create', 'DataExtension', {
    CustomerKey: key,
    Name: key,
    Fields: {
      Field: [
        { Name: 'Id', FieldType: 'Text', MaxLength: 50, IsPrimaryKey: true, IsRequired: true },
        { Name: 'Name', FieldType: 'Text', MaxLength: 100 },
      ],
    },
  }, null);
  await ask('create', 'DataExtensionObject', row({ Id: 1, Name: 'Ann' }), null);
  await ask('update', 'DataExtensionObject', row({ Id: 1, Name: 'Anna' }), null);
  await ask('update', 'DataExtensionObject', row({ Id: 2, Name: 'Bob' }), {
    SaveOptions: { SaveOption: { PropertyName: '*', SaveAction: 'UpdateAdd' } },
  });
  assert.deepEqual(await rows(), ['1 Anna', '2 Bob']);
  await ask('delete', 'DataExtensionObject', { CustomerKey: key, Keys: { Key: { Name: 'Id', Value: 1 } } }, null);
  assert.deepEqual(await rows(), ['2 Bob']);
});

test('a triggered send mails each subscriber', async () => {
  const key = fresh('definition');
  const people = [fresh('ann'), fresh('bob')];
  await ask('create', 'TriggeredSendDefinition', {
    CustomerKey: key,
    Name: key,
    TriggeredSendStatus: 'Active',
    EmailSubject: 'Hello %%FirstName%%',
    Email: { Subject: 'Hello %%FirstName%%', TextBody: 'Dear %%FirstName%%' },
  }, null);
  const answer = await ask('create', 'TriggeredSend', {
    TriggeredSendDefinition: { CustomerKey: key },
    Subscribers: people.map((it) => ({ ...subscriber(it), Attributes: { Name: 'FirstName', Value: it } })),
  }, { RequestType: 'Asynchronous' });
  assert.equal(answer.OverallStatus, 'OK');
  for (const person of people) {
    const mail = await until(`a mail to ${person}`, async () => {
      const mails = await (await fetch(`${BASE}/_local/mails`)).json();
      return mails.find((it) => [it.to].flat().some((to) => to.includes(`${person}@example.com`)));
    });
    assert.equal(mail.subject, `Hello ${person}`);
  }
});

test('a text goes out once', async () => {
  const key = fresh('definition');
  const number = `+43660${String(Date.now()).slice(-7)}`;
  await ask('create', 'SMSTriggeredSendDefinition', {
    CustomerKey: key,
    Name: key,
    Content: { Content: 'Your code is %%Code%%' },
  }, null);
  const answer = await ask('create', 'SMSTriggeredSend', {
    SMSTriggeredSendDefinition: { CustomerKey: key },
    Subscriber: { SubscriberKey: key, Attributes: { Name: 'Code', Value: '42' } },
    Number: number,
  }, { RequestType: 'Asynchronous' });
  assert.equal(answer.OverallStatus, 'OK');
  const [text] = await until('the text', async () => {
    const texts = await (await fetch(`${BASE}/_local/texts`)).json();
    const found = texts.filter((it) => it.to === number);
    return found.length > 0 && found;
  });
  assert.deepEqual([text.kind, text.text], ['text', 'Your code is 42']);
});

test('a conversation is never used twice', async () => {
  const options = { RequestType: 'Asynchronous', ConversationID: fresh('used'), SequenceCode: 1, CallsInConversation: 1 };
  const first = await ask('create', 'Subscriber', subscriber(fresh('first')), { ...options });
  await until('the first to end', async () => (await state(first.RequestID)).Status === 'Complete');
  await assert.rejects(ask('create', 'Subscriber', subscriber(fresh('second')), { ...options }), (error) => {
    assert.equal(error.results[0].ErrorCode, '211');
    return true;
  });
});

test('a Retrieve that cannot be answered says why', async () => {
  await assert.rejects(ask('retrieve', 'Nonsense', ['Name'], {}), /Unable to find a handler/);
});

test('a perform of what nothing here performs is refused before it is queued', async () => {
  const asked = new Promise((resolve, reject) => {
    client.soapRequest({
      action: 'Perform',
      key: 'PerformResponseMsg',
      req: {
        PerformRequestMsg: {
          $: { xmlns: 'http://exacttarget.com/wsdl/partnerAPI' },
          Options: { RequestType: 'Asynchronous' },
          Action: 'start',
          Definitions: { Definition: { $: { 'xsi:type': 'QueryDefinition' }, CustomerKey: fresh('none') } },
        },
      },
    }, (error, it) => (error ? reject(error) : resolve(it.body)));
  });
  await assert.rejects(asked, /Soap Error/);
});

const moving = { skip: process.env.CLOCK === 'real' && 'the clock of this endpoint cannot be moved' };

test('a token that has expired is named so, and replaced', moving, async () => {
  const key = fresh('expired');
  await ask('create', 'Subscriber', subscriber(key), null);
  const moved = await fetch(`${BASE}/_local/clock/advance?seconds=1300`, { method: 'POST' });
  assert.ok(moved.ok);
  // It asks again by itself, with whatever token its own clock still believes in.
  await assert.rejects(ask('retrieve', 'Subscriber', ['SubscriberKey'], {}), { faultstring: 'Token Expired' });
  did('fault');
  client.AuthClient.invalidateToken();
  const found = await ask('retrieve', 'Subscriber', ['SubscriberKey'], equals('SubscriberKey', key));
  assert.equal(found.Results.length, 1);
});

test('the first version of tokens', async () => {
  const legacy = new FuelSoap({
    auth: { clientId: 'local', clientSecret: 'local', authUrl: `${BASE}/v1/requestToken` },
    soapEndpoint: `${BASE}/Service.asmx`,
  });
  const legacyAsk = (method, ...parameters) => new Promise((resolve, reject) => {
    legacy[method](...parameters, (error, answer) => (error ? reject(error) : resolve(answer.body)));
  });
  const key = fresh('legacy');
  const created = await legacyAsk('create', 'Subscriber', subscriber(key), null);
  assert.equal(created.OverallStatus, 'OK');
  const found = await legacyAsk('retrieve', 'Subscriber', ['SubscriberKey'], equals('SubscriberKey', key));
  assert.deepEqual(found.Results.map((it) => it.SubscriberKey), [key]);
});

test('updates and deletes can be asynchronous', async () => {
  const key = fresh('methods');
  await ask('create', 'Subscriber', subscriber(key), null);
  const ended = (answer) => until('the call to end', async () => (await state(answer.RequestID)).Status === 'Complete');
  await ended(await ask('update', 'Subscriber', { SubscriberKey: key, Status: 'Held' }, { RequestType: 'Asynchronous' }));
  const found = await ask('retrieve', 'Subscriber', ['Status'], equals('SubscriberKey', key));
  assert.deepEqual(found.Results.map((it) => it.Status), ['Held']);
  await ended(await ask('delete', 'Subscriber', { SubscriberKey: key }, { RequestType: 'Asynchronous' }));
  const left = await ask('retrieve', 'Subscriber', ['SubscriberKey'], equals('SubscriberKey', key));
  assert.deepEqual(left.Results, []);
});

test('more than a page is continued', async () => {
  const key = fresh('extension');
  const object = `DataExtensionObject[${key}]`;
  await ask('create', 'DataExtension', {
    CustomerKey: key,
    Name: key,
    Fields: { Field: [{ Name: 'Id', FieldType: 'Text', MaxLength: 50, IsPrimaryKey: true, IsRequired: true }] },
  }, null);
  const count = 2_501;
  for (let start = 0; start < count; start += 500) {
    const rows = Array.from({ length: Math.min(500, count - start) }, (_, it) => ({
      $: { 'xsi:type': 'DataExtensionObject' },
      CustomerKey: key,
      Properties: { Property: { Name: 'Id', Value: `${start + it}`.padStart(5, '0') } },
    }));
    await ask('create', 'DataExtensionObject', rows, null);
  }
  const first = await ask('retrieve', object, ['Id'], {});
  assert.equal(first.OverallStatus, 'MoreDataAvailable');
  assert.equal(first.Results.length, 2_500);
  const rest = await ask('retrieve', object, ['Id'], { continueRequest: first.RequestID });
  assert.equal(rest.Results.length, 1);
});

test('a wrong secret gets no token', async () => {
  await assert.rejects(new Promise((resolve, reject) => {
    newClient('wrong').retrieve('Subscriber', ['SubscriberKey'], {}, (error, it) => (error ? reject(error) : resolve(it)));
  }));
});
