// npm soap and strong-soap, each in both versions of SOAP.

const assert = require('node:assert/strict');
const { appendFileSync } = require('node:fs');
const { randomUUID } = require('node:crypto');

const npmSoap = require('soap');
const strongSoap = require('strong-soap').soap;

const { BASE, RECEIVER, TOKEN, DID } = process.env;
const WSDL = `${BASE}/etframework.wsdl`;
const fresh = (prefix) => `${prefix}-${randomUUID().slice(0, 13)}`;

async function until(what, found) {
  for (const end = Date.now() + 60_000; Date.now() < end;) {
    const it = await found();
    if (it) return it;
    await new Promise((later) => { setTimeout(later, 50); });
  }
  throw new Error(`still not after a minute: ${what}`);
}

// What differs between the two: how a type is named, how a header is put in, what is passed and given back.
const soap = {
  name: 'npm soap',
  an: (type, fields) => ({ attributes: { 'xsi:type': `tns:${type}` }, ...fields }),
  async client(token, options) {
    const client = await npmSoap.createClientAsync(WSDL, options);
    client.addSoapHeader({ fueloauth: { attributes: { xmlns: 'http://exacttarget.com' }, $value: token } });
    return (operation, _root, payload) => client[`${operation}Async`](payload).then(([answer]) => answer);
  },
};
const strong = {
  name: 'strong-soap',
  an: (type, fields) => ({
    $attributes: { $xsiType: `{http://exacttarget.com/wsdl/partnerAPI}${type}` }, ...fields,
  }),
  async client(token, options) {
    const client = await new Promise((resolve, reject) => {
      strongSoap.createClient(WSDL, options, (error, it) => (error ? reject(error) : resolve(it)));
    });
    client.addSoapHeader(`<fueloauth xmlns="http://exacttarget.com">${token}</fueloauth>`);
    return (operation, root, payload) => new Promise((resolve, reject) => {
      client[operation]({ [root]: payload }, (error, answer) => (error ? reject(error) : resolve(answer)));
    });
  },
};

