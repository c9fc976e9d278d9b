"""Holds the table of docs/clients.md against what the clients did in this run; with --write, writes it.

Usage: table.py NOTES [--write]   (NOTES: lines of client, version of SOAP and what was done)
"""

import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[2] / "docs/clients.md"
BEGIN, END = "<!-- tests/lanes/clients writes this table -->\n", "<!-- until here -->"
COLUMNS = ["sync", "any type", "async", "conversation", "callback", "results", "fault"]

NODE = json.loads((HERE / "package.json").read_text())["dependencies"]


def python(name, list_name):
    return re.search(rf"^{name}==(\S+)$", (HERE / list_name).read_text(), re.MULTILINE).group(1)


CLIENTS = {
    "zeep": f"PyPI {python('zeep', 'zeep.txt')}",
    "Salesforce-FuelSDK": f"PyPI 1.3.0, on suds-community {python('suds-community', 'fuelsdk.txt')}",
    "fuel-soap": f"npm {NODE['fuel-soap']}",
    "sfmc-sdk": f"npm {NODE['sfmc-sdk']}",
    "npm soap": f"npm {NODE['soap']}",
    "strong-soap": f"npm {NODE['strong-soap']}",
    "PHP SoapClient": "Debian 12, PHP 8.2",
    ".NET wsdl.exe": "Debian 12, mono 6.8",
    ".NET WCF": "Debian 12, mono 6.8",
    "JAX-WS": "Debian 12, RI 2.3",
    "Axis": "Debian 12, 1.4",
    "gSOAP": "Debian 12, 2.8",
    "SOAP::Lite": "Debian 12, 1.27",
    "soap4r": "Debian 12, 2.0.5",
}


def table(notes):
    did = {tuple(line.split("\t")) for line in notes.read_text().splitlines()}
    strange = {(client, what) for client, _, what in did if client not in CLIENTS or what not in COLUMNS}
    assert not strange, strange
    lines = [f"| client | version | SOAP | {' | '.join(COLUMNS)} |", "|" + "---|" * (3 + len(COLUMNS))]
    for client, version in CLIENTS.items():
        for soap in sorted({soap for it, soap, _ in did if it == client}):
            marks = ["yes" if (client, soap, it) in did else "-" for it in COLUMNS]
            lines.append(f"| {client} | {version} | {soap} | {' | '.join(marks)} |")
    return "\n".join(lines) + "\n"


def main(notes, write):
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    found, after = rest.split(END)
    did = table(Path(notes))
    print(did)
    if write:
        PAGE.write_text(before + BEGIN + did + END + after)
    elif found != did:
        raise SystemExit(f"{PAGE.name} says otherwise:\n{found}")


main(sys.argv[1], "--write" in sys.argv)
