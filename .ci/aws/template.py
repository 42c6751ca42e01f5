"""template.yaml, resolved as CloudFormation resolves it."""

import pathlib
import re
import tomllib
import urllib.parse

import yaml

from .common import ACCOUNT, REGION, Fault

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Tags(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, as the mappings that they stand for."""


def long_form(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt":
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


Tags.add_multi_constructor("!", long_form)
# AWS::NoValue, which leaves out what it stands for.
NOTHING = object()


class Template:
    """template.yaml of a tree, resolved with the parameters of the environment `dev`."""

    def __init__(self, root=ROOT):
        self.root = pathlib.Path(root)
        self.all = yaml.load((self.root / "template.yaml").read_text(), Tags)
        deploy = tomllib.loads((self.root / "samconfig.toml").read_text())["dev"]["deploy"]["parameters"]
        self.stack = deploy["stack_name"]
        self.parameters = {name: parameter.get("Default", "") for name, parameter in self.all["Parameters"].items()}
        self.parameters |= dict(pair.split("=", 1) for pair in deploy["parameter_overrides"])
        self.resources = self.all["Resources"]

    def properties(self, name):
        return self.resources[name]["Properties"]

    def reference(self, name):
        pseudo = {"AWS::StackName": self.stack, "AWS::Region": REGION, "AWS::AccountId": ACCOUNT, "AWS::Partition": "aws",
                  "AWS::NoValue": NOTHING}
        if name in pseudo:
            return pseudo[name]
        if name in self.parameters:
            return str(self.parameters[name])
        named = self.properties(name).get("Name")
        return self.resolve(named) if named else f"{self.stack}-{name}"

    def attribute(self, name, attribute):
        kind, physical = self.resources[name]["Type"], self.reference(name)
        patterns = {
            "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{physical}",
            "AWS::Serverless::Function": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{physical}",
            "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/{physical}",
            "AWS::SQS::Queue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{physical}",
        }
        if attribute != "Arn" or kind not in patterns:
            raise Fault(f"template.yaml: .ci/aws.py cannot resolve {name}.{attribute}")
        return patterns[kind]

    def holds(self, condition):
        (kind, value), = condition.items()
        if kind == "Fn::Not":
            return not self.holds(value[0])
        if kind == "Fn::Equals":
            left, right = (self.resolve(side) for side in value)
            return left == right
        raise Fault(f"template.yaml: .ci/aws.py does not know the condition {kind}")

    def resolve(self, value):
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (kind, inner), = value.items()
            if kind == "Ref":
                return self.reference(inner)
            if kind == "Fn::GetAtt":
                return self.attribute(*inner)
            if kind == "Fn::Sub":
                return re.sub(r"\$\{([^}]+)\}", lambda found: self.substitute(found[1]), inner)
            if kind == "Fn::If":
                return self.resolve(inner[1] if self.holds(self.all["Conditions"][inner[0]]) else inner[2])
        resolved = {name: self.resolve(item) for name, item in value.items()}
        return {name: item for name, item in resolved.items() if item is not NOTHING}

    def substitute(self, name):
        return self.attribute(*name.split(".", 1)) if "." in name else self.reference(name)

    def functions(self):
        """Binary of each function by its logical name."""
        kind = "AWS::Serverless::Function"
        return {name: resource["Metadata"]["BuildProperties"]["Binary"] for name, resource in self.resources.items()
                if resource["Type"] == kind}

    def environment(self, function):
        common = self.all["Globals"]["Function"]["Environment"]["Variables"]
        return self.resolve(common | self.properties(function)["Environment"]["Variables"])

    def routes(self):
        """Method, path and function of each route."""
        found = []
        for function in self.functions():
            for event in self.properties(function).get("Events", {}).values():
                if event["Type"] == "HttpApi" and "Path" in event["Properties"]:
                    found.append((event["Properties"]["Method"], event["Properties"]["Path"], function))
        return found

    def route(self, method, path):
        """The route of a request, its function, and its path parameters."""
        def fixed(found):
            return found[1].count("{")

        for known, pattern, function in sorted(self.routes(), key=fixed):
            names = re.findall(r"\{(\w+)\}", pattern)
            matched = re.fullmatch(re.sub(r"\\\{\w+\\\}", "([^/]+)", re.escape(pattern)), path)
            if known == method and matched:
                values = map(urllib.parse.unquote, matched.groups())
                return f"{method} {pattern}", function, dict(zip(names, values, strict=True))
        raise Fault(f"template.yaml has no route {method} {path}")

    def schedules(self):
        """All schedules by their names, as requests of CreateSchedule."""
        found = {}
        for function in self.functions():
            for event in self.properties(function).get("Events", {}).values():
                properties = self.resolve(event["Properties"]) if event["Type"] == "ScheduleV2" else {}
                if not properties:
                    continue
                found[properties["Name"]] = {
                    "Name": properties["Name"],
                    "GroupName": properties["GroupName"],
                    "State": properties.get("State", "ENABLED"),
                    "ScheduleExpression": properties["ScheduleExpression"],
                    "ScheduleExpressionTimezone": properties["ScheduleExpressionTimezone"],
                    "FlexibleTimeWindow": {"Mode": "OFF"},
                    "Target": {
                        "Arn": self.attribute(function, "Arn"), "RoleArn": properties["RoleArn"], "Input": properties["Input"],
                        "RetryPolicy": properties["RetryPolicy"], "DeadLetterConfig": properties["DeadLetterConfig"],
                    },
                }
        return found
