"""The calls of spyne + procrastinate + PostgreSQL. In order per conversation by a lock.

`python tasks.py worker N` carries them out; PG is the connection string.
"""

import asyncio
import json
import os
import sys
import urllib.parse

import aiohttp
import procrastinate
import psycopg_pool

DSN = os.environ["PG"]

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=DSN, max_size=20))
state = {}


@app.task(name="call", queue="calls")
async def call(call):
    result = json.dumps({"status": "OK", "items": [{"StatusCode": "OK"} for _ in call["objects"]]})
    async with state["pool"].connection() as connection:
        await connection.execute(
            "insert into results values (%s, %s) on conflict do nothing", (call["requestId"], result)
        )
    body = urllib.parse.urlencode({
        "RequestID": call["requestId"],
        "ConversationID": call["conversationId"],
        "OverallStatusCode": "OK",
        "StatusCode": "OK",
        "StatusMessage": "OK",
        "ErrorCode": "",
        "RequestType": "Asynchronous",
        "ResultType": "Asynchronous",
        "ResultDetailXML": "",
        "SequenceCode": str(call["sequence"]),
    })
    headers = {"content-type": "application/x-www-form-urlencoded"}
    async with state["http"].post(call["address"], data=body, headers=headers) as answer:
        answer.raise_for_status()


async def work(concurrency):
    async with (
        app.open_async(),
        psycopg_pool.AsyncConnectionPool(DSN, max_size=20, open=False) as pool,
        aiohttp.ClientSession() as http,
    ):
        state.update(pool=pool, http=http)
        print("listening", flush=True)
        await app.run_worker_async(
            queues=["calls"], concurrency=concurrency, delete_jobs="never", install_signal_handlers=False,
            # By default 5 s: nothing tells it that a lock is free again.
            fetch_job_polling_interval=0.05,
        )


if __name__ == "__main__":
    asyncio.run(work(int(sys.argv[2])))
