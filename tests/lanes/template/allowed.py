"""Whether the roles of the template allow what the functions were seen to do.

Usage: allowed.py TRANSLATED RECORD, where each line of RECORD is: function, action, what it was done to,
and, of a record whose key has one, the beginning of the key up to its `#`.
"""

import fnmatch
import json
import sys
from pathlib import Path

# What the local cloud calls the things of the template.
NAMES = {
    "aftercall-calls": "CallsTable",
    "aftercall-calls/index/due": "CallsTable/index/due",
    "aftercall-calls/index/account": "CallsTable/index/account",
    "aftercall-objects": "ObjectsTable",
    "aftercall-accounts": "AccountsTable",
    "aftercall-high.fifo": "HighQueue",
    "aftercall-medium.fifo": "MediumQueue",
    "aftercall-low.fifo": "LowQueue",
    "aftercall-replies.fifo": "RepliesQueue",
    "aftercall-bodies": "BodiesBucket",
    "aftercall": "ScheduleGroup",
    "11111111-2222-3333-4444-555555555555": "PasswordKey",
    "+12065550100": "TextSenders",
    "+12065550101": "VoiceSenders",
}

# Without these, what was seen says too little.
EXPECTED = {
    ("IngestRole", "dynamodb:PutItem", "CallsTable"),
    ("IngestRole", "dynamodb:PutItem", "AccountsTable"),
    ("IngestRole", "dynamodb:UpdateItem", "AccountsTable"),
    ("IngestRole", "kms:Decrypt", "PasswordKey"),
    ("IngestRole", "sqs:SendMessage", "MediumQueue"),
    ("ProcessorRole", "dynamodb:PutItem", "ObjectsTable"),
    ("ProcessorRole", "dynamodb:Query", "CallsTable/index/account"),
    ("NotifierRole", "dynamodb:GetItem", "ObjectsTable"),
    ("NotifierRole", "dynamodb:PutItem", "ObjectsTable"),
    ("NotifierRole", "ses:SendEmail", "MailSender"),
    ("NotifierRole", "ses:GetAccount", "account"),
    ("NotifierRole", "sms-voice:SendTextMessage", "TextSenders"),
    ("NotifierRole", "sms-voice:SendVoiceMessage", "VoiceSenders"),
    ("TimekeeperRole", "dynamodb:Query", "CallsTable/index/due"),
}


def names(resource):
    """Which thing of the template a statement's resource is."""
    if "Fn::If" in resource:
        resource = resource["Fn::If"][1]  # of the stack's own, not one that was there already
    text = json.dumps(resource)
    if resource == "*":
        return "account"
    for index in ("due", "account"):
        if f"/index/{index}" in text:
            return f"CallsTable/index/{index}"
    if "MailSender" in text:
        return "MailSender"
    if "ScheduleGroup" in text:
        return "ScheduleGroup"
    if "Ref" in resource:
        return resource["Ref"]
    if "Fn::GetAtt" in resource:
        return resource["Fn::GetAtt"][0]
    return text.split("${")[-1].split(".")[0]


def allowed(resources):
    for name, resource in resources.items():
        if resource["Type"] != "AWS::IAM::Role":
            continue
        for policy in resource["Properties"].get("Policies", []):
            # Where there is a condition, as if it held.
            yield from in_policy(name, policy.get("Fn::If", [None, policy])[1])
    for resource in resources.values():
        if resource["Type"] == "AWS::IAM::RolePolicy":
            yield from in_policy(resource["Properties"]["RoleName"]["Ref"], resource["Properties"])


def in_policy(role, policy):
    for statement in policy["PolicyDocument"]["Statement"]:
        for action in as_list(statement["Action"]):
            for it in as_list(statement["Resource"]):
                yield role, action, names(it), leading_keys(statement)


def leading_keys(statement):
    """The beginnings of keys that a statement is bounded to; all of them if it says nothing."""
    bounds = [keys for test in statement.get("Condition", {}).values() for key, keys in test.items()
              if key == "dynamodb:LeadingKeys" and isinstance(keys, list)]
    return tuple(bounds[0]) if bounds else ("*",)


def is_allowed(one, may):
    role, action, what, key = one
    return any(
        (role, action, what) == it[:3] and any(fnmatch.fnmatchcase(key, bound) for bound in it[3]) for it in may
    )


def as_list(value):
    return value if isinstance(value, list) else [value]


def main():
    may = set(allowed(json.loads(Path(sys.argv[1]).read_text())["Resources"]))
    seen = {tuple(line.split(" ")) for line in Path(sys.argv[2]).read_text().splitlines()}
    did = {
        (f"{function.capitalize()}Role", action, NAMES.get(what, "MailSender" if "@" in what else what), *key)
        for function, action, what, *key in seen
    }
    did = {one if len(one) == 4 else (*one, "") for one in did}
    kinds = {one[:3] for one in did}
    refused = {one for one in did if not is_allowed(one, may)}
    for role, action, what, key in sorted(refused):
        print(f"NOT ALLOWED: {role} did {action} on {what} {key}")
    for role, action, what in sorted(EXPECTED - kinds):
        print(f"NOT SEEN, but expected: {role} {action} on {what}")
    ours = ("dynamodb:", "scheduler:", "ses:SendEmail", "s3:GetObject", "s3:PutObject", "sqs:SendMessage", "kms:")
    for role, action, what in sorted({it[:3] for it in may} - kinds):
        if action.startswith(ours) and role != "ScheduleRole":
            print(f"allowed, not seen: {role} {action} on {what}")
    print(f"{len(kinds)} kinds of requests were seen, by {len({role for role, _, _ in kinds})} functions")
    sys.exit(1 if refused or EXPECTED - kinds else 0)


if __name__ == "__main__":
    main()
