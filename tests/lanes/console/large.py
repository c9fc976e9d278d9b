"""Each page of the console over very many conversations: how long it takes, shown as a table, and the first
page of the list bounded.

The records are copies of ones that were really made, put into the table over the AWS wire: conversations
that ended well, of a hundred one that failed, one whose reply does not get through and one with a mail.
"""

import json
import secrets
import sys
import time
import urllib.parse
import urllib.request

server, conversations = sys.argv[1], int(sys.argv[2])

# What a person still takes for at once.
FIRST_PAGE_MS_MAX = 300
# Filling is given up after this, and so is looking at one page.
FILLED_WITHIN_S = 1500
PAGE_WITHIN_S = 60
LOOKS = 40
BATCH = 25
# Of so many conversations one has something to be listed for besides.
ONE_OF = 100
TABLE = "aftercall-calls"
ACCOUNT = "local"


def aws(operation, body):
    headers = {"x-amz-target": f"DynamoDB_20120810.{operation}", "content-type": "application/x-amz-json-1.0"}
    sent = urllib.request.Request(server + "/", body.encode(), headers)
    with urllib.request.urlopen(sent) as answer:
        return json.load(answer)


def page(path):
    began = time.perf_counter()
    with urllib.request.urlopen(server + path, timeout=PAGE_WITHIN_S) as answer:
        text = answer.read().decode()
    return text, (time.perf_counter() - began) * 1000


def create(options, objects):
    envelope = f"""<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Header>
 <w:Security xmlns:w="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"><w:UsernameToken><w:Username>local</w:Username><w:Password>local</w:Password></w:UsernameToken></w:Security></s:Header>
 <s:Body><CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"><Options>{options}</Options>{objects}</CreateRequest></s:Body></s:Envelope>"""
    sent = urllib.request.Request(server + "/Service.asmx", envelope.encode(), {"content-type": "text/xml", "SOAPAction": '"Create"'})
    with urllib.request.urlopen(sent) as answer:
        text = answer.read().decode()
    assert "<OverallStatus>OK</OverallStatus>" in text, text
    return text


def subscriber(key, more=""):
    return f'<Objects xsi:type="Subscriber"><EmailAddress>{key}@example.com</EmailAddress><SubscriberKey>{key}</SubscriberKey>{more}</Objects>'


def to(address):
    return f"<SendResponseTo><ResponseType>HTTPPost</ResponseType><ResponseAddress>{address}</ResponseAddress><RespondWhen>Always</RespondWhen><IncludeResults>true</IncludeResults></SendResponseTo>"


def part(name):
    return f"<RequestType>Asynchronous</RequestType><ConversationID>{name}</ConversationID><SequenceCode>1</SequenceCode><CallsInConversation>1</CallsInConversation>"


def really_made():
    """Makes one of each kind; the records of each, by the name of its conversation."""
    create("<RequestType>Synchronous</RequestType>", '<Objects xsi:type="TriggeredSendDefinition"><CustomerKey>large</CustomerKey><TriggeredSendStatus>Active</TriggeredSendStatus><Email><Subject>Large</Subject><HTMLBody>&lt;p&gt;Hello&lt;/p&gt;</HTMLBody></Email><FromName>The Shop</FromName><FromAddress>shop@example.com</FromAddress></Objects>')
    good = f"{server}/_local/callbacks"
    create(part("large-good") + to(good), subscriber("large-good"))
    create(part("large-bad"), subscriber("large-bad", "<Lists><ID>4711</ID><Status>Active</Status></Lists>"))
    create(part("large-untold") + to("http://127.0.0.1:9/down"), subscriber("large-untold"))
    create(part("large-mail"), '<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>large</CustomerKey></TriggeredSendDefinition><Subscribers><EmailAddress>m@example.com</EmailAddress><SubscriberKey>m</SubscriberKey></Subscribers></Objects>')
    time.sleep(8)
    made = {}
    for name in ["large-good", "large-bad", "large-untold", "large-mail"]:
        with urllib.request.urlopen(f"{server}/_local/find?id={name}") as answer:
            key = urllib.parse.parse_qs(urllib.parse.urlsplit(answer.url).query)["key"][0]
        query = {"TableName": TABLE, "KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": key}}}
        made[name] = (key, aws("Query", json.dumps(query))["Items"])
    mails = [item for item in made["large-mail"][1] if item["sk"]["S"].startswith("MAIL")]
    assert len(mails) == 2, f"a mail and what lists it: {mails}"
    assert any("failed_share" in item for item in made["large-untold"][1]), "its reply has failed"
    return made


def share(kind, key):
    digit = int(key[-1], 16)
    shares = {"conversation": "0123456789abcdef", "mail": "mnop", "failed": "01234567"}[kind]
    return f"{ACCOUNT}#{shares[digit % len(shares)]}"


