"""What no linter sees of the template. Environment: TEMPLATE (the SAM file), TRANSLATED (CloudFormation)."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import tomllib
import unittest
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

import allowed

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = yaml_parse(Path(os.environ["TEMPLATE"]).read_text())
TRANSLATED = json.loads(Path(os.environ["TRANSLATED"]).read_text())
SETTINGS = [ROOT / f"shared/cloud/src/{name}.rs" for name in ("settings", "aws/clients")]
OPERATING = (ROOT / "docs/operating.md").read_text()

# The SDK's own variables that the template sets; the platform sets its others.
OF_THE_SDK = {"AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"}

# Read by the code, and yet never set where it is deployed.
LOCAL_ONLY = {"ALLOW_HTTP_CALLBACKS": "callbacks to http and to loopback are for the local server"}

# Resources of Allow statements that end in `*`, by (role, Sid), each with its reason.
WILDCARDS = {
    ("IngestRole", "Schedules"): "a schedule is named after its conversation, within our own group",
    ("ProcessorRole", "Schedules"): "as above",
    ("IngestRole", "Bodies"): "an object is named after its call, within our own bucket",
    ("ProcessorRole", "Bodies"): "as above",
    ("NotifierRole", "Bodies"): "as above",
    ("TimekeeperRole", "Bodies"): "as above",
    ("IngestRole", "Network"): "network interfaces have no name before Lambda makes them",
    ("ProcessorRole", "Network"): "as above",
    ("TimekeeperRole", "Network"): "as above",
    ("IngestRole", "BackendLoginKey"): "the key of a secret is its owner's affair; the condition names the secrets",
    ("ProcessorRole", "BackendLoginKey"): "as above",
    ("TimekeeperRole", "BackendLoginKey"): "as above",
    ("IngestRole", "Traces"): "traces belong to the account, and have no name",
    ("ProcessorRole", "Traces"): "as above",
    ("NotifierRole", "Traces"): "as above",
    ("TimekeeperRole", "Traces"): "as above",
    ("NotifierRole", "MailRate"): "what may be sent at all is asked of the account, which has no name",
}

# What Lambda asks for with the role of a function that is in subnets.
NETWORK = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
]

# What Lambda asks for with the role of a function that is traced.
TRACES = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]

# What only people ask for, with `aftercall` and their own permissions.
PEOPLE_ONLY = {"dynamodb:Scan", "s3:DeleteObject"}

# What the code asks AWS for, by the SDK's name of it, and the action that allows it.
ACTIONS = {
    "get_item()": "dynamodb:GetItem",
    "batch_get_item()": "dynamodb:BatchGetItem",
    "put_item()": "dynamodb:PutItem",
    "batch_write_item()": "dynamodb:BatchWriteItem",
    "update_item()": "dynamodb:UpdateItem",
    "delete_item()": "dynamodb:DeleteItem",
    "query()": "dynamodb:Query",
    "scan()": "dynamodb:Scan",
    # What a transaction is made of is allowed one by one.
    "Put::builder()": "dynamodb:PutItem",
    "Update::builder()": "dynamodb:UpdateItem",
    "Delete::builder()": "dynamodb:DeleteItem",
    "ConditionCheck::builder()": "dynamodb:ConditionCheckItem",
    "send_message()": "sqs:SendMessage",
    "send_message_batch()": "sqs:SendMessage",
    "change_message_visibility()": "sqs:ChangeMessageVisibility",
    "create_schedule()": "scheduler:CreateSchedule",
    "delete_schedule()": "scheduler:DeleteSchedule",
    "get_object()": "s3:GetObject",
    "put_object()": "s3:PutObject",
    "delete_object()": "s3:DeleteObject",
    "delete_object_tagging()": "s3:DeleteObjectTagging",
    "copy_object()": "s3:PutObject",
    # Of what is put or copied.
    "tagging(EXPIRES)": "s3:PutObjectTagging",
    "head_object()": "s3:GetObject",
    "create_multipart_upload()": "s3:PutObject",
    "upload_part()": "s3:PutObject",
    "complete_multipart_upload()": "s3:PutObject",
    "list_objects_v2()": "s3:ListBucket",
    "send_email()": "ses:SendEmail",
    "send_text_message()": "sms-voice:SendTextMessage",
    "send_voice_message()": "sms-voice:SendVoiceMessage",
    "get_account()": "ses:GetAccount",
    # Sealing is for the operator's command, with the operator's own permissions.
    "decrypt()": "kms:Decrypt",
    "get_secret_value()": "secretsmanager:GetSecretValue",
}

# Allowed although no line of the code asks for it.
WITHOUT_CODE = {
    "logs:CreateLogStream": "Lambda writes the logs",
    "logs:PutLogEvents": "as above",
    "kms:Encrypt": "DynamoDB asks for it with a customer's key, in the name of who asks DynamoDB",
    "kms:DescribeKey": "as above",
    "kms:GenerateDataKey": "as above",
    "kms:ReEncryptFrom": "as above",
    "kms:ReEncryptTo": "as above",
    "sqs:ReceiveMessage": "Lambda takes messages from the queues",
    "sqs:DeleteMessage": "as above",
    "sqs:GetQueueAttributes": "as above",
    "iam:PassRole": "a schedule is given its role",
    "ses:SendRawEmail": "what SES asks for if a mail comes as it will be sent",
    "s3:ListBucket": "or S3 says that a missing object is forbidden",
    "lambda:InvokeFunction": "the minute's schedule invokes the timekeeper",
}

# How many invocations a new AWS account may have at once.
NEW_ACCOUNT_CONCURRENCY = 10

# CloudWatch's queue metrics come once a minute; anything shorter would never have data.
MINUTE = 60


def of_type(kind, resources=TRANSLATED["Resources"]):
    return {name: it["Properties"] for name, it in resources.items() if it["Type"] == kind}


def target(value):
    """The logical name that a Ref, a GetAtt or the first variable of a Sub points to."""
    if isinstance(value, dict):
        if str(value.get("Fn::If", [""])[0]).startswith("Makes"):
            return target(value["Fn::If"][1])  # of the stack's own, or one that was there already
        if "Ref" in value:
            return value["Ref"]
        if "Fn::GetAtt" in value:
            return value["Fn::GetAtt"][0]
        if "Fn::Sub" in value:
            found = re.search(r"\$\{([A-Za-z]+)", str(value["Fn::Sub"]))
            return found and found.group(1)
    return None


def behind_the_api(value):
    """What it is while the front door is API Gateway and no function URL."""
    choice = value.get("Fn::If", [""]) if isinstance(value, dict) else [""]
    return choice[2] if choice[0] == "HasFunctionUrl" else value


def texts(value):
    """Every string in a value, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def many(value):
    return value if isinstance(value, list) else [value]


FUNCTIONS = of_type("AWS::Lambda::Function")
QUEUES = of_type("AWS::SQS::Queue")
MAPPINGS = of_type("AWS::Lambda::EventSourceMapping")
ROLES = of_type("AWS::IAM::Role")
API = TRANSLATED["Resources"]["Api"]["Properties"]["Body"]
# What a role may do only if a parameter asks for it.
ADDED = of_type("AWS::IAM::RolePolicy")
TABLES = of_type("AWS::DynamoDB::GlobalTable")
ALARMS = of_type("AWS::CloudWatch::Alarm")
# What an event comes to that its function could not take in: no queue stands before it.
EVENTS_GIVEN_UP = {"MailEventsDeadLetters"}
DEAD_LETTERS = {name for name in QUEUES if name.endswith("DeadLetters")} - EVENTS_GIVEN_UP
TAKEN_FROM = set(QUEUES) - DEAD_LETTERS - EVENTS_GIVEN_UP
# What the functions count: the variants are the metrics' names.
[VARIANTS] = re.findall(r"pub enum Metric \{\n(.*?)\n\}", (ROOT / "shared/cloud/src/metrics.rs").read_text(), re.S)
METRICS = set(re.findall(r"^    (\w+),$", VARIANTS, re.M))


