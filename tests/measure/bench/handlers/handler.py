"""A handler that does what a door must do at least: keep one record, wake somebody up. With boto3.

The loop is Lambda's own protocol and nothing else, which favours it over the usual runtime client.
"""

import http.client
import os

import boto3

table = boto3.client("dynamodb")
queue = boto3.client("sqs")


def handle(event, request_id):
    key = {"pk": {"S": f"bench-{request_id}"}, "sk": {"S": "CALL"}}
    table.put_item(TableName=os.environ["CALLS_TABLE"], Item={**key, "body": {"S": event}})
    queue.send_message(
        QueueUrl=os.environ["BENCH_QUEUE_URL"], MessageBody=request_id, MessageGroupId=request_id
    )
    return '{"statusCode":200,"body":"OK"}'


def main():
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        api.request("GET", "/2018-06-01/runtime/invocation/next")
        event = api.getresponse()
        request_id = event.headers["lambda-runtime-aws-request-id"]
        answer = handle(event.read().decode(), request_id)
        api.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/response", answer)
        api.getresponse().read()


main()