def copies(items, key, copy, at):
    """The records of a conversation under another key, opened at another time. Nobody looks at them again."""
    for item in items:
        item = json.loads(json.dumps(item).replace(key, copy))
        for name in ("due_shard", "due_at"):
            item.pop(name, None)
        if "account_share" in item:
            kind = "mail" if item["sk"]["S"].startswith("MAILS#") else "conversation"
            item["account_share"], item["opened_at"] = {"S": share(kind, copy)}, {"N": str(at)}
        if "failed_share" in item:
            item["failed_share"], item["failed_at"] = {"S": share("failed", copy)}, {"N": str(at)}
        yield json.dumps({"PutRequest": {"Item": item}})


def fill(made):
    began = time.perf_counter()
    newest = int(time.time() * 1000)
    # The most frequent kind is written as text, which is quicker.
    good_key, good_items = made["large-good"]
    [header] = [item for item in good_items if item["sk"]["S"] == "CONVERSATION"]
    for name in ("due_shard", "due_at"):
        header.pop(name, None)
    header["account_share"], header["opened_at"] = {"S": "@SHARE@"}, {"N": "@AT@"}
    good = json.dumps({"PutRequest": {"Item": header}}).replace(good_key, "@KEY@")
    rare = ["large-bad", "large-untold", "large-mail"]
    waiting = []

    def send(all_of_it=False):
        while len(waiting) >= BATCH or (all_of_it and waiting):
            body = f'{{"RequestItems": {{"{TABLE}": [{",".join(waiting[:BATCH])}]}}}}'
            aws("BatchWriteItem", body)
            del waiting[:BATCH]

    for number in range(conversations):
        at, copy = newest - number * 50, secrets.token_hex(20)
        kind = number % ONE_OF
        if kind < len(rare):
            key, items = made[rare[kind]]
            waiting.extend(copies(items, key, copy, at))
        else:
            waiting.append(good.replace("@KEY@", copy).replace("@SHARE@", share("conversation", copy)).replace("@AT@", str(at)))
        send()
        if time.perf_counter() - began > FILLED_WITHIN_S:
            raise SystemExit(f"only {number:,} conversations in {FILLED_WITHIN_S} s")
    send(all_of_it=True)
    print(f"{conversations:,} conversations made in {time.perf_counter() - began:.0f} s")


def percentile(times, share_of_all):
    return sorted(times)[min(len(times) - 1, int(len(times) * share_of_all))]


def looked_at(name, path):
    page(path)
    times = [page(path)[1] for _ in range(LOOKS)]
    print(f"| {name} | {percentile(times, 0.5):.0f} | {percentile(times, 0.95):.0f} |", flush=True)
    return percentile(times, 0.5)


made = really_made()
fill(made)
key, failed_key = made["large-good"][0], made["large-bad"][0]
replies = page("/_local/replies")[0]
one_reply = replies.split('/_local/reply?')[1].split('"')[0].replace("&#38;", "&")
mails = page("/_local/mail-list")[0]
one_mail = mails.split('/_local/mail?')[1].split('"')[0].replace("&#38;", "&")
pages = [
    ("Overview", "/"), ("Calls", "/calls"), ("Calls that failed, by the state", "/calls?state=failed"),
    ("Calls whose names begin so", "/calls?prefix=large-g"), ("one conversation", f"/conversation?key={key}"),
    ("one that failed", f"/conversation?key={failed_key}"), ("one call", f"/call?key={key}"),
    ("Scheduled", "/scheduled"), ("Replies that did not get through", "/replies"),
    ("All replies", "/replies?state=any"), ("one reply", f"/reply?{one_reply}"), ("Mails", "/mail-list"),
    ("Mails that failed", "/mail-list?state=failures"), ("one mail", f"/mail?{one_mail}"), ("Failed", "/failed"),
    ("Unknown", "/unknown"), ("Backends", "/backends"), ("Accounts", "/accounts"),
    ("one account", "/account?account=local"), ("Dead letters", "/dead"), ("Audit", "/audit"), ("Sent", "/sent"),
]
print(f"| page, over {conversations:,} conversations | median ms | p95 ms |\n| --- | --- | --- |")
medians = {name: looked_at(name, f"/_local{path}") for name, path in pages}
rows = page("/_local/calls")[0].count('<tr id="c-')
assert rows == 50, f"{rows} rows"
assert medians["Calls"] < FIRST_PAGE_MS_MAX, "the first page takes too long"

# Twenty pages further it is the same.
path = "/_local/calls"
for _ in range(20):
    text, took = page(path)
    path = text.split('<a rel="next" href="')[1].split('"')[0].replace("&#38;", "&")
print(f"the twenty-first page: {page(path)[1]:.0f} ms")
