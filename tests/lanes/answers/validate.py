"""Holds answers against the schema of our own WSDL, with libxml2, which is nobody's of ours: the
whole envelope, Body and faults strictly, header entries as far as anything is known of them.

Usage: validate.py FOLDER   (etframework.wsdl and the answers, as the journeys put them there)
"""

import sys
from collections import Counter
from pathlib import Path

from lxml import etree

HERE = Path(__file__).resolve().parent
XSD = "{http://www.w3.org/2001/XMLSchema}"
FILES = {
    "http://schemas.xmlsoap.org/soap/envelope/": "soap11.xsd",
    "http://www.w3.org/2003/05/soap-envelope": "soap12.xsd",
}


class Given(etree.Resolver):
    """Schemas by name, and nothing from anywhere else."""

    def __init__(self, texts):
        self.texts = texts

    def resolve(self, url, _public, context):
        if url not in self.texts:
            raise SystemExit(f"{url} is asked for; a schema must not need anything from outside")
        return self.resolve_string(self.texts[url], context)


def schema_of(wsdl):
    """One schema that knows those of the WSDL and the two of SOAP."""
    texts = {file.name: file.read_bytes() for file in HERE.glob("*.xsd")}
    imports = [(namespace, file) for namespace, file in FILES.items()]
    inside = wsdl.findall(f"{{http://schemas.xmlsoap.org/wsdl/}}types/{XSD}schema")
    names = {it.get("targetNamespace"): f"wsdl-{number}.xsd" for number, it in enumerate(inside)}
    for it in inside:
        for needed in it.findall(XSD + "import"):
            # Clients find it in the same WSDL, so it names no place; libxml2 needs one.
            needed.set("schemaLocation", names[needed.get("namespace")])
        texts[names[it.get("targetNamespace")]] = etree.tostring(it)
        imports.append((it.get("targetNamespace"), names[it.get("targetNamespace")]))
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(Given(texts))
    lines = "".join(f'<xsd:import namespace="{ns}" schemaLocation="{file}"/>' for ns, file in imports)
    whole = f'<xsd:schema xmlns:xsd="{XSD[1:-1]}">{lines}</xsd:schema>'
    return etree.XMLSchema(etree.fromstring(whole, parser))


def main(folder):
    wsdl = etree.parse(folder / "etframework.wsdl").getroot()
    schema = schema_of(wsdl)
    bindings = wsdl.iter("{http://schemas.xmlsoap.org/wsdl/}message")
    expected = {it.get("name") for it in bindings if "Response" in it.get("name")}
    found, bad = Counter(), 0
    for file in sorted(folder.glob("*.xml")):
        document = etree.parse(file)
        body = document.getroot().find("{*}Body")
        found[etree.QName(body[0]).localname] += 1
        if not schema.validate(document):
            bad += 1
            print(f"{file}\n  " + "\n  ".join(str(it) for it in list(schema.error_log)[:5]))
    for name, count in sorted(found.items()):
        print(f"{count:6} {name}")
    missing = {it for it in expected if it not in found} | ({"Fault"} - set(found))
    if missing:
        raise SystemExit(f"nothing was validated of: {', '.join(sorted(missing))}")
    if bad:
        raise SystemExit(f"{bad} of {sum(found.values())} answers are not what the WSDL says")
    print(f"all {sum(found.values())} are what the WSDL says")


main(Path(sys.argv[1]))
