"""Whether the roles of the template allow what the functions were seen to do.

Usage: allowed.py TRANSLATED RECORD, where each line of RECORD is: function, action, what it was done to.
"""

import json
import sys
from pathlib import Path

# What the local cloud calls the things of the template.
NAMES = {
    "aftercall-calls": "CallsTable",
    "aftercall-calls/index/due": "CallsTable/index/due",
    "aftercall-objects": "ObjectsTable",
    "aftercall-accounts": "AccountsTable",
    "aftercall-high.fifo": "HighQueue",
    "aftercall-medium.fifo": "MediumQueue",
    "aftercall-low.fifo": "LowQueue",
    "aftercall-replies.fifo": "RepliesQueue",
    "aftercall-bodies": "BodiesBucket",
    "aftercall": "ScheduleGroup",
    "11111111-2222-3333-4444-555555555555": "PasswordKey",
}

# Without these, what was seen says too little.
EXPECTED = {
    ("IngestRole", "dynamodb:PutItem", "CallsTable"),
    ("IngestRole", "dynamodb:UpdateItem", "AccountsTable"),
    ("IngestRole", "kms:Decrypt", "PasswordKey"),
    ("IngestRole", "sqs:SendMessage", "MediumQueue"),
    ("ProcessorRole", "dynamodb:PutItem", "ObjectsTable"),
    ("NotifierRole", "dynamodb:GetItem", "ObjectsTable"),
    ("NotifierRole", "ses:SendEmail", "MailSender"),
    ("NotifierRole", "ses:GetAccount", "account"),
    ("TimekeeperRole", "dynamodb:Query", "CallsTable/index/due"),
}


def names(resource):
    """Which thing of the template a statement's resource is."""
    text = json.dumps(resource)
    if resource == "*":
        return "account"
    if "/index/due" in text:
        return "CallsTable/index/due"
    if "MailSender" in text:
        return "MailSender"
    if "ScheduleGroup" in text:
        return "ScheduleGroup"
    if "Fn::GetAtt" in resource:
        return resource["Fn::GetAtt"][0]
    return text.split("${")[-1].split(".")[0]


def allowed(resources):
    for name, resource in resources.items():
        if resource["Type"] != "AWS::IAM::Role":
            continue
        for policy in resource["Properties"].get("Policies", []):
            yield from in_policy(name, policy)
    for resource in resources.values():
        if resource["Type"] == "AWS::IAM::RolePolicy":
            yield from in_policy(resource["Properties"]["RoleName"]["Ref"], resource["Properties"])


def in_policy(role, policy):
    for statement in policy["PolicyDocument"]["Statement"]:
        for action in as_list(statement["Action"]):
            for it in as_list(statement["Resource"]):
                yield role, action, names(it)


def as_list(value):
    return value if isinstance(value, list) else [value]


def main():
    may = set(allowed(json.loads(Path(sys.argv[1]).read_text())["Resources"]))
    seen = {tuple(line.split(" ")) for line in Path(sys.argv[2]).read_text().splitlines()}
    did = {
        (f"{function.capitalize()}Role", action, NAMES.get(what, "MailSender" if "@" in what else what))
        for function, action, what in seen
    }
    for role, action, what in sorted(did - may):
        print(f"NOT ALLOWED: {role} did {action} on {what}")
    for role, action, what in sorted(EXPECTED - did):
        print(f"NOT SEEN, but expected: {role} {action} on {what}")
    ours = ("dynamodb:", "scheduler:", "ses:SendEmail", "s3:GetObject", "s3:PutObject", "sqs:SendMessage", "kms:")
    for role, action, what in sorted(may - did):
        if action.startswith(ours) and role != "ScheduleRole":
            print(f"allowed, not seen: {role} {action} on {what}")
    print(f"{len(did)} kinds of requests were seen, by {len({role for role, _, _ in did})} functions")
    sys.exit(1 if did - may or EXPECTED - did else 0)


main()
