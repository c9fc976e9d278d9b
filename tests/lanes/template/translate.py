"""Translates the SAM template to plain CloudFormation, without credentials: translate.py IN OUT.

Linters of the SAM file do not look behind the transform; those of the result do.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402


class NoManagedPolicies(ManagedPolicyLoader):
    """Names of managed policies would be looked up in IAM; the template uses none."""

    def __init__(self):
        pass

    def load(self):
        return {}


def main():
    template = yaml_parse(Path(sys.argv[1]).read_text())
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"  # stands for what `sam build` made
    parameters = {name: what.get("Default", "") for name, what in template["Parameters"].items()}
    translated = transform(template, parameters, NoManagedPolicies())
    Path(sys.argv[2]).write_text(json.dumps(translated, indent=1))


main()
