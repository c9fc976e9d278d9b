"""Deploys the template onto an emulator of AWS with the functions' real binaries, tells the journeys
to it, and removes it again. Usage: lane.py TRANSLATED BUILT LOCAL ADMIN, where TRANSLATED is the
plain CloudFormation, BUILT the folder that `sam build` made, and LOCAL and ADMIN are binaries.

The emulator runs with its authorisation on: every request of a function is signed with the
credentials of its role, and refused if the role does not allow it.
"""

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from pathlib import Path

import botocore.config
import botocore.session

from emulated import FALLS_SHORT, bent
from front import Front
from judged import Deployed

ROOT = Path(__file__).resolve().parents[3]
# Neither the Region nor the stack is what anything has as its default.
REGION, STACK, SENDER = "eu-central-1", "soap-lane", "aftercall@example.com"
OWNER = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
CODE_BUCKET = "code"
# What survives the stack on purpose.
KEPT = {"CallsTable", "ObjectsTable", "AccountsTable", "BodiesBucket"}
# What no line of a function's log may say.
SIGNS_OF_ERRORS = ('"level":"ERROR"', "AccessDenied", "not authorized", "panicked")
SECONDS_MAX = 900
# The timekeeper comes by once a minute, and the emulator's schedules are late.
MINUTE_S = 90


