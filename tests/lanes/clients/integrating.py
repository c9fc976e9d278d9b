"""Does what docs/integrating.md prints under "Another URL": the lines for one client, as they stand
there, and then one call with what they make.

Usage: integrating.py zeep | fuelsdk | fuel-soap   (each with what has that client installed)
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BASE = os.environ["BASE"].rstrip("/")
PAGE = Path(__file__).resolve().parents[3] / "docs/integrating.md"


def block(language, about):
    section = PAGE.read_text().split("## Another URL")[1].split("\n## ")[0]
    [found] = [it for it in re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL) if about in it]
    return found.replace("https://<yours>", BASE)


def zeep():
    import zeep
    from zeep.wsse.username import UsernameToken

    names = {"zeep": zeep, "UsernameToken": UsernameToken, "user": "local", "password": "local"}
    exec(block("python", "zeep.Client"), names)
    return names["client"].service.VersionInfo(IncludeVersionHistory=False).VersionInfo.Version


def fuelsdk():
    import FuelSDK

    os.chdir(tempfile.mkdtemp(prefix="fuelsdk-"))
    names = {"FuelSDK": FuelSDK, "wsdl_file": os.path.abspath("api.wsdl"), "account_id": "local"}
    exec(block("python", "FuelSDK.ET_Client"), {**names, "client_id": "local", "client_secret": "local"}, names)
    code, answer = names["client"].soap_client.service.VersionInfo(False)
    assert code == 200, answer
    return answer.VersionInfo.Version


def fuel_soap():
    program = """
        const FuelSoap = require('fuel-soap');
        const [clientId, clientSecret, accountId] = ['local', 'local', 'local'];
        const client = %s
        client.describe('Subscriber', (error, it) => {
          if (error) throw error;
          console.log(it.body.ObjectDefinition.Properties.length);
        });
    """
    run = ["node", "-e", program % block("js", "new FuelSoap").split("\n", 1)[1]]
    return subprocess.run(run, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


if __name__ == "__main__":
    name = sys.argv[1]
    said = {"zeep": zeep, "fuelsdk": fuelsdk, "fuel-soap": fuel_soap}[name]()
    assert said, name
    print(f"docs/integrating.md, {name}: {said}")