class Variables(unittest.TestCase):
    def test_template_and_settings_name_the_same_variables(self):
        code = "".join(path.read_text().split("#[cfg(test)]")[0] for path in SETTINGS)
        read = set(re.findall(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"', code))
        read = {name for name in read if not name.startswith(("AWS_", "SSL_"))} | (read & OF_THE_SDK)
        for name, function in FUNCTIONS.items():
            given = set(function["Environment"]["Variables"])
            self.assertEqual(set(), read - given - set(LOCAL_ONLY), f"read by the code, not given to {name}")
            self.assertEqual(set(), given - read, f"given to {name}, not read by the code")
            self.assertEqual(set(), given & set(LOCAL_ONLY), f"given to {name}, but only for the local server")

    def test_variables_point_to_what_they_are_named_after(self):
        expected = {
            "CALLS_TABLE": "CallsTable",
            "OBJECTS_TABLE": "ObjectsTable",
            "ACCOUNTS_TABLE": "AccountsTable",
            "HIGH_QUEUE_URL": "HighQueue",
            "MEDIUM_QUEUE_URL": "MediumQueue",
            "LOW_QUEUE_URL": "LowQueue",
            "REPLIES_QUEUE_URL": "RepliesQueue",
            "SCHEDULE_GROUP": "ScheduleGroup",
            "SCHEDULE_ROLE_ARN": "ScheduleRole",
            "BODIES_BUCKET": "BodiesBucket",
            "MAIL_SENDER": "MailSender",
            "RESULTS_DAYS": "ResultsDays",
            "TEXTS_PER_SECOND": "TextsPerSecond",
            "CALLS_PER_SECOND": "CallsPerSecond",
            "HIGH_CONCURRENCY": "HighConcurrency",
            "MEDIUM_CONCURRENCY": "MediumConcurrency",
            "LOW_CONCURRENCY": "LowConcurrency",
            "REPLIES_CONCURRENCY": "RepliesConcurrency",
        }
        for function in FUNCTIONS.values():
            given = function["Environment"]["Variables"]
            self.assertEqual(expected, {name: target(given[name]) for name in expected})


class Functions(unittest.TestCase):
    def test_binaries_are_members_of_the_workspace(self):
        members = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["members"]
        sam = of_type("AWS::Serverless::Function", TEMPLATE["Resources"])
        for name in sam:
            binary = TEMPLATE["Resources"][name]["Metadata"]["BuildProperties"]["Binary"]
            self.assertEqual(f"{binary.capitalize()}Function", name)
            self.assertIn(f"functions/{binary}", members)
        self.assertEqual(4, len(sam))

    def test_each_has_memory_of_its_own(self):
        for name, it in of_type("AWS::Serverless::Function", TEMPLATE["Resources"]).items():
            self.assertIn(it["MemorySize"], range(128, 1770), name)
        # What the price of a call is counted with.
        cost = (ROOT / "tests/journeys/tests/cost.rs").read_text()
        [gigabytes] = re.findall(r"const GIGABYTES: f64 = ([\d.]+);", cost)
        for name in ("IngestFunction", "ProcessorFunction"):
            self.assertEqual(float(gigabytes) * 1024, FUNCTIONS[name]["MemorySize"], name)

    def test_all_of_them_fit_into_a_new_account(self):
        defaults = [
            TEMPLATE["Parameters"][target(mapping["ScalingConfig"]["MaximumConcurrency"])]["Default"]
            for mapping in MAPPINGS.values()
        ]
        self.assertEqual(4, len(defaults))
        # Two are left for the front door and the timekeeper.
        self.assertLessEqual(sum(defaults), NEW_ACCOUNT_CONCURRENCY - 2)

    def test_a_minute_that_fails_is_not_made_up_for_later(self):
        configs = {target(it["FunctionName"]): it for it in of_type("AWS::Lambda::EventInvokeConfig").values()}
        self.assertEqual({"TimekeeperFunction", "NotifierFunction"}, set(configs))
        config = configs["TimekeeperFunction"]
        self.assertEqual((0, 60), (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]))

    def test_what_ses_tells_of_mails_reaches_the_notifier_or_a_person(self):
        rules = of_type("AWS::Events::Rule")
        [(rule_name, rule)] = [it for it in rules.items() if it[1]["EventPattern"]["source"] == ["aws.ses"]]
        [to] = rule["Targets"]
        self.assertEqual("NotifierFunction", target(to["Arn"]))
        # Only of our own mails: other stacks and programs send through the same account.
        tags = rule["EventPattern"]["detail"]["mail"]["tags"]
        self.assertEqual({"ses:configuration-set": [{"Ref": "MailConfigurationSet"}]}, tags)
        self.assertEqual(["aws.ses"], rule["EventPattern"]["source"])
        config = next(
            it for it in of_type("AWS::Lambda::EventInvokeConfig").values()
            if target(it["FunctionName"]) == "NotifierFunction"
        )
        self.assertGreaterEqual(config["MaximumRetryAttempts"], 2)
        self.assertEqual("MailEventsDeadLetters", target(config["DestinationConfig"]["OnFailure"]["Destination"]))
        self.assertEqual("MailEventsDeadLetters", target(to["DeadLetterConfig"]["Arn"]))
        policy = TRANSLATED["Resources"]["MailEventsDeadLettersPolicy"]["Properties"]
        [allows] = [it for it in policy["PolicyDocument"]["Statement"] if it["Effect"] == "Allow"]
        self.assertEqual({"Service": "events.amazonaws.com"}, allows["Principal"])
        sources = allows["Condition"]["ArnEquals"]["aws:SourceArn"]
        self.assertEqual(set(rules), {target(it) for it in sources})
        self.assertIn(rule_name, rules)
        [destination] = of_type("AWS::SES::ConfigurationSetEventDestination").values()
        events = destination["EventDestination"]
        self.assertEqual({"delivery", "bounce", "complaint", "reject"}, set(events["MatchingEventTypes"]))
        self.assertTrue(events["Enabled"])
        self.assertIn(":event-bus/default", json.dumps(events["EventBridgeDestination"]), "SES knows no other")
        for function in FUNCTIONS.values():
            given = function["Environment"]["Variables"]["MAIL_CONFIGURATION_SET"]
            self.assertEqual("MailConfigurationSet", target(given))

    def test_what_is_told_of_texts_reaches_the_notifier_or_a_person(self):
        rules = of_type("AWS::Events::Rule").values()
        [rule] = [it for it in rules if it["EventPattern"]["source"] == ["aws.sms-voice"]]
        [to] = rule["Targets"]
        self.assertEqual("NotifierFunction", target(to["Arn"]))
        self.assertEqual("MailEventsDeadLetters", target(to["DeadLetterConfig"]["Arn"]))
        self.assertEqual({"Fn::If": ["SendsToPhones", "ENABLED", "DISABLED"]}, rule["State"])
        # Only of our own, and only what is final: each event costs an invocation.
        code = (ROOT / "shared/cloud/src/aws/phone.rs").read_text()
        [mark] = re.findall(r'STACK_NAME: &str = "([a-z-]+)"', code)
        detail = rule["EventPattern"]["detail"]
        self.assertEqual({mark: [{"Ref": "MailConfigurationSet"}]}, detail["context"])
        self.assertEqual([True], detail["isFinal"])

    def test_texts_and_calls_are_off_until_somebody_names_their_senders(self):
        for kind, action in (("Text", "SendTextMessage"), ("Voice", "SendVoiceMessage")):
            senders = f"{kind}Senders"
            self.assertEqual("", TEMPLATE["Parameters"][senders]["Default"])
            [name] = [
                name for name, it in ADDED.items()
                if any(f"sms-voice:{action}" in many(one["Action"]) for one in it["PolicyDocument"]["Statement"])
            ]
            self.assertEqual(f"Has{senders}", TRANSLATED["Resources"][name]["Condition"])
            [statement] = ADDED[name]["PolicyDocument"]["Statement"]
            self.assertEqual("NotifierRole", target(ADDED[name]["RoleName"]))
            self.assertEqual({"Ref": senders}, statement["Resource"], "no other number may be used")
            for function in FUNCTIONS.values():
                given = function["Environment"]["Variables"][f"{kind.upper()}_SENDERS"]
                self.assertEqual({"Fn::Join": [",", {"Ref": senders}]}, given)

    def test_links_in_mails_lead_to_the_front_door(self):
        link = json.dumps(FUNCTIONS["NotifierFunction"]["Environment"]["Variables"]["UNSUBSCRIBE_URL"])
        self.assertIn("https://${DomainName}/unsubscribe/", link)
        self.assertIn("https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/unsubscribe/", link)
        self.assertIn("${IngestUrl.FunctionUrl}unsubscribe/", link)
        self.assertIn("/unsubscribe/", (ROOT / "functions/ingest/src/unsubscribing.rs").read_text())

    def test_the_platform_says_no_more_than_is_asked_for(self):
        for name, function in FUNCTIONS.items():
            self.assertEqual("JSON", function["LoggingConfig"]["LogFormat"], name)
            self.assertEqual({"Ref": "PlatformLogLevel"}, function["LoggingConfig"]["SystemLogLevel"], name)
        self.assertEqual("WARN", TEMPLATE["Parameters"]["PlatformLogLevel"]["Default"])

    def test_each_has_a_role_and_logs_of_its_own(self):
        roles = [target(function["Role"]) for function in FUNCTIONS.values()]
        logs = [target(function["LoggingConfig"]["LogGroup"]) for function in FUNCTIONS.values()]
        self.assertEqual(len(FUNCTIONS), len(set(roles)))
        self.assertEqual(len(FUNCTIONS), len(set(logs)))
        for name, function in FUNCTIONS.items():
            stem = name.removesuffix("Function")
            self.assertEqual(f"{stem}Role", target(function["Role"]))
            self.assertEqual(f"{stem}Logs", target(function["LoggingConfig"]["LogGroup"]))

    def test_ingest_gives_up_before_the_front_door(self):
        timeouts = [it for path in API["paths"].values() for it in path.values()]
        timeouts = [it["x-amazon-apigateway-integration"]["timeoutInMillis"] for it in timeouts]
        self.assertEqual({29000}, set(timeouts), "written out, or a change of AWS's default is one of ours")
        self.assertLess(FUNCTIONS["IngestFunction"]["Timeout"] * 1000, timeouts[0])

    def test_logs_are_not_kept_for_ever(self):
        for name, logs in of_type("AWS::Logs::LogGroup").items():
            self.assertIn("RetentionInDays", logs, name)


class FrontDoor(unittest.TestCase):
    STAGE = of_type("AWS::ApiGatewayV2::Stage")["ApiApiGatewayDefaultStage"]

    def test_what_needs_no_login_is_throttled_by_itself(self):
        throttled = ("GET /{proxy+}", "HEAD /{proxy+}", "GET /health")
        for route in throttled:
            method, path = route.split(" ")
            self.assertIn(method.lower(), API["paths"][path])
            settings = self.STAGE["RouteSettings"][route]
            self.assertLessEqual(settings["ThrottlingRateLimit"], 5, route)
        self.assertEqual(set(throttled), set(self.STAGE["RouteSettings"]))
        self.assertIn('"/health"', (ROOT / "functions/ingest/src/lib.rs").read_text())
        # What callers ask for with a token is bounded like their calls.
        rest = (ROOT / "functions/ingest/src/rest.rs").read_text() + (ROOT / "functions/ingest/src/lib.rs").read_text()
        for path, beginning in (("/data/{proxy+}", '"data"'), ("/platform/{proxy+}", '"/platform/v1')):
            self.assertEqual(["get"], list(API["paths"][path]))
            self.assertIn(beginning, rest)

    def test_there_is_one_address_only(self):
        [server] = API["servers"]
        disabled = server["x-amazon-apigateway-endpoint-configuration"]["disableExecuteApiEndpoint"]
        self.assertEqual({"Fn::If": ["ClosesApi", True, False]}, disabled)
        either = [{"Condition": "HasDomain"}, {"Condition": "HasFunctionUrl"}]
        self.assertEqual({"Fn::Or": either}, TRANSLATED["Conditions"]["ClosesApi"])

    def test_a_function_url_is_off_until_it_is_asked_for_and_then_everybody_may_call_it(self):
        self.assertEqual("false", TEMPLATE["Parameters"]["FunctionUrl"]["Default"])
        [url] = of_type("AWS::Lambda::Url").values()
        self.assertEqual(("IngestFunction", "NONE"), (target(url["TargetFunctionArn"]), url["AuthType"]))
        made = {
            name: it for name, it in TRANSLATED["Resources"].items()
            if it["Type"] == "AWS::Lambda::Url" or it["Properties"].get("Principal") == "*"
        }
        self.assertEqual({"HasFunctionUrl"}, {it.get("Condition") for it in made.values()})
        # Both are needed, and each says that only the URL is meant: without its second half anybody in
        # AWS could invoke the function past its front door.
        allowed = [it["Properties"] for it in made.values() if it["Type"] == "AWS::Lambda::Permission"]
        self.assertEqual({"IngestFunction"}, {target(it["FunctionName"]) for it in allowed})
        self.assertEqual(
            [("lambda:InvokeFunction", None, True), ("lambda:InvokeFunctionUrl", "NONE", None)],
            sorted((it["Action"], it.get("FunctionUrlAuthType"), it.get("InvokedViaFunctionUrl")) for it in allowed),
        )

    def test_the_front_door_is_watched_whichever_it_is(self):
        metrics = {"RequestsAlarm": ("UrlRequestCount", "Count"), "RefusedRequestsAlarm": ("Url4xxCount", "4xx")}
        for name, (of_url, of_api) in metrics.items():
            alarm = ALARMS[name]
            self.assertEqual({"Fn::If": ["HasFunctionUrl", "AWS/Lambda", "AWS/ApiGateway"]}, alarm["Namespace"])
            self.assertEqual({"Fn::If": ["HasFunctionUrl", of_url, of_api]}, alarm["MetricName"])
            [dimension] = alarm["Dimensions"]
            _, of_function, of_gateway = dimension["Fn::If"]
            self.assertEqual({"Name": "FunctionName", "Value": {"Ref": "IngestFunction"}}, of_function)
            self.assertEqual({"Name": "ApiId", "Value": {"Ref": "Api"}}, of_gateway)

    def test_own_addresses_are_told_to_who_calls_back(self):
        for name, function in FUNCTIONS.items():
            hosts = json.dumps(function["Environment"]["Variables"]["OWN_HOSTS"])
            for host in ('{"Ref": "DomainName"}', "RegionalDomainName", '"Fn::GetAtt": ["IngestUrl", "FunctionUrl"]'):
                # A function URL is made for ingest, like the API.
                self.assertEqual(name != "IngestFunction" or "IngestUrl" not in host, host in hosts, (name, host))
            # The front door is made for ingest, and tells it its name with each request.
            self.assertEqual(name != "IngestFunction", "${Api}.execute-api.*" in hosts, name)

    def test_access_logs_lie_where_their_policy_does_not_grow(self):
        name = TRANSLATED["Resources"]["ApiLogs"]["Properties"]["LogGroupName"]["Fn::Sub"]
        self.assertTrue(name.startswith("/aws/vendedlogs/"), name)


class Queues(unittest.TestCase):
    def test_every_queue_has_dead_letters(self):
        behind = []
        for name in TAKEN_FROM:
            redrive = QUEUES[name]["RedrivePolicy"]
            behind.append(target(redrive["deadLetterTargetArn"]))
            self.assertGreaterEqual(redrive["maxReceiveCount"], 5, name)
            self.assertEqual(f"{name.removesuffix('Queue')}DeadLetters", behind[-1])
        self.assertEqual(DEAD_LETTERS, set(behind))

    def test_queues_keep_the_order_of_groups_and_run_groups_side_by_side(self):
        for name in TAKEN_FROM:
            queue = QUEUES[name]
            self.assertIs(True, queue["FifoQueue"], name)
            self.assertTrue(queue["QueueName"]["Fn::Sub"].endswith(".fifo"), name)
            self.assertEqual("messageGroup", queue["DeduplicationScope"], name)
            self.assertEqual("perMessageGroupId", queue["FifoThroughputLimit"], name)
        for name in DEAD_LETTERS:
            self.assertIs(True, QUEUES[name]["FifoQueue"], name)
            self.assertTrue(QUEUES[name]["QueueName"]["Fn::Sub"].endswith("-dead.fifo"), name)
            self.assertEqual(1209600, QUEUES[name]["MessageRetentionPeriod"], name)

    def test_every_queue_is_taken_from_by_one_function(self):
        self.assertEqual(
            sorted(TAKEN_FROM),
            sorted(target(mapping["EventSourceArn"]) for mapping in MAPPINGS.values()),
        )

    def test_messages_stay_invisible_for_the_timeout_and_thirty_seconds(self):
        for mapping in MAPPINGS.values():
            queue, function = target(mapping["EventSourceArn"]), target(mapping["FunctionName"])
            timeout = FUNCTIONS[function]["Timeout"]
            self.assertEqual(QUEUES[queue]["VisibilityTimeout"], timeout + 30, queue)

    def test_a_failed_message_does_not_take_its_batch_with_it(self):
        for name, mapping in MAPPINGS.items():
            self.assertEqual(["ReportBatchItemFailures"], mapping["FunctionResponseTypes"], name)
            self.assertLessEqual(mapping["BatchSize"], 10, name)
            self.assertNotIn("MaximumBatchingWindowInSeconds", mapping, "FIFO queues have none")

    def test_each_priority_has_a_concurrency_of_its_own(self):
        for mapping in MAPPINGS.values():
            limit = target(mapping["ScalingConfig"]["MaximumConcurrency"])
            self.assertEqual(target(mapping["EventSourceArn"]).replace("Queue", "Concurrency"), limit)
            self.assertGreaterEqual(TEMPLATE["Parameters"][limit]["MinValue"], 2, limit)


class Roles(unittest.TestCase):
    def statements(self):
        for name, role in ROLES.items():
            self.assertEqual([], role.get("ManagedPolicyArns", []), f"{name} has permissions that nobody wrote down")
            for policy in role.get("Policies", []):
                policy = policy.get("Fn::If", [None, policy])[1]
                for statement in policy["PolicyDocument"]["Statement"]:
                    yield name, statement
        for policy in ADDED.values():
            for statement in policy["PolicyDocument"]["Statement"]:
                yield target(policy["RoleName"]), statement

    def test_who_reaches_backends_does_so_from_the_subnets_that_were_named(self):
        for function in ("Ingest", "Processor", "Timekeeper"):
            network = FUNCTIONS[f"{function}Function"]["VpcConfig"]
            named = {"SubnetIds": {"Ref": "BackendSubnets"}, "SecurityGroupIds": {"Ref": "BackendSecurityGroups"}}
            self.assertEqual({"Fn::If": ["HasNetwork", named, {"Ref": "AWS::NoValue"}]}, network, function)
        # Lambda refuses a network whose interfaces the role may not make.
        makes = {role for role, it in self.statements() if it.get("Sid") == "Network"}
        self.assertEqual({"IngestRole", "ProcessorRole", "TimekeeperRole"}, makes)
        self.assertNotIn("VpcConfig", FUNCTIONS["NotifierFunction"])
        self.assertEqual("", TEMPLATE["Parameters"]["BackendSubnets"]["Default"])

    def test_only_ingest_opens_passwords_and_only_where_there_is_a_key(self):
        opens = [(role, it) for role, it in self.statements() if any("kms:" in a for a in many(it["Action"]))]
        opens = [(role, it) for role, it in opens if it.get("Sid") != "BackendLoginKey"]
        secrets = [(role, it) for role, it in opens if it.get("Sid") == "BackendSecrets"]
        self.assertEqual({"ProcessorRole", "TimekeeperRole"}, {role for role, _ in secrets})
        for _, statement in secrets:
            # The token that it fetches is shared, encrypted in the same way.
            self.assertEqual(["kms:Decrypt", "kms:Encrypt"], many(statement["Action"]))
            self.assertEqual({"Fn::GetAtt": ["PasswordKey", "Arn"]}, statement["Resource"])
            # What shared/cloud/src/accounts/backends.rs binds a secret to.
            bound = {"StringEquals": {"kms:EncryptionContext:account": "BACKEND"}}
            self.assertEqual(bound, statement["Condition"])
        [(role, tokens)] = [(role, it) for role, it in opens if it.get("Sid") == "BackendTokens"]
        self.assertEqual(("IngestRole", ["kms:Encrypt"]), (role, many(tokens["Action"])))
        self.assertEqual(bound, tokens["Condition"])
        [(role, statement)] = [
            (role, it) for role, it in opens if it.get("Sid") not in ("TablesKey", "BackendSecrets", "BackendTokens")
        ]
        self.assertEqual(("IngestRole", ["kms:Decrypt"]), (role, many(statement["Action"])))
        self.assertEqual({"Fn::GetAtt": ["PasswordKey", "Arn"]}, statement["Resource"])
        # What shared/cloud/src/aws/encrypted_password.rs binds a password to.
        context = set(re.findall(r'encryption_context\("(\w+)"', (ROOT / "shared/cloud/src/aws/encrypted_password.rs").read_text()))
        self.assertEqual({f"kms:EncryptionContext:{it}": "false" for it in context}, statement["Condition"]["Null"])
        conditional = {name for name, it in TRANSLATED["Resources"].items() if it.get("Condition") == "HasPasswordKey"}
        made = {"PasswordKey", "IngestPasswordKey", "ProcessorBackendSecrets", "TimekeeperBackendSecrets"}
        self.assertEqual(made, conditional)
        self.assertEqual("false", TEMPLATE["Parameters"]["PasswordDigest"]["Default"])
        for function in FUNCTIONS.values():
            self.assertEqual(
                {"Fn::If": ["HasPasswordKey", {"Fn::GetAtt": ["PasswordKey", "Arn"]}, ""]},
                function["Environment"]["Variables"]["PASSWORD_KEY"],
            )

    def test_who_logs_in_to_backends_reads_the_secrets_that_were_named_and_no_others(self):
        may_read = [
            (role, it) for role, it in self.statements() if any("secretsmanager:" in a for a in many(it["Action"]))
        ]
        log_in = {"IngestRole", "ProcessorRole", "TimekeeperRole"}
        self.assertEqual(log_in, {role for role, _ in may_read})
        for role, statement in may_read:
            self.assertEqual(["secretsmanager:GetSecretValue"], many(statement["Action"]), role)
            self.assertEqual({"Ref": "BackendSecretArns"}, statement["Resource"], role)
        keys = [(role, it) for role, it in self.statements() if it.get("Sid") == "BackendLoginKey"]
        self.assertEqual(log_in, {role for role, _ in keys})
        for role, statement in keys:
            self.assertEqual(["kms:Decrypt"], many(statement["Action"]), role)
            bound = statement["Condition"]["StringEquals"]
            self.assertEqual({"Ref": "BackendSecretArns"}, bound["kms:EncryptionContext:SecretARN"], role)
            self.assertIn("secretsmanager.", json.dumps(bound["kms:ViaService"]), role)
        for name, it in TRANSLATED["Resources"].items():
            if name.endswith("BackendLogin"):
                self.assertEqual("HasBackendSecrets", it["Condition"], name)

    def test_the_backend_of_the_template_is_none_unless_it_is_named(self):
        for parameter in ("BackendTenant", "BackendUrl", "BackendTokenUrl", "BackendSecretArns"):
            self.assertEqual("", TEMPLATE["Parameters"][parameter]["Default"], parameter)
        self.assertEqual("false", TEMPLATE["Parameters"]["BackendForAllAccounts"]["Default"])
        given = FUNCTIONS["TimekeeperFunction"]["Environment"]["Variables"]
        # There is no first one of none.
        first = {"Fn::Select": [0, {"Ref": "BackendSecretArns"}]}
        self.assertEqual({"Fn::If": ["HasBackend", first, ""]}, given["BACKEND_SECRET_ARN"])
        self.assertEqual({"Fn::If": ["IsBackendOfAll", {"Ref": "BackendName"}, ""]}, given["DEFAULT_BACKEND"])
        for variable, kind in (("BACKEND_URL", "soap"), ("BACKEND_TOKEN_URL", "auth")):
            [condition, of_tenant, own] = given[variable]["Fn::If"]
            self.assertEqual("HasTenant", condition)
            self.assertIn(f"https://${{BackendTenant}}.{kind}.marketingcloudapis.com/", of_tenant["Fn::Sub"])
            self.assertIn(target(own), ("BackendUrl", "BackendTokenUrl"))
        # The limits of what the command says of a backend.
        code = (ROOT / "shared/cloud/src/accounts/backends.rs").read_text()
        limits = dict(re.findall(r"pub const (\w+): u32 = ([\d_]+);", code))
        number = lambda name: int(limits[name].replace("_", ""))
        timeout, objects = TEMPLATE["Parameters"]["BackendTimeout"], TEMPLATE["Parameters"]["BackendObjectsPerCall"]
        self.assertEqual((number("TIMEOUT_S"), number("TIMEOUT_S_MAX")), (timeout["Default"], timeout["MaxValue"]))
        self.assertEqual(
            (number("OBJECTS_PER_CALL"), number("OBJECTS_PER_CALL_MAX")), (objects["Default"], objects["MaxValue"])
        )
        # Who keeps it in the table may write nothing else there.
        [keeps] = [it for role, it in self.statements() if it.get("Sid") == "Backend"]
        self.assertEqual(["dynamodb:PutItem"], many(keeps["Action"]))
        self.assertEqual(["BACKEND#*"], keeps["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"])
        self.assertEqual({"dynamodb:LeadingKeys": "false"}, keeps["Condition"]["Null"])
        self.assertEqual("HasBackend", TRANSLATED["Resources"]["TimekeeperBackend"]["Condition"])

    def test_a_key_of_the_customers_own_is_used_for_tables_alone(self):
        keys = [(role, it) for role, it in self.statements() if it.get("Sid") == "TablesKey"]
        self.assertEqual({f"{name.removesuffix('Function')}Role" for name in FUNCTIONS}, {role for role, _ in keys})
        for role, statement in keys:
            self.assertEqual({"Ref": "TablesKeyArn"}, statement["Resource"], role)
            self.assertIn("dynamodb.", json.dumps(statement["Condition"]["StringEquals"]["kms:ViaService"]), role)
        for name, it in TRANSLATED["Resources"].items():
            if name.endswith("TablesKey"):
                self.assertEqual("HasTablesKey", it["Condition"], name)

    def test_who_faces_the_internet_makes_no_account_and_touches_no_switch(self):
        may = set(allowed.allowed(TRANSLATED["Resources"]))
        writes = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem")
        accounts = (ROOT / "shared/cloud/src/accounts.rs").read_text()
        keys = re.findall(r"^//! \| `?([^|`]+?)`? +\| `(\w+)`", accounts, re.MULTILINE)
        self.assertGreaterEqual(len(keys), 8, keys)
        own = {"TOKEN", "NONCE", "RATE_LIMIT"}
        for role in ROLES:
            for action in writes:
                for key, kind in keys:
                    wanted = role == "IngestRole" and kind in own and action in ("PutItem", "UpdateItem")
                    wanted |= (role, kind, action) == ("TimekeeperRole", "BACKEND", "PutItem")
                    key = "0c4f" if " " in key else key  # hashes are only described
                    can = allowed.is_allowed((role, f"dynamodb:{action}", "AccountsTable", key), may)
                    self.assertEqual(wanted, can, (role, action, key, kind))
        # What a condition of all values says of a request without any.
        [statement] = [it for role, it in self.statements() if it.get("Sid") == "TokensNoncesAndRateLimits"]
        self.assertEqual({"dynamodb:LeadingKeys": "false"}, statement["Condition"]["Null"])

    def test_t02_each_function_has_a_role_of_its_own(self):
        roles = [target(function["Role"]) for function in FUNCTIONS.values()]
        self.assertEqual(len(FUNCTIONS), len(set(roles)), roles)
        self.assertEqual({"ScheduleRole"}, {name for name in ROLES if name not in roles and "Function" not in name})

    def test_t02_no_wildcards(self):
        used = set()
        for role, statement in self.statements():
            where = (role, statement.get("Sid"))
            self.assertEqual("Allow", statement["Effect"], where)
            for action in many(statement["Action"]):
                self.assertNotIn("*", action, where)
            for resource in many(statement["Resource"]):
                if any("*" in text for text in texts(resource)):
                    self.assertIn(where, WILDCARDS, f"{resource}")
                    used.add(where)
                    if resource == "*":
                        self.assertIn(many(statement["Action"]), (["ses:GetAccount"], NETWORK, TRACES), "knows no resource")
                        continue
                    if where[1] == "BackendLoginKey":
                        self.assertIn("kms:EncryptionContext:SecretARN", statement["Condition"]["StringEquals"])
                        continue
                    self.assertRegex(json.dumps(resource), r"\$\{[A-Za-z.]+\}/\*", "within a thing of our own")
        self.assertEqual(set(WILDCARDS), used, "exceptions that nobody needs any more")

    def test_what_is_allowed_is_what_the_code_asks_for(self):
        sources = [path for folder in ("shared/cloud", "functions") for path in (ROOT / folder).rglob("src/**/*.rs")]
        code = "\n".join(path.read_text() for path in sources)
        asked = {action for call, action in ACTIONS.items() if re.search(rf"\b{re.escape(call)}", code)}
        allowed = {action for _, statement in self.statements() for action in many(statement["Action"])}
        self.assertEqual(set(), asked - allowed - PEOPLE_ONLY, "asked for by the code, allowed to nobody")
        self.assertEqual(
            set(), allowed - (asked - PEOPLE_ONLY) - set(WITHOUT_CODE) - set(NETWORK) - set(TRACES), "allowed, but no function's code asks for it"
        )

    def test_schedules_may_only_wake_conversations_up(self):
        allowed = [statement for role, statement in self.statements() if role == "ScheduleRole"]
        self.assertEqual(1, len(allowed))
        self.assertEqual(["sqs:SendMessage"], many(allowed[0]["Action"]))
        self.assertEqual(
            ["HighQueue", "MediumQueue", "LowQueue"], [target(it) for it in many(allowed[0]["Resource"])]
        )

    def test_only_the_schedule_role_is_passed_and_only_to_the_scheduler(self):
        passes = [statement for _, statement in self.statements() if "iam:PassRole" in many(statement["Action"])]
        self.assertEqual(2, len(passes))
        for statement in passes:
            self.assertEqual("ScheduleRole", target(statement["Resource"]))
            self.assertEqual(
                {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}, statement["Condition"]
            )

    def test_only_the_notifier_mails_and_only_as_the_sender_or_its_domain(self):
        mails = [(role, it) for role, it in self.statements() if any("ses:Send" in a for a in many(it["Action"]))]
        self.assertEqual(["NotifierRole"], [role for role, _ in mails])
        *identities, configuration_set = mails[0][1]["Resource"]
        for resource in identities:
            self.assertIn(":identity/${", json.dumps(resource))
            self.assertIn("MailSender", json.dumps(resource))
        self.assertIn(":configuration-set/${MailConfigurationSet}", json.dumps(configuration_set))

    def test_takers_of_a_queue_may_take_and_no_one_else_may(self):
        takers = {}
        for mapping in MAPPINGS.values():
            role = target(FUNCTIONS[target(mapping["FunctionName"])]["Role"])
            takers.setdefault(role, set()).add(target(mapping["EventSourceArn"]))
        allowed = {}
        for role, statement in self.statements():
            if "sqs:ReceiveMessage" in many(statement["Action"]):
                self.assertIn("sqs:DeleteMessage", statement["Action"])
                self.assertIn("sqs:GetQueueAttributes", statement["Action"])
                allowed.setdefault(role, set()).update(target(it) for it in many(statement["Resource"]))
        self.assertEqual(takers, allowed)


class Records(unittest.TestCase):
    def test_tables_are_kept_and_can_be_restored(self):
        self.assertEqual({"CallsTable", "ObjectsTable", "AccountsTable"}, set(TABLES))
        self.assertEqual({}, of_type("AWS::DynamoDB::Table"), "which cannot become a global one later")
        for name, table in TABLES.items():
            resource = TRANSLATED["Resources"][name]
            self.assertEqual("RetainExceptOnCreate", resource["DeletionPolicy"], name)
            self.assertEqual("Retain", resource["UpdateReplacePolicy"], name)
            # Objects stay until they are deleted.
            expires = {"AttributeName": "expires_at", "Enabled": True}
            self.assertEqual(expires, table["TimeToLiveSpecification"], name)
            self.assertEqual("PAY_PER_REQUEST", table["BillingMode"])
            self.assertEqual(
                [("pk", "HASH"), ("sk", "RANGE")], [(it["AttributeName"], it["KeyType"]) for it in table["KeySchema"]]
            )
            [replica] = table["Replicas"]
            self.assertEqual({"Ref": "AWS::Region"}, replica["Region"], name)
            self.assertEqual({"PointInTimeRecoveryEnabled": True}, replica["PointInTimeRecoverySpecification"])
            self.assertEqual({"Fn::If": ["IsProtected", True, False]}, replica["DeletionProtectionEnabled"])

    def test_a_first_deployment_that_fails_takes_its_tables_back(self):
        self.assertEqual("false", TEMPLATE["Parameters"]["DeletionProtection"]["Default"])

    def test_tables_and_a_bucket_that_are_there_can_be_attached(self):
        for name in (*TABLES, *of_type("AWS::S3::Bucket")):
            made, existing = f"Makes{name}", f"Existing{name}"
            self.assertEqual(made, TRANSLATED["Resources"][name]["Condition"])
            self.assertEqual("", TEMPLATE["Parameters"][existing]["Default"])
            # Nothing but its own policy is to name it without naming the other.
            rest = {key: it for key, it in TRANSLATED["Resources"].items() if it.get("Condition") != made}
            text = json.dumps([rest, TRANSLATED["Outputs"]])
            named = re.findall(rf'(?:"(?:Ref|Fn::GetAtt)": \[?"{name}"|\$\{{{name}[.}}])', text)
            self.assertEqual(len(named), len(re.findall(rf'"Fn::If": \["{made}", ', text)), name)
            self.assertLess(1, len(named), name)
        # A role may do with what is attached what it may do with the stack's own.
        for role, statement in self.roles():
            for resource in many(statement["Resource"]):
                if "Fn::If" in resource:
                    condition, own, attached = resource["Fn::If"]
                    self.assertIn(f"${{Existing{condition.removeprefix('Makes')}}}", json.dumps(attached), role)
                    for tail in ("/index/due", "/index/account", "/*"):
                        self.assertEqual(tail in json.dumps(own), tail in json.dumps(attached), (role, resource))

    @staticmethod
    def roles():
        return Roles().statements()

    def test_the_indexes_have_nothing_but_keys(self):
        indexes = [
            (name, index["IndexName"], [it["AttributeName"] for it in index["KeySchema"]], index["Projection"])
            for name, table in TABLES.items()
            for index in table.get("GlobalSecondaryIndexes", [])
        ]
        keys_only = {"ProjectionType": "KEYS_ONLY"}
        due = ("CallsTable", "due", ["due_shard", "due_at"], keys_only)
        account = ("CallsTable", "account", ["account_share", "opened_at"], keys_only)
        failed = ("CallsTable", "failed", ["failed_share", "failed_at"], keys_only)
        self.assertEqual([due, account, failed], indexes)

    def test_bodies_outlive_the_results_that_need_them(self):
        rule = TRANSLATED["Resources"]["BodiesBucket"]["Properties"]["LifecycleConfiguration"]["Rules"][0]
        results = TEMPLATE["Parameters"]["ResultsDays"]["MaxValue"]
        record = (ROOT / "shared/cloud/src/records/call_record.rs").read_text()
        [kept_longer] = re.findall(r"EXTRA_RETENTION: SignedDuration = SignedDuration::from_hours\(24 \* (\d+)\)", record)
        self.assertGreaterEqual(rule["ExpirationInDays"], results + int(kept_longer))

    def test_t04_what_is_at_rest_is_encrypted(self):
        # Tables always are; with a key of AWS's own for nothing, with a customer's if they name one.
        self.assertEqual("", TEMPLATE["Parameters"]["TablesKeyArn"]["Default"])
        for name, table in TABLES.items():
            asked, key = table["SSESpecification"]["Fn::If"][:2]
            self.assertEqual(("HasTablesKey", {"SSEEnabled": True, "SSEType": "KMS"}), (asked, key), name)
            self.assertEqual(
                {"KMSMasterKeyId": {"Ref": "TablesKeyArn"}}, table["Replicas"][0]["SSESpecification"]["Fn::If"][1]
            )
        for name, queue in QUEUES.items():
            self.assertIs(True, queue["SqsManagedSseEnabled"], name)
        for name, bucket in of_type("AWS::S3::Bucket").items():
            self.assertTrue(bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"], name)

    def test_t04_the_bucket_is_private(self):
        bucket = TRANSLATED["Resources"]["BodiesBucket"]["Properties"]
        self.assertEqual({True}, set(bucket["PublicAccessBlockConfiguration"].values()))
        self.assertEqual(4, len(bucket["PublicAccessBlockConfiguration"]))

    def test_the_bucket_drops_what_has_the_tag_that_the_code_writes(self):
        source = (ROOT / "shared/cloud/src/aws/large_bodies.rs").read_text()
        [(name, value)] = re.findall(r'const EXPIRES: &str = "(\w+)=(\w+)"', source)
        bucket = TRANSLATED["Resources"]["BodiesBucket"]["Properties"]
        expiring = [it for it in bucket["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in it]
        tagged = [it["TagFilters"] for it in expiring if "TagFilters" in it]
        self.assertEqual([[{"Key": name, "Value": value}]], tagged)
        others = [it for it in expiring if "TagFilters" not in it]
        self.assertEqual(["extract/"], [it["Prefix"] for it in others], "nothing else expires by its age alone")

    def test_t04_queues_and_buckets_are_there_only_over_tls(self):
        denied = {}
        for policy in of_type("AWS::SQS::QueuePolicy").values():
            denied.update({target(queue): ("sqs:*", policy) for queue in policy["Queues"]})
        for policy in of_type("AWS::S3::BucketPolicy").values():
            denied[target(policy["Bucket"])] = ("s3:*", policy)
        self.assertEqual({*QUEUES, *of_type("AWS::S3::Bucket")}, set(denied))
        for name, (action, policy) in denied.items():
            [statement] = [it for it in policy["PolicyDocument"]["Statement"] if it["Effect"] == "Deny"]
            said = (statement["Effect"], statement["Principal"], statement["Action"])
            self.assertEqual(("Deny", "*", action), said, name)
            self.assertEqual({"Bool": {"aws:SecureTransport": "false"}}, statement["Condition"], name)
            objects = [it for it in many(statement["Resource"]) if "/*" in json.dumps(it)]
            self.assertEqual(action == "s3:*", bool(objects), f"{name}: the bucket and what is in it")


class Stacks(unittest.TestCase):
    NAMING = ("QueueName", "LogGroupName", "TableName", "BucketName", "FunctionName", "RoleName", "Name")

    def test_a_second_stack_finds_no_name_taken(self):
        named = 0
        for name, it in TRANSLATED["Resources"].items():
            for key in set(self.NAMING) & set(it["Properties"]):
                value = it["Properties"][key]
                if target(value) in {*FUNCTIONS, *ROLES, *of_type("AWS::Logs::LogGroup")} or it["Type"] == "AWS::Route53::RecordSet":
                    continue  # a reference to a thing, or the name that the owner gave
                self.assertIn("AWS::StackName", json.dumps(value), f"{name}: {key}")
                named += 1
        self.assertGreaterEqual(named, 13)

    def test_what_costs_money_is_tagged(self):
        mark = {"Key": "application", "Value": "aftercall"}
        for kind in ("SQS::Queue", "S3::Bucket", "Lambda::Function"):
            for name, it in of_type(f"AWS::{kind}").items():
                self.assertIn(mark, it.get("Tags", []), name)
        for name, table in TABLES.items():
            self.assertIn(mark, table["Replicas"][0].get("Tags", []), name)

    def test_outputs_tell_what_clients_and_the_operator_need(self):
        outputs = TEMPLATE["Outputs"]
        for name, path in (("SoapUrl", "/Service.asmx"), ("WsdlUrl", "/etframework.wsdl"), ("TokenUrl", "/v2/token"), ("HealthUrl", "/health")):
            either = [text for text in texts(outputs[name]["Value"]) if text.startswith("https://") or "${Api" in text]
            self.assertEqual(2, len(either), name)
            self.assertTrue(all(text.endswith(path) for text in either), name)
            # It ends with a slash by itself.
            [of_url] = [text for text in texts(outputs[name]["Value"]) if "IngestUrl" in text]
            self.assertEqual("${IngestUrl.FunctionUrl}" + path.removeprefix("/"), of_url)
        for name in ("CallsTable", "ObjectsTable", "AccountsTable", "BodiesBucket"):
            self.assertEqual(name, target(outputs[name]["Value"]))

    def test_an_own_address_is_optional(self):
        for name, it in TRANSLATED["Resources"].items():
            if it["Type"].startswith(("AWS::Route53", "AWS::ApiGatewayV2::DomainName", "AWS::ApiGatewayV2::ApiMapping")):
                self.assertIn(it.get("Condition"), ("HasDomain", "HasHostedZone"), name)

    def test_samconfig_answers_what_sam_asks(self):
        config = tomllib.loads((ROOT / "samconfig.toml").read_text())["default"]
        self.assertEqual("CAPABILITY_IAM", config["deploy"]["parameters"]["capabilities"])
        self.assertTrue(config["global"]["parameters"]["stack_name"])
        self.assertTrue(config["build"]["parameters"]["build_in_source"])


class Building(unittest.TestCase):
    def built_with(self, samconfig, *arguments):
        """What cargo and sam are asked for."""
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "infra").mkdir()
            shutil.copy(ROOT / "infra/build", root / "infra/build")
            (root / "samconfig.toml").write_text(samconfig)
            for name in ("cargo", "sam"):
                (root / name).write_text(f'#!/bin/sh\necho "{name} $*"\n')
                (root / name).chmod(0o755)
            environment = {"PATH": f"{root}:/usr/bin:/bin", "CARGO_TARGET_DIR": folder}
            done = subprocess.run(
                [root / "infra/build", *arguments], env=environment, capture_output=True, text=True, check=True
            )
        cargo, sam = done.stdout.splitlines()
        return "x86_64" if "--arm64" not in cargo else "arm64", sam

    def test_the_processor_of_the_first_deployment_is_that_of_the_second(self):
        plain = (ROOT / "samconfig.toml").read_text()
        self.assertEqual(("arm64", "sam build"), self.built_with(plain))
        override = "--parameter-overrides Architecture="
        guided = plain + 'parameter_overrides = "MailSender=\\"a@b.example\\" Architecture=\\"x86_64\\""\n'
        self.assertEqual(("x86_64", f"sam build {override}x86_64"), self.built_with(guided))
        # What is asked for goes before what was.
        asked = ("--parameter-overrides", "Architecture=arm64")
        self.assertEqual(("arm64", f"sam build {override}arm64"), self.built_with(guided, *asked))
        asked = ("--parameter-overrides", "Architecture=x86_64")
        self.assertEqual(("x86_64", f"sam build {override}x86_64"), self.built_with(plain, *asked))
        self.assertEqual("arm64", self.built_with(plain + '# Architecture=x86_64\n')[0])


class Texts(unittest.TestCase):
    def test_schedule_expressions(self):
        schedules = of_type("AWS::Scheduler::Schedule")
        self.assertEqual(["TimekeeperFunctionMinute"], list(schedules))
        for name, schedule in schedules.items():
            expression = schedule["ScheduleExpression"]
            found = re.fullmatch(r"rate\((\d+) (minute|minutes|hour|hours|day|days)\)", expression)
            self.assertTrue(found, f"{name}: {expression}")
            self.assertEqual(found.group(1) != "1", found.group(2).endswith("s"), f"{name}: {expression}")

    def test_json_inside_strings(self):
        found = 0
        for text in texts(TRANSLATED["Resources"]):
            if text.lstrip().startswith(("{", "[")) and not text.startswith("{ $."):
                json.loads(re.sub(r"\$\{[^}]*\}", "x", text))
                found += 1
        self.assertGreaterEqual(found, 1, "the access log's format at least")

    def test_descriptions_are_sentences_without_secrets(self):
        for name, parameter in TEMPLATE["Parameters"].items():
            self.assertRegex(parameter["Description"], r"^[A-Z].*\.$|^[A-Z].*[a-z]$", name)

    def test_only_the_mail_sender_needs_an_answer(self):
        without = [name for name, parameter in TEMPLATE["Parameters"].items() if "Default" not in parameter]
        self.assertEqual(["MailSender"], without)

    def test_the_form_asks_for_every_parameter_once(self):
        groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
        asked = [name for group in groups for name in group["Parameters"]]
        self.assertEqual(sorted(TEMPLATE["Parameters"]), sorted(asked))


class Alarms(unittest.TestCase):
    @staticmethod
    def looks(alarm):
        """Each metric that an alarm looks at: of what, and which."""
        for metric in [it["MetricStat"]["Metric"] for it in alarm.get("Metrics", []) if "MetricStat" in it] or [alarm]:
            of = [behind_the_api(it).get("Value") for it in metric.get("Dimensions", [])]
            yield "/".join(target(it) or it for it in of), behind_the_api(metric["MetricName"])

    def test_every_thing_that_can_fail_is_watched(self):
        watched = {look for alarm in ALARMS.values() for look in self.looks(alarm)}
        expected = {(name, "ApproximateNumberOfMessagesVisible") for name in QUEUES}
        expected |= {(name, "NumberOfMessagesDeleted") for name in TAKEN_FROM}
        expected |= {(name, metric) for name in FUNCTIONS for metric in ("Errors", "Throttles")}
        expected |= {(name, f"{it}ThrottleEvents") for name in (*TABLES, "CallsTable/due") for it in ("Read", "Write")}
        expected |= {("TimekeeperFunction", "Invocations"), ("Api", "Count"), ("Api", "4xx")}
        expected |= {("", "OldestDueSeconds"), ("", "Unanswered"), ("", "SchedulesFailed"), ("", "BackendNotReady")}
        expected |= {("", f"OldestDue{priority}") for priority in ("High", "Medium", "Low")}
        expected |= {("", name) for name in ("CarriedOut", "CallsFailed", "LoginsFailed")}
        expected |= {("", f"Replies{result}") for result in ("Delivered", "Failed", "GivenUp")}
        expected |= {("", f"{what}Unknown") for what in ("Calls", "Mails", "Texts")}
        self.assertEqual(expected, watched)

    def test_nobody_is_called_for_nothing(self):
        for name, alarm in ALARMS.items():
            # The age of the oldest message counts those in flight: calls that are held until their time.
            self.assertNotIn("ApproximateAgeOfOldestMessage", json.dumps(alarm), name)
            wanted = "breaching" if name == "TimekeeperSilentAlarm" else "notBreaching"
            self.assertEqual(wanted, alarm["TreatMissingData"], name)
            periods = [it["MetricStat"]["Period"] for it in alarm.get("Metrics", []) if "MetricStat" in it]
            for period in periods or [alarm["Period"]]:
                self.assertGreaterEqual(period, MINUTE, name)

    def test_a_timekeeper_that_is_dead_is_missed(self):
        alarm = ALARMS["TimekeeperSilentAlarm"]
        self.assertEqual(("LessThanThreshold", 1, "Sum"), tuple(alarm[it] for it in ("ComparisonOperator", "Threshold", "Statistic")))
        self.assertEqual(300, alarm["Period"] * alarm["EvaluationPeriods"])

    def test_what_is_looked_for_in_logs_is_what_is_logged(self):
        code = "\n".join(path.read_text() for folder in ("shared", "functions") for path in (ROOT / folder).rglob("src/**/*.rs"))
        filters = of_type("AWS::Logs::MetricFilter")
        looked_at = {metric for alarm in ALARMS.values() for _, metric in self.looks(alarm)}
        self.assertEqual(set(), {it["MetricTransformations"][0]["MetricName"] for it in filters.values()} & METRICS)
        for name, it in filters.items():
            phrase = it["FilterPattern"].strip('"')
            if found := re.fullmatch(r"\{ \$\.(\w+) = \* \}", it["FilterPattern"]):
                self.assertRegex(code, rf"\b{found.group(1)}\b", name)
            else:
                self.assertIn(phrase, code, name)
            [transformation] = it["MetricTransformations"]
            self.assertIn(transformation["MetricName"], looked_at, name)
            self.assertEqual({"Fn::Sub": "Aftercall/${AWS::StackName}"}, transformation["MetricNamespace"])

    def test_every_alarm_links_to_its_section_for_the_operator(self):
        sections = {}
        for section in re.split(r"^#+ ", OPERATING, flags=re.MULTILINE)[1:]:
            title = section.splitlines()[0]
            sections[re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")] = section
        for name, alarm in ALARMS.items():
            found = re.fullmatch(r"[A-Z].*\. See docs/operating\.md#([a-z-]+)", alarm["AlarmDescription"])
            self.assertTrue(found, f"{name}: {alarm['AlarmDescription']}")
            self.assertIn(found.group(1), sections, name)
            self.assertIn(f"`{name}`", sections[found.group(1)], name)
        named = set(re.findall(r"`(\w+Alarm)`", OPERATING)) - set(TEMPLATE["Parameters"])
        self.assertEqual(set(), named - set(ALARMS), "alarms that are no more")


class Measured(unittest.TestCase):
    """What the functions count, its dashboard and its switch."""

    TEXT, MAP = of_type("AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"]
    BODY = json.loads(re.sub(r"\$\{!?([^}]*)\}", r"<\1>", TEXT))
    PROPERTIES = [widget["properties"] for widget in BODY["widgets"]]
    SHOWN = [it for properties in PROPERTIES for it in properties.get("metrics", [])]
    NAMESPACE = "Aftercall/<AWS::StackName>"

    def test_all_that_is_counted_is_on_the_dashboard_and_nothing_else(self):
        own = {it[1] for it in self.SHOWN if it[0] == self.NAMESPACE}
        searched = " ".join(it[0]["expression"] for it in self.SHOWN if isinstance(it[0], dict) and "SEARCH" in it[0]["expression"])
        self.assertIn(f'{{"{self.NAMESPACE}",Code}}', searched)
        own |= set(re.findall(r'MetricName="(\w+)"', searched))
        filtered = {it["MetricTransformations"][0]["MetricName"] for it in of_type("AWS::Logs::MetricFilter").values()}
        self.assertEqual(METRICS, own - filtered)
        # Without these dimensions there would be no data.
        for it in self.SHOWN:
            if it[0] == self.NAMESPACE:
                dimensions = [part for part in it[2:] if isinstance(part, str)]
                self.assertEqual("Function" if it[1] == "ColdStarts" else None, next(iter(dimensions), None), it)
        functions = {it[3] for it in self.SHOWN if it[:2] == [self.NAMESPACE, "ColdStarts"]}
        self.assertEqual({name.removesuffix("Function").lower() for name in FUNCTIONS}, functions)

    def test_expressions_of_the_dashboard_use_what_is_there(self):
        for properties in self.PROPERTIES:
            given = {it[-1]["id"] for it in properties.get("metrics", []) if isinstance(it[-1], dict) and "id" in it[-1]}
            used = {
                name
                for it in properties.get("metrics", []) if isinstance(it[0], dict) and "SEARCH" not in it[0]["expression"]
                for name in re.findall(r"\b[a-z][a-z_]*\b", it[0]["expression"])
            }
            self.assertEqual(given, used, properties["title"])

    def test_what_the_dashboard_names_is_there(self):
        named = set(re.findall(r"\$\{([A-Za-z]+)", self.TEXT)) - {"AWS"}
        there = {*TRANSLATED["Resources"], *self.MAP}
        self.assertEqual(set(), named - there)
        for name, value in self.MAP.items():
            if name.startswith("FrontDoor"):
                self.assertEqual("HasFunctionUrl", value["Fn::If"][0], name)
            else:
                self.assertEqual(name.removesuffix("Name"), target(value))

    def test_the_dashboard_shows_the_front_door_that_is_open(self):
        api = {name: value["Fn::If"][2] for name, value in self.MAP.items() if name.startswith("FrontDoor")}
        url = {name: value["Fn::If"][1] for name, value in self.MAP.items() if name.startswith("FrontDoor")}
        names = [f"FrontDoor{it}" for it in ("", "Requests", "Refused", "Failed", "Latency", "Dimension")]
        self.assertEqual(["AWS/ApiGateway", "Count", "4xx", "5xx", "Latency", "ApiId"], [api[it] for it in names])
        self.assertEqual(
            ["AWS/Lambda", "UrlRequestCount", "Url4xxCount", "Url5xxCount", "UrlRequestLatency", "FunctionName"],
            [url[it] for it in names],
        )
        self.assertEqual(({"Ref": "Api"}, {"Ref": "IngestFunction"}), (api["FrontDoorId"], url["FrontDoorId"]))
        # AWS bills the invocation alone.
        self.assertEqual(0.0, float(url["FrontDoorPrice"]))

    def test_the_dashboard_shows_every_alarm(self):
        [shown] = [it["alarms"] for it in self.PROPERTIES if "alarms" in it]
        self.assertEqual(sorted(f"<{name}.Arn>" for name in ALARMS), sorted(shown))

    def test_the_estimate_is_made_with_the_list_prices(self):
        source = (ROOT / "infra/local/src/prices.rs").read_text()
        prices = {name: float(price) for name, price in re.findall(r"pub const (\w+): f64 = ([\d.]+);", source)}
        [estimate] = [it["metrics"] for it in self.PROPERTIES if "price" in it["title"]]
        text = " ".join(it[0]["expression"] for it in estimate if isinstance(it[0], dict))
        text = text.replace("<FrontDoorPrice>", self.MAP["FrontDoorPrice"]["Fn::If"][2])
        memory = {function["MemorySize"] / 1024 for function in FUNCTIONS.values()}
        # What is divided by makes milliseconds seconds, and a price of a million one of each.
        factors = [float(it) for it in re.findall(r"\* ([\d.]+)", text)]
        names = ("WRITE_UNIT", "READ_UNIT", "HTTP_REQUEST", "INVOCATION", "GB_SECOND", "FIFO_REQUEST")
        self.assertEqual(sorted([*memory, *(prices[name] for name in names)]), sorted(factors))
        self.assertEqual({"1000000", "1000"}, set(re.findall(r"/ (\d+)", text)))
        # All that is billed by these: each table with its indexes, each function, each queue.
        of = {tuple(part for part in it[1:] if isinstance(part, str)) for it in estimate if isinstance(it[0], str)}
        for kind in ("Write", "Read"):
            unit = f"Consumed{kind}CapacityUnits"
            for table in TABLES:
                self.assertIn((unit, "TableName", f"<{table}Name>"), of)
                for index in TABLES[table].get("GlobalSecondaryIndexes", []):
                    self.assertIn((unit, "TableName", f"<{table}Name>", "GlobalSecondaryIndexName", index["IndexName"]), of)
        for function in FUNCTIONS:
            for metric in ("Invocations", "Duration"):
                self.assertIn((metric, "FunctionName", f"<{function}>"), of)
        for queue in TAKEN_FROM:
            for what in ("MessagesSent", "MessagesReceived", "MessagesDeleted", "EmptyReceives"):
                self.assertIn((f"NumberOf{what}", "QueueName", f"<{queue}.QueueName>"), of)

    def test_one_parameter_turns_metrics_dashboard_and_their_alarms_off(self):
        switched = {name for name, it in TRANSLATED["Resources"].items() if it.get("Condition") == "HasMetrics"}
        on_them = {name for name, it in ALARMS.items() if {metric for _, metric in Alarms.looks(it)} & METRICS}
        self.assertEqual({"Dashboard", *on_them}, switched)
        self.assertEqual("HasMetrics", TEMPLATE["Outputs"]["DashboardUrl"]["Condition"])
        namespace = {"Fn::Sub": "Aftercall/${AWS::StackName}"}
        for function in FUNCTIONS.values():
            given = function["Environment"]["Variables"]["METRICS_NAMESPACE"]
            self.assertEqual({"Fn::If": ["HasMetrics", namespace, ""]}, given)
        for name in on_them:
            own = [it["MetricStat"]["Metric"] for it in ALARMS[name].get("Metrics", []) if "MetricStat" in it] or [ALARMS[name]]
            self.assertEqual([namespace] * len(own), [it["Namespace"] for it in own], name)

    def test_tracing_is_off_until_it_is_asked_for(self):
        self.assertEqual("false", TEMPLATE["Parameters"]["Tracing"]["Default"])
        for name, function in FUNCTIONS.items():
            self.assertEqual({"Fn::If": ["HasTracing", "Active", "PassThrough"]}, function["TracingConfig"]["Mode"], name)
        for function in FUNCTIONS:
            role = f"{function.removesuffix('Function')}Role"
            asked = [it["Fn::If"] for it in ROLES[role]["Policies"] if it.get("Fn::If", [""])[0] == "HasTracing"]
            self.assertEqual(1, len(asked), role)
            [statement] = asked[0][1]["PolicyDocument"]["Statement"]
            self.assertEqual(TRACES, statement["Action"], role)


class Secrets(unittest.TestCase):
    def test_no_account_number_and_no_key(self):
        text = Path(os.environ["TEMPLATE"]).read_text() + (ROOT / "samconfig.toml").read_text()
        self.assertNotRegex(text, r"\b\d{12}\b")
        self.assertNotRegex(text, r"AKIA[A-Z0-9]{16}")


if __name__ == "__main__":
    unittest.main()
