"""A callback of the server's, verified by the published libraries and by each recipe of the docs as it
is printed there: the true one is, and one with another body, secret or time is not.

Environment: BASE. The folder with what was installed is the only argument.
"""

import base64
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.request
from pathlib import Path

from standardwebhooks import Webhook, WebhookVerificationError

from stage import BASE, Receiver, new, token

ROOT = Path(__file__).resolve().parents[3]
INSTALLED = Path(sys.argv.pop()).resolve()
# That of the local server's account, as the docs name it.
SECRET = re.search(r"`(whsec_\S+)`", (ROOT / "docs/integrating.md").read_text()).group(1)
# Published with Standard Webhooks: secret, id, time, body and signature.
VECTOR = (
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "1614265330",
    '{"test": 2432232314}',
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
)

CREATE = """<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soap:Header><fueloauth xmlns="http://exacttarget.com">{token}</fueloauth></soap:Header><soap:Body>
<CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"><Options><SendResponseTo><ResponseType>HTTPPost</ResponseType><ResponseAddress>{address}</ResponseAddress><IncludeResults>true</IncludeResults></SendResponseTo><RequestType>Asynchronous</RequestType></Options><Objects xsi:type="Subscriber"><EmailAddress>{key}@example.com</EmailAddress><SubscriberKey>{key}</SubscriberKey></Objects></CreateRequest>
</soap:Body></soap:Envelope>"""

# How each recipe is called: with secret, id, timestamp, signature, and the name of a file with the body.
PYTHON = """{recipe}
import sys
secret, id, timestamp, signature, body = sys.argv[1:]
headers = {{"webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature}}
print(str(verified(secret, headers, open(body, "rb").read())).lower())
"""
JS = """{recipe}
const [secret, id, timestamp, signature, body] = process.argv.slice(2);
const headers = {{ 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature }};
console.log(verified(secret, headers, require('node:fs').readFileSync(body)));
"""
PHP = """<?php
{recipe}
[, $secret, $id, $timestamp, $signature, $body] = $argv;
echo verified($secret, $id, $timestamp, $signature, file_get_contents($body)) ? 'true' : 'false';
"""
JAVA = """{recipe}
class Main {{
    public static void main(String[] it) throws Exception {{
        byte[] body = java.nio.file.Files.readAllBytes(java.nio.file.Path.of(it[4]));
        System.out.println(Callback.isVerified(it[0], it[1], it[2], it[3], body));
    }}
}}
"""
CSHARP = """{recipe}
static class Program {{
    static void Main(string[] it) {{
        var body = System.IO.File.ReadAllBytes(it[4]);
        Console.WriteLine(Callback.IsVerified(it[0], it[1], it[2], it[3], body) ? "true" : "false");
    }}
}}
"""
GO = """{recipe}
func main() {{
	body, _ := os.ReadFile(os.Args[5])
	fmt.Println(verified(os.Args[1], os.Args[2], os.Args[3], os.Args[4], body))
}}
"""
NPM = """
const {{ Webhook }} = require('standardwebhooks');
const [secret, id, timestamp, signature, body] = process.argv.slice(2);
const headers = {{ 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature }};
const text = require('node:fs').readFileSync(body, 'utf8');
try {{
  new Webhook(secret).verify(text, headers, {{ jsonParse: false }});
  console.log(true);
}} catch (error) {{
  console.log(error.name === 'WebhookVerificationError' || /signature|timestamp/i.test(error.message) ? false : error);
}}
"""


def recipe(language):
    """What the docs print in that language about verifying."""
    section = (ROOT / "docs/integrating.md").read_text().split("## Being called back")[1].split("\n## ")[0]
    blocks = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    [found] = [block for block in blocks if "erified" in block]
    return found


