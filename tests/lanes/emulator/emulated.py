"""The template as the emulator takes it. Whatever is bent or added here is listed, so that the lane
can say what it did not judge.
"""

import re

# Everything that a real account would do and the emulator does not, whether or not it is bent here.
FALLS_SHORT = [
    "schedules fire every 10 s, without a retry and without a look at their role",
    "FIFO queues are drained one batch at a time: MaximumConcurrency is not judged",
    "callbacks go to http and to loopback: ALLOW_HTTP_CALLBACKS is added to the variables",
    "functions find AWS by AWS_ENDPOINT_URL, mails by AWS_ENDPOINT_URL_SESV2: both are added to the variables",
    "mails are judged by the emulator and kept by a local server, since the emulator throws raw mails away",
    "LogFormat is not told to the functions: AWS_LAMBDA_LOG_FORMAT is added to the variables",
    "a table's expiry is not taken from the template; tests/lanes/template looks at it",
    "certificates, throttling, access logs, alarms, the dashboard, traces, encryption and restoring are accepted, not carried out",
    "global tables become plain ones: replicas, with deletion protection and backup, are not looked at",
    "log lines are kept, but make no metrics",
]


def bent(template, code, variables):
    """The template with the functions' code and more variables; and what had to be bent."""
    bends = []
    resources = template["Resources"]
    for name in list(resources):
        it = resources[name]
        if it["Type"] == "AWS::Lambda::Function":
            it["Properties"]["Code"] = code[name]
            it["Properties"]["Environment"]["Variables"].update(variables)
            if it["Properties"]["LoggingConfig"]["LogFormat"] == "JSON":
                it["Properties"]["Environment"]["Variables"]["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
        if it["Type"] == "AWS::IAM::Role":
            bends += rights(it["Properties"].get("Policies", []), name)
        if it["Type"] in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"):
            bends += without_tls(it["Properties"]["PolicyDocument"]["Statement"], name)
        if it["Type"] == "AWS::ApiGatewayV2::Api":
            bends += routes_of_its_own(resources, name)
        if it["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in it["Properties"]:
            bends += of_one_metric(it["Properties"], name)
        if it["Type"] == "AWS::IAM::RolePolicy":
            bends += into_its_role(resources, name)
    return template, bends


def of_one_metric(alarm, name):
    """The emulator does not know alarms that reckon with several metrics."""
    first = next(it["MetricStat"] for it in alarm.pop("Metrics") if "MetricStat" in it)
    alarm.update({**first["Metric"], "Statistic": first["Stat"], "Period": first["Period"]})
    return [f"{name} reckons with several metrics, which it does not know: looks at the first alone"]


def into_its_role(resources, name):
    """The emulator does not know policies that stand beside their role."""
    added = resources.pop(name)
    policy = {key: added["Properties"][key] for key in ("PolicyName", "PolicyDocument")}
    if "Condition" in added:
        policy = {"Fn::If": [added["Condition"], policy, {"Ref": "AWS::NoValue"}]}
    role = added["Properties"]["RoleName"]["Ref"]
    resources[role]["Properties"]["Policies"].append(policy)
    return [f"{name} is no resource that it knows: moved into {role}"]


def routes_of_its_own(resources, api):
    """The emulator does not read the Body of an API: what SAM wrote there becomes resources."""
    body = resources[api]["Properties"].pop("Body")
    resources[api]["Properties"].update({"ProtocolType": "HTTP", "Name": body["info"]["title"]})
    bends = []
    for path, methods in body["paths"].items():
        for method, what in methods.items():
            asked = what["x-amazon-apigateway-integration"]
            key = "$default" if path == "$default" else f"{method_of(method)} {path}"
            stem = re.sub(r"[^A-Za-z0-9]", "", f"{api}{key}")
            resources[f"{stem}Integration"] = {
                "Type": "AWS::ApiGatewayV2::Integration",
                "Properties": {
                    "ApiId": {"Ref": api},
                    "IntegrationType": asked["type"].upper(),
                    "IntegrationMethod": asked["httpMethod"],
                    "IntegrationUri": asked["uri"],
                    "PayloadFormatVersion": asked["payloadFormatVersion"],
                },
            }
            resources[f"{stem}Route"] = {
                "Type": "AWS::ApiGatewayV2::Route",
                "Properties": {
                    "ApiId": {"Ref": api},
                    "RouteKey": key,
                    "Target": {"Fn::Join": ["/", ["integrations", {"Ref": f"{stem}Integration"}]]},
                },
            }
            bends.append(f"the API's route {key} stands in its OpenAPI body, which is not read: made a Route and an Integration")
    return bends


def rights(policies, role):
    """Where the emulator asks for another right than AWS does."""
    bends = []
    for policy in policies:
        document = policy.get("PolicyDocument") or policy["Fn::If"][1]["PolicyDocument"]
        for statement in document["Statement"]:
            if statement["Action"] == "sqs:SendMessage":
                statement["Action"] = ["sqs:SendMessage", "sqs:SendMessageBatch"]
                bends.append(f"{role} gets sqs:SendMessageBatch, which in AWS is part of sqs:SendMessage")
            if "sqs:DeleteMessage" in statement["Action"]:
                statement["Action"] = [*statement["Action"], "sqs:DeleteMessageBatch", "sqs:ChangeMessageVisibilityBatch"]
                bends.append(f"{role} gets the batches of sqs:DeleteMessage and of sqs:ChangeMessageVisibility, which in AWS are part of these")
            if "dynamodb:LeadingKeys" in str(statement.get("Condition")):
                del statement["Condition"]
                bends.append(f"{role} may write any record of the table, since the emulator does not tell keys: tests/lanes/template/roles does")
            if "ses:SendEmail" in statement["Action"]:
                statement["Resource"] = "*"
                bends.append(f"{role} may mail as anybody, since the emulator looks at no identity")
            if statement["Action"] == "scheduler:CreateSchedule":
                statement["Resource"] = "*"
                bends.append(f"{role} may make schedules in any group, since the emulator takes each for one of the default group")
    return bends


def without_tls(statements, name):
    """The emulator speaks plain HTTP."""
    denied = [it for it in statements if it["Effect"] == "Deny" and "aws:SecureTransport" in str(it["Condition"])]
    for statement in denied:
        statement["Condition"] = {"Bool": {"aws:SecureTransport": "never"}}
    return [f"{name} refuses plain HTTP, which is all that the emulator speaks: taken out"] if denied else []


def method_of(name):
    return "ANY" if name == "x-amazon-apigateway-any-method" else name.upper()
