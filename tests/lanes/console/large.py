"""The first page of a list of very many conversations: how long it takes, shown and bounded.

The records are copies of one that was really made, put into the table over the AWS wire.
"""

import json
import secrets
import statistics
import sys
import time
import urllib.request

server, conversations = sys.argv[1], int(sys.argv[2])

# What a person still takes for at once.
FIRST_PAGE_MS_MAX = 300
BATCH = 25
TABLE = "aftercall-calls"


def aws(operation, request):
    headers = {"x-amz-target": f"DynamoDB_20120810.{operation}", "content-type": "application/x-amz-json-1.0"}
    sent = urllib.request.Request(server + "/", json.dumps(request).encode(), headers)
    with urllib.request.urlopen(sent) as answer:
        return json.load(answer)


def page(path):
    began = time.perf_counter()
    with urllib.request.urlopen(server + path) as answer:
        text = answer.read().decode()
    return text, (time.perf_counter() - began) * 1000


def a_header():
    start = {}
    while True:
        found = aws("Scan", {"TableName": TABLE, **start})
        for item in found["Items"]:
            if item["sk"]["S"] == "CONVERSATION" and "Complete" in item.get("phase", {}).get("S", ""):
                return item
        start = {"ExclusiveStartKey": found["LastEvaluatedKey"]}


header = a_header()
account = header["account_share"]["S"].split("#")[0]
newest = int(header["opened_at"]["N"])
began = time.perf_counter()
for first in range(0, conversations, BATCH):
    requests = []
    for number in range(first, min(first + BATCH, conversations)):
        key = secrets.token_hex(20)
        copy = dict(header, pk={"S": key}, account_share={"S": f"{account}#{key[-1]}"},
                    opened_at={"N": str(newest - number * 50)})
        requests.append({"PutRequest": {"Item": copy}})
    aws("BatchWriteItem", {"RequestItems": {TABLE: requests}})
print(f"{conversations:,} conversations made in {time.perf_counter() - began:.0f} s")

for path in ["/_local/calls", "/_local/calls?state=failed", "/_local/", "/_local/failed", "/_local/scheduled"]:
    page(path)
    times = sorted(page(path)[1] for _ in range(15))
    p95 = times[13]
    print(f"{path}: median {statistics.median(times):.0f} ms, p95 {p95:.0f} ms")
    if path == "/_local/calls":
        rows = page(path)[0].count('<tr id="c-')
        assert rows == 50, f"{rows} rows"
        assert statistics.median(times) < FIRST_PAGE_MS_MAX, "the first page takes too long"

# Twenty pages further it is the same.
path = "/_local/calls"
for _ in range(20):
    text, took = page(path)
    path = text.split('<a rel="next" href="')[1].split('"')[0].replace("&#38;", "&")
print(f"the twenty-first page: {page(path)[1]:.0f} ms")