class Lane:
    def __init__(self, translated, built, local, aftercall):
        self.translated, self.built = json.loads(Path(translated).read_text()), Path(built)
        self.local, self.aftercall = local, aftercall
        self.work = Path(tempfile.mkdtemp(prefix="emulator-"))
        self.processes = []
        self.clients = {}

    def start(self, name, command, environment):
        """In a session of its own, so that what it starts ends with it."""
        with open(self.work / name, "w") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
        self.processes.append(process)

    def stop(self):
        for process in self.processes:
            for signal_sent in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(process.pid, signal_sent)
                    process.wait(5)
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    continue
        shutil.rmtree(self.work, ignore_errors=True)

    def client(self, service):
        if service not in self.clients:
            session = botocore.session.Session()
            retries = botocore.config.Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"})
            self.clients[service] = session.create_client(
                service,
                region_name=REGION,
                endpoint_url=self.emulator,
                aws_access_key_id=OWNER["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=OWNER["AWS_SECRET_ACCESS_KEY"],
                config=retries,
            )
        return self.clients[service]

    def start_servers(self):
        # Nothing of our own environment: functions inherit the emulator's, and a variable that the
        # template forgets would be found there.
        bare = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        port, keeper = free_port(), free_port()
        self.emulator = f"http://127.0.0.1:{port}"
        self.keeper = f"http://127.0.0.1:{keeper}"
        settings = {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "AUTH": "true",
            "MINISTACK_REGION": REGION,
            "TMPDIR": str(self.work),
            "LOG_LEVEL": "INFO",
            **OWNER,
        }
        self.start("emulator.log", [Path(sys.executable).parent / "ministack"], {**bare, **settings})
        self.start("mails.log", [self.local, "--listen", f"127.0.0.1:{keeper}"], bare)
        wait_for("the emulator", self.emulator + "/_ministack/health")
        wait_for("the local server", self.keeper + "/_local/mails")
        self.front = Front(self.emulator, self.keeper)

    def upload(self):
        self.client("s3").create_bucket(
            Bucket=CODE_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        code = {}
        for name, it in self.translated["Resources"].items():
            if it["Type"] == "AWS::Lambda::Function":
                packed = io.BytesIO()
                with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                    archive.write(self.built / name / "bootstrap", "bootstrap")
                self.client("s3").put_object(Bucket=CODE_BUCKET, Key=name, Body=packed.getvalue())
                code[name] = {"S3Bucket": CODE_BUCKET, "S3Key": name}
        return code

    def deploy(self):
        variables = {
            "AWS_ENDPOINT_URL": self.emulator,
            "AWS_ENDPOINT_URL_SESV2": self.front.url,
            "ALLOW_HTTP_CALLBACKS": "true",
        }
        template, bends = bent(self.translated, self.upload(), variables)
        print("== where the emulator falls short, and what was done about it")
        for line in FALLS_SHORT + bends:
            print(f"   - {line}")
        mail = self.client("sesv2")
        mail.create_email_identity(EmailIdentity=SENDER)
        mail.put_account_details(
            ProductionAccessEnabled=True, MailType="TRANSACTIONAL", WebsiteURL="https://example.com"
        )
        # With all that a parameter can ask for, short of a domain.
        answers = {"MailSender": SENDER, "Architecture": "x86_64", "DeletionProtection": "false", "PasswordDigest": "true"}
        cloudformation = self.client("cloudformation")
        # As a file in a bucket, since a template of this length must not stand in the request.
        self.client("s3").put_object(Bucket=CODE_BUCKET, Key="template", Body=json.dumps(template))
        cloudformation.create_stack(
            StackName=STACK,
            TemplateURL=f"{self.emulator}/{CODE_BUCKET}/template",
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in answers.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        stack = self.wait_for_stack("CREATE_COMPLETE")
        self.outputs = {it["OutputKey"]: it["OutputValue"] for it in stack["Outputs"]}
        self.front.api_host = self.outputs["SoapUrl"].split("/")[2]

    def wait_for_stack(self, wanted):
        for _ in range(240):
            stack = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
            if not stack["StackStatus"].endswith("_IN_PROGRESS"):
                break
            time.sleep(0.5)
        if stack["StackStatus"] != wanted:
            events = self.client("cloudformation").describe_stack_events(StackName=STACK)["StackEvents"]
            for event in reversed(events):
                if "FAILED" in event["ResourceStatus"]:
                    print(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}")
            raise SystemExit(f"the stack is {stack['StackStatus']}, not {wanted}")
        return stack

    def tell_journeys(self, names):
        environment = {
            **os.environ,
            **OWNER,
            "ENDPOINT": self.front.url,
            # What stands between us and the API has an address that the functions cannot know.
            "ADDRESS": "https://" + self.front.api_host.split(":")[0],
            "MAILS": self.keeper + "/_local/mails",
            "ACCOUNTS_TABLE": self.outputs["AccountsTable"],
            "AFTERCALL": str(self.aftercall),
            "AWS_ENDPOINT_URL": self.emulator,
            "WAIT": "180",
        }
        journeys = subprocess.Popen([ROOT / "tests/lanes/deployed/run", *names], env=environment, start_new_session=True)
        self.processes.append(journeys)
        return journeys.wait() == 0

    def judge_running(self, deployed):
        """What the functions said about themselves, and that each of them ran."""
        complaints = []
        for function in ("Ingest", "Processor", "Notifier", "Timekeeper"):
            lines = until_there(lambda: deployed.log_lines(function), MINUTE_S if function == "Timekeeper" else 5)
            print(f"   {function}: {len(lines)} lines of log")
            if not lines:
                complaints.append(f"{function} never ran")
            for line in lines:
                if any(sign in line for sign in SIGNS_OF_ERRORS):
                    complaints.append(f"{function} said: {line.strip()[:600]}")
        given_up = {name: count for name, count in deployed.dead_letters().items() if count}
        if given_up:
            complaints.append(f"wake-ups were given up: {given_up}")
        return complaints

    def remove(self, deployed):
        self.client("cloudformation").delete_stack(StackName=STACK)
        complaints = []
        for _ in range(120):
            left = self.left(deployed)
            if left == KEPT:
                break
            time.sleep(0.5)
        else:
            complaints.append(f"after the removal there are {sorted(left)}, not {sorted(KEPT)}")
        return complaints

    def left(self, deployed):
        """What is still there, of what can be counted in one request."""
        there = set(self.client("dynamodb").list_tables()["TableNames"])
        there |= {it["Name"] for it in self.client("s3").list_buckets()["Buckets"]}
        there |= set(self.client("sqs").list_queues().get("QueueUrls", []))
        there |= {it["FunctionName"] for it in self.client("lambda").list_functions()["Functions"]}
        there |= {it["RoleName"] for it in self.client("iam").list_roles()["Roles"]}
        there |= {it["logGroupName"] for it in self.client("logs").describe_log_groups()["logGroups"]}
        there |= {it["Name"] for it in self.client("scheduler").list_schedule_groups()["ScheduleGroups"]}
        there |= {it["Name"] for it in self.client("scheduler").list_schedules()["Schedules"]}
        return {name for name, physical in deployed.resources.items() if physical in there}

    def run(self, names):
        self.start_servers()
        self.deploy()
        print(f"== deployed as {STACK} in {REGION}: {self.outputs['SoapUrl']}")
        deployed = Deployed(self.client, STACK)
        complaints = deployed.judge()
        print(f"   {len(deployed.resources)} resources, {len(complaints)} complaints")
        print("== journeys", flush=True)
        if not self.tell_journeys(names):
            complaints.append("journeys failed")
        print("== what the functions did")
        complaints += self.judge_running(deployed)
        print("== removal")
        complaints += self.remove(deployed)
        return complaints

    def last_words(self):
        for name in ("emulator.log", "mails.log"):
            print(f"== last words of {name}")
            print("".join((self.work / name).read_text(errors="replace").splitlines(True)[-60:]))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, url):
    for _ in range(300):
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{what} does not answer at {url}")


def until_there(found, seconds):
    for _ in range(seconds):
        if it := found():
            return it
        time.sleep(1)
    return found()


def main():
    # Whatever hangs or is ended from outside, what was started here ends too.
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"not done after {SECONDS_MAX} s"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    signal.alarm(SECONDS_MAX)
    lane = Lane(*sys.argv[1:5])
    failed = True
    try:
        complaints = lane.run(sys.argv[5:])
        for complaint in complaints:
            print(f"!! {complaint}")
        failed = bool(complaints)
    finally:
        if failed:
            lane.last_words()
        lane.stop()
    print("the template, the roles and the binaries fit" if not failed else "FAILED")
    sys.exit(1 if failed else 0)


main()
