"""What was deployed, compared with the variables of the functions: everything that a variable names is
there, and is what the code takes it for. And what was left after the stack was removed.
"""

import json

from botocore.exceptions import ClientError

MINUTE = "rate(1 minute)"
QUEUES = {
    "HIGH_QUEUE_URL": "ProcessorFunction",
    "MEDIUM_QUEUE_URL": "ProcessorFunction",
    "LOW_QUEUE_URL": "ProcessorFunction",
    "REPLIES_QUEUE_URL": "NotifierFunction",
}
TABLES = ("CALLS_TABLE", "OBJECTS_TABLE", "ACCOUNTS_TABLE")


class Deployed:
    """A stack, and the clients to look at it with. Complaints are collected, so that one run names all."""

    def __init__(self, client, stack):
        self.client, self.stack = client, stack
        self.complaints = []
        found = client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
        self.resources = {it["LogicalResourceId"]: it["PhysicalResourceId"] for it in found}
        self.types = {it["LogicalResourceId"]: it["ResourceType"] for it in found}
        functions = [name for name, kind in self.types.items() if kind == "AWS::Lambda::Function"]
        self.functions = {
            name: client("lambda").get_function_configuration(FunctionName=self.resources[name]) for name in functions
        }

    def must(self, holds, complaint):
        if not holds:
            self.complaints.append(complaint)

    def judge(self):
        self.must(len(self.functions) == 4, f"four functions, not {sorted(self.functions)}")
        variables = [it["Environment"]["Variables"] for it in self.functions.values()]
        # Except the host names of the API, which ingest gets from each request.
        hosts = {name: it["Environment"]["Variables"].pop("OWN_HOSTS", "") for name, it in self.functions.items()}
        # And for the link in mails, which the notifier alone writes.
        links = {name: it["Environment"]["Variables"].pop("UNSUBSCRIBE_URL", "") for name, it in self.functions.items()}
        self.must(all(it == variables[0] for it in variables), "all functions have the same variables")
        link = links["NotifierFunction"]
        self.must(
            link.startswith("https://") and ".execute-api." in link and link.endswith("/unsubscribe/"),
            f"mails have a link to the front door, not {link!r}",
        )
        for name, own in hosts.items():
            self.must((".execute-api." in own) != (name == "IngestFunction"), f"{name} has OWN_HOSTS {own!r}")
        for look in (self.tables, self.queues, self.schedules, self.bucket, self.functions_themselves):
            try:
                look(variables[0])
            except (ClientError, KeyError) as error:
                self.complaints.append(f"{look.__name__}: {error!r}")
        return self.complaints

    def bucket(self, variables):
        buckets = [it["Name"] for it in self.client("s3").list_buckets()["Buckets"]]
        self.must(variables["BODIES_BUCKET"] in buckets, f"BODIES_BUCKET {variables['BODIES_BUCKET']} is none of {buckets}")

    def tables(self, variables):
        for name in TABLES:
            table = self.client("dynamodb").describe_table(TableName=variables[name])["Table"]
            keys = [(it["AttributeName"], it["KeyType"]) for it in table["KeySchema"]]
            self.must(keys == [("pk", "HASH"), ("sk", "RANGE")], f"{name}: {keys}")
            indexes = [it["IndexName"] for it in table.get("GlobalSecondaryIndexes", [])]
            self.must(sorted(indexes) == (["account", "due", "failed"] if name == "CALLS_TABLE" else []), f"{name}: {indexes}")

    def queues(self, variables):
        sqs = self.client("sqs")
        mappings = self.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        for name, function in QUEUES.items():
            queue = sqs.get_queue_attributes(QueueUrl=variables[name], AttributeNames=["All"])["Attributes"]
            self.must(queue.get("FifoQueue") == "true", f"{name}: FifoQueue {queue.get('FifoQueue')}")
            self.must(queue.get("DeduplicationScope") == "messageGroup", f"{name}: {queue.get('DeduplicationScope')}")
            dead = json.loads(queue["RedrivePolicy"])["deadLetterTargetArn"].rsplit(":", 1)[-1]
            self.must(sqs.get_queue_url(QueueName=dead)["QueueUrl"], f"{name}: no {dead}")
            feeds = [it for it in mappings if it["EventSourceArn"] == queue["QueueArn"]]
            self.must(len(feeds) == 1, f"{name}: {len(feeds)} event source mappings")
            for feed in feeds:
                arn = self.functions[function]["FunctionArn"]
                self.must(feed["FunctionArn"] == arn, f"{name} feeds {feed['FunctionArn']}, not {arn}")
                self.must(feed["State"] == "Enabled", f"{name}: {feed['State']}")
                self.must(feed["FunctionResponseTypes"] == ["ReportBatchItemFailures"], f"{name}: {feed}")

    def schedules(self, variables):
        scheduler = self.client("scheduler")
        scheduler.get_schedule_group(Name=variables["SCHEDULE_GROUP"])
        roles = [it["Arn"] for it in self.client("iam").list_roles()["Roles"]]
        self.must(variables["SCHEDULE_ROLE_ARN"] in roles, f"SCHEDULE_ROLE_ARN {variables['SCHEDULE_ROLE_ARN']} is no role")
        [minute] = scheduler.list_schedules(GroupName="default")["Schedules"]
        schedule = scheduler.get_schedule(Name=minute["Name"], GroupName="default")
        self.must(schedule["ScheduleExpression"] == MINUTE, f"{schedule['ScheduleExpression']}")
        timekeeper = self.functions["TimekeeperFunction"]["FunctionArn"]
        self.must(schedule["Target"]["Arn"] == timekeeper, f"the minute wakes {schedule['Target']['Arn']}")
        # A second stack in the same account and Region would find a name without it taken.
        self.must(self.stack in minute["Name"], f"the schedule {minute['Name']} is not named after the stack")

    def functions_themselves(self, _):
        for name, function in self.functions.items():
            self.must(function["Runtime"] == "provided.al2023", f"{name}: {function['Runtime']}")
            role = self.resources[name.replace("Function", "Role")]
            self.must(function["Role"].endswith(f"/{role}"), f"{name} runs as {function['Role']}")
            logs = self.resources[name.replace("Function", "Logs")]
            self.must(function["LoggingConfig"]["LogGroup"] == logs, f"{name} logs to {function['LoggingConfig']}")

    # While and after it ran ------------------------------------------------------------------------

    def log_lines(self, function):
        group = self.resources[f"{function}Logs"]
        logs = self.client("logs")
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]

    def dead_letters(self):
        """How many wake-ups were given up, by their queue."""
        sqs, count = self.client("sqs"), {}
        for name, kind in self.types.items():
            if kind == "AWS::SQS::Queue" and name.endswith("DeadLetters"):
                asked = {"QueueUrl": self.resources[name], "AttributeNames": ["ApproximateNumberOfMessages"]}
                count[name] = int(sqs.get_queue_attributes(**asked)["Attributes"]["ApproximateNumberOfMessages"])
        return count