async function tour({ name, an, client }, version, options) {
  const did = (what) => appendFileSync(DID, `${name}\t${version}\t${what}\n`);
  const subscriber = (key) => an('Subscriber', { EmailAddress: `${key}@example.com`, SubscriberKey: key });
  const equalTo = (property, value) => an('SimpleFilterPart', { Property: property, SimpleOperator: 'equals', Value: value });
  const call = await client(TOKEN, options);
  const createBy = (calls) => async (object, its = {}) => {
    const answer = await calls('Create', 'CreateRequest', { Options: its, Objects: [object] });
    return { ...answer, Results: [answer.Results].flat() };
  };
  const create = createBy(call);
  const retrieve = async (type, properties, property, value) => {
    const request = { ObjectType: type, Properties: properties, Filter: equalTo(property, value) };
    const answer = await call('Retrieve', 'RetrieveRequestMsg', { RetrieveRequest: request });
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

  await create(an('FilterDefinition', { CustomerKey: key, Name: 'Romans', DataFilter: equalTo('City', 'Rome') }));
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

  // strong-soap leaves nested elements that it has no type for in no namespace.
  if (name === soap.name) await objects({ an, call, create, retrieve, equalTo });

  const refused = createBy(await client('no token of ours', options))(subscriber('nobody'));
  await assert.rejects(refused, (error) => {
    assert.match(error.message, /Login Failed/);
    return true;
  });
  did('fault');
}

// An import and an extract on a server whose bucket can be reached, and the fields of a data extension.
async function objects({ an, call, create, retrieve, equalTo }) {
  const key = fresh('objects');
  const field = (name, kind, more) => ({ Name: name, FieldType: kind, ...more });
  await create(an('DataExtension', {
    CustomerKey: key,
    Name: key,
    Fields: { Field: [field('Id', 'Text', { MaxLength: 50, IsPrimaryKey: true }), field('Age', 'Number')] },
  }));
  await create(an('DataExtensionField', { Name: 'Size', FieldType: 'Number', DataExtension: an('DataExtension', { CustomerKey: key }) }));
  const fields = await retrieve('DataExtensionField', ['Name', 'Ordinal'], 'DataExtension.CustomerKey', key);
  assert.deepEqual(fields.map((it) => it.Name).sort(), ['Age', 'Id', 'Size']);

  const bucket = `${BASE}/_local/bucket`;
  if (!(await fetch(`${bucket}/`)).ok) return;
  const perform = async (definition, action = 'start') => {
    const answer = await call('Perform', 'PerformRequestMsg', {
      Options: {}, Action: action, Definitions: { Definition: [definition] },
    });
    assert.equal(answer.OverallStatus, 'OK');
    return [answer.Results.Result].flat()[0];
  };
  await audience({ an, create, retrieve, perform });
  const put = await fetch(`${bucket}/import/${key}.csv`, { method: 'PUT', body: 'Id,Age\nann,36\nbob,7\n' });
  assert.equal(put.status, 204);
  const started = await perform(an('ImportDefinition', {
    DestinationObject: an('DataExtension', { CustomerKey: key }), FileSpec: `${key}.csv`,
  }));
  await until('the import', async () => {
    const asked = ['ImportStatus', 'NumberSuccessful'];
    const [summary] = await retrieve('ImportResultsSummary', asked, 'TaskResultID', String(started.Task.ID));
    return summary.ImportStatus === 'Completed' && Number(summary.NumberSuccessful) === 2;
  });
  const request = { ObjectType: `DataExtensionObject[${key}]`, Properties: ['Id'], Filter: equalTo('Age', '7') };
  const found = await call('Retrieve', 'RetrieveRequestMsg', { RetrieveRequest: request });
  const columns = [[found.Results].flat()[0].Properties.Property].flat();
  assert.deepEqual(columns.map((it) => `${it.Name}=${it.Value}`), ['Id=bob']);

  await perform(an('DataExtractActivity', {
    PartnerProperties: [{ Name: 'StartDate', Value: '1/1/2000' }, { Name: 'OutputFileName', Value: `${key}.csv` }],
  }));
  const file = await until('the extract', async () => {
    const answer = await fetch(`${bucket}/extract/${key}.csv`);
    return answer.ok && answer.text();
  });
  assert.match(file, /^RequestID,ConversationID/);
}

// A send to a list: tested, started, and looked at by the ID of its Task.
async function audience({ an, create, retrieve, perform }) {
  const key = fresh('audience');
  const [reader, editor] = ['reader', 'editor'].map((who) => `${who}.${key}@example.com`);
  await create(an('List', { CustomerKey: key, ListName: key }));
  await create(an('Subscriber', {
    EmailAddress: reader, SubscriberKey: reader, Lists: [an('SubscriberList', { CustomerKey: key, Status: 'Active' })],
  }));
  await create(an('EmailSendDefinition', {
    CustomerKey: key,
    Name: key,
    FromName: 'The Shop',
    FromAddress: 'shop@example.com',
    SendDefinitionList: [{ List: { CustomerKey: key }, SendDefinitionListType: 'SourceList' }],
    Email: { Subject: 'Autumn', TextBody: 'Dear %%emailaddr%%' },
    TestEmailAddr: editor,
  }));
  const mailsTo = async (address) => {
    const mails = await (await fetch(`${BASE}/_local/mails`)).json();
    return mails.filter((it) => [it.to].flat().some((to) => to.includes(address)));
  };
  for (const [action, address] of [['test', editor], ['start', reader]]) {
    const started = await perform(an('EmailSendDefinition', { CustomerKey: key }), action);
    assert.equal(started.StatusMessage, 'EmailSendDefinition performed');
    await until(`a mail to ${address}`, async () => (await mailsTo(address)).length === 1);
    await until('the send to end', async () => {
      const [send] = await retrieve('Send', ['Status', 'NumberTargeted'], 'ID', String(started.Task.ID));
      return send.Status === 'Complete' && Number(send.NumberTargeted) === 1;
    });
  }
  const [mail] = await mailsTo(reader);
  assert.equal(mail.subject, 'Autumn');
  assert.equal((await mailsTo(editor)).length, 1);
}

(async () => {
  await tour(soap, '1.1', {});
  await tour(soap, '1.2', { forceSoap12Headers: true });
  await tour(strong, '1.1', {});
  await tour(strong, '1.2', { forceSoapVersion: '1.2' });
})();
