"""Does what the README says: pastes its first conversation, and looks for what it promises.

Environment: BASE, the endpoint. Where that is not the local server itself, callbacks go to a
receiver of our own, since the page that the README looks at is not there.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from stage import BASE, Receiver, get, until

ROOT = Path(__file__).resolve().parents[3]
LOCAL = "http://127.0.0.1:8080"
PARTNER = "{http://exacttarget.com/wsdl/partnerAPI}"

# For machines that have no curl: as much of it as the README uses.
CURL = """#!{python}
import sys, urllib.error, urllib.request
url, headers, data, given = None, {{}}, None, iter(sys.argv[1:])
for word in given:
    if word == "-H":
        name, value = next(given).split(": ", 1)
        headers[name] = value
    elif word == "-d":
        data = next(given).encode()
    elif word != "-s":
        url = word
try:
    print(urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=1200).read().decode())
except urllib.error.HTTPError as error:
    print(error.read().decode())
"""


def blocks():
    """What is to be pasted, from the section about the first conversation."""
    section = (ROOT / "README.md").read_text().split("## A first conversation")[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


def paste(text):
    """Runs it as a shell would; gives the envelopes that were printed."""
    with tempfile.TemporaryDirectory() as folder:
        if not shutil.which("curl"):
            shim = Path(folder) / "curl"
            shim.write_text(CURL.format(python=sys.executable))
            shim.chmod(0o755)
        path = os.environ["PATH"] + os.pathsep + folder
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text], capture_output=True, check=True, env={**os.environ, "PATH": path}
        )
    return [ElementTree.fromstring(it) for it in re.findall(r"<soap:Envelope.*?</soap:Envelope>", done.stdout.decode(), re.DOTALL)]


def texts(answer, name):
    return [element.text for element in answer.iter(PARTNER + name)]


def main():
    receiver = None if "/lambda-url/" not in BASE else Receiver()
    sends, retrieves = [
        (block.replace(f"{LOCAL}/_local/callbacks", f"{receiver.url}/") if receiver else block).replace(LOCAL, BASE)
        for block in blocks()
    ]

    answers = paste(sends)
    assert [texts(it, "OverallStatus") for it in answers] == [["OK"]] * 3, [ElementTree.tostring(it) for it in answers]
    assert [texts(it, "StatusMessage") for it in answers] == [["Queued"]] * 3
    requests = dict(zip(["3", "1", "2"], [texts(it, "RequestID")[0] for it in answers]))

    def called_back():
        if receiver:
            return receiver.received
        posted = json.loads(get("/_local/callbacks"))
        return [callback["fields"] for callback in posted if callback["status"] // 100 == 2]

    # Where functions are compiled at their first use, the first reply waits for that.
    until("three callbacks", lambda: len(called_back()) >= 3, 1_200)
    # One that was sent again after an answer that came late is still the same.
    first = {callback["RequestID"]: callback["SequenceCode"] for callback in called_back()}
    assert list(first.values()) == ["1", "2", "3"], called_back()
    assert {place: request for request, place in first.items()} == requests

    [answer] = paste(retrieves)
    names = ("SequenceCode", "RequestID", "OverallStatusCode")
    results = [tuple(result.findtext(PARTNER + name) for name in names) for result in answer.iter(PARTNER + "Results")]
    assert sorted(results) == [(place, requests[place], "OK") for place in "123"], ElementTree.tostring(answer)
    print("the README's conversation, sent as 3, 1, 2: ran as 1, 2, 3, and three callbacks came in that order")


main()