class Webhooks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        receiver, key = Receiver(), new("signed")
        envelope = CREATE.format(token=token(), address=f"{receiver.url}/signed", key=key)
        request = urllib.request.Request(
            BASE + "/Service.asmx", envelope.encode(), {"Content-Type": "text/xml", "SOAPAction": "Create"}
        )
        urllib.request.urlopen(request, timeout=30).read()
        [callback] = receiver.wait("/signed", 1)
        receiver.close()
        headers = {name.lower(): value for name, value in callback["headers"].items()}
        cls.headers = {name: headers[name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
        cls.body = callback["body"]
        cls.folder = Path(tempfile.mkdtemp(prefix="webhooks-"))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def test_the_library_for_python(self):
        webhook = Webhook(SECRET)
        webhook.verify(self.body, self.headers, json_parse=False)
        with self.assertRaises(WebhookVerificationError):
            webhook.verify(self.body + "&more=1", self.headers, json_parse=False)
        # What the docs warn of: the signature is right, and it fails for want of JSON.
        with self.assertRaises(ValueError):
            webhook.verify(self.body, self.headers)

    def test_the_library_signs_the_published_vector_as_it_says(self):
        from datetime import datetime, timezone

        secret, id, timestamp, body, signature = VECTOR
        at = datetime.fromtimestamp(int(timestamp), timezone.utc)
        self.assertEqual(signature, Webhook(secret).sign(msg_id=id, timestamp=at, data=body))

    def test_the_library_for_node(self):
        (self.folder / "npm.cjs").write_text(NPM.format())
        self.check("node", self.folder / "npm.cjs")

    def test_the_library_for_rust(self):
        self.check(INSTALLED / "standardwebhooks/release/verifies")

    def test_the_recipe_for_python(self):
        (self.folder / "recipe.py").write_text(PYTHON.format(recipe=recipe("python")))
        self.check(sys.executable, self.folder / "recipe.py")

    def test_the_recipe_for_node(self):
        (self.folder / "recipe.cjs").write_text(JS.format(recipe=recipe("js")))
        self.check("node", self.folder / "recipe.cjs")

    def test_the_recipe_for_php(self):
        (self.folder / "recipe.php").write_text(PHP.format(recipe=recipe("php")))
        self.check("php", self.folder / "recipe.php")

    def test_the_recipe_for_java(self):
        (self.folder / "Main.java").write_text(JAVA.format(recipe=recipe("java")))
        subprocess.run(["javac", "-d", self.folder, self.folder / "Main.java"], check=True)
        self.check("java", "-cp", self.folder, "Main")

    def test_the_recipe_for_csharp(self):
        program = self.folder / "recipe.exe"
        (self.folder / "recipe.cs").write_text(CSHARP.format(recipe=recipe("csharp")))
        subprocess.run(["mcs", f"-out:{program}", self.folder / "recipe.cs"], check=True)
        self.check("mono", program)

    def test_the_recipe_for_go(self):
        program = GO.format(recipe=recipe("go")).replace('"encoding/base64"', '"encoding/base64"\n\t"fmt"\n\t"os"', 1)
        (self.folder / "recipe.go").write_text(program)
        subprocess.run(["go", "build", "-o", self.folder / "recipe", self.folder / "recipe.go"], check=True)
        self.check(self.folder / "recipe")

    def check(self, *command):
        """The true callback, and three that are not."""
        id, timestamp, signature = self.headers.values()
        other = "whsec_" + base64.b64encode(b"another secret of thirty-two byte").decode()
        self.assertEqual("true", self.says(command, SECRET, id, timestamp, signature, self.body))
        self.assertEqual("true", self.says(command, SECRET, id, timestamp, "v1,c2hvcnQ= " + signature, self.body))
        self.assertEqual("false", self.says(command, SECRET, id, timestamp, signature, self.body + "&more=1"))
        self.assertEqual("false", self.says(command, other, id, timestamp, signature, self.body))
        # Signed rightly, and long ago.
        self.assertEqual("false", self.says(command, *(VECTOR[it] for it in (0, 1, 2, 4, 3))))

    def says(self, command, *call):
        *words, body = call
        (self.folder / "body").write_text(body)
        environment = {**os.environ, "NODE_PATH": str(INSTALLED / "node/node_modules")}
        ran = subprocess.run(
            [*command, *words, self.folder / "body"], capture_output=True, text=True, timeout=60, env=environment
        )
        self.assertEqual("", ran.stderr)
        return ran.stdout.strip()


if __name__ == "__main__":
    unittest.main(verbosity=2)
