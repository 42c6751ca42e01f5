"""The parts of .ci/emulator that are more than a command."""

import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
# ECPay's published stage keys; the rest is invented.
SECRETS = {
    "duekeeper/ecpay": {"hash_key": "pwFHCqoQZGmho4w6", "hash_iv": "EkRm7iFT261dpevs"},
    "duekeeper/admin": {"tokens": [], "jwt_key": "emulator-jwt-key-invented-and-long-enough"},
    "duekeeper/reminders": {"starsender_api_key": "emulator-device-key-invented"},
    "duekeeper/phones": {"keys": ["emulator-phone-key-invented-and-long-enough"]},
    "duekeeper/whatsapp-callbacks": {"starsender_token": "emulator-starsender-token-invented"},
    "duekeeper/expiry": {"mms_api_key": "emulator-mms-key-invented", "slack_bot_token": "emulator-bot-token-invented"},
}
# For each function an event that needs no call outside, and a part of its response.
EVENTS = {
    "EcpayWebhook": ("ecpay-webhook/first-payment.json", {"statusCode": 200, "body": "1|OK"}),
    "AdminApi": ("admin-api/health.json", {"statusCode": 200}),
    "SubscriptionMaintenance": ("subscription-maintenance/daily.json", {"status": "done"}),
    "MaintenanceReminder": ("maintenance-reminder/daily.json", {"total_customers": 0, "reminder_sent": 0}),
    # MMS is stood for by `Mms`, which lists nothing.
    "MmsExpiryScan": ("mms-expiry-scan/daily.json", {"status": "done", "error": None}),
}


class Mms(http.server.BaseHTTPRequestHandler):
    """MMS on this machine, with no institutions."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps({"status": "success", "data": {"data": {"pageData": []}}}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def functions(template):
    """Logical name and folder of each function."""
    pattern = r"^  (\w+):\n    Type: AWS::Serverless::Function\n(?:    .*\n)*?      CodeUri: .*functions/([\w-]+)$"
    return dict(re.findall(pattern, template, re.MULTILINE))


def reduce(mms):
    """The template without what the emulator does not know, alarms on metric math, its folders named in full, MMS here."""
    parts = re.split(r"(?m)^(?=  \w+:$)", (ROOT / "template.yaml").read_text())
    kept = [part for part in parts if not ("Type: AWS::CloudWatch::Alarm" in part and "\n      Metrics:" in part)]
    if not 0 < len(parts) - len(kept) < 12:
        raise SystemExit(f"{len(parts) - len(kept)} alarms were left out")
    # Without mail templates of its own the stack has no layer.
    kept = [part for part in kept if "Type: AWS::Serverless::LayerVersion" not in part]
    kept = [re.sub(r"(?m)^      Layers: .*\n", "", part) for part in kept]
    text = "".join(kept).replace("CodeUri: functions/", f"CodeUri: {ROOT}/functions/")
    text, count = re.subn(r"MMS_BASE_URL: https://\S+", f"MMS_BASE_URL: http://127.0.0.1:{mms}", text)
    if count != 1:
        raise SystemExit(f"MMS_BASE_URL stands {count} times in the template")
    return text


def until_it_answers(client):
    """Waits for the emulator to serve."""
    for _ in range(300):
        try:
            return client.list_secrets()
        except Exception as error:  # whatever it is while it starts
            last = error
            time.sleep(0.1)
    raise SystemExit(f"the emulator does not answer: {last}")


def sam(command, *arguments):
    """Runs SAM, whose output is shown where it fails."""
    done = subprocess.run([command, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"sam {arguments[0]} failed:\n{done.stdout}\n{done.stderr}")


def holds(answer, expected):
    return isinstance(answer, dict) and all(answer.get(key) == value for key, value in expected.items())


def invoke(client, name, deployed):
    """One event to one function through Lambda's Invoke; what is wrong with the answer, if anything."""
    if name not in EVENTS:
        return f"{name}: say in .ci/emulator.py which event it is to take"
    file, expected = EVENTS[name]
    event = (ROOT / "events" / file).read_bytes()
    reply = client.invoke(FunctionName=deployed, Payload=event)
    answer = json.loads(reply["Payload"].read())
    if "FunctionError" in reply or not holds(answer, expected):
        return f"{name}: {file} was answered {answer}, not {expected}"
    print(f"{name}: {file} -> {json.dumps(answer)[:100]}")
    return None


def attempt(endpoint, built, command, mms, architecture):
    """Secrets, deployment, one invocation of each function, and the stack's end."""
    import boto3

    server = http.server.ThreadingHTTPServer(("127.0.0.1", mms), Mms)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    environment = {
        "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0",
    }
    os.environ.update(environment)
    secrets = boto3.client("secretsmanager")
    until_it_answers(secrets)
    for name, secret in SECRETS.items():
        secrets.create_secret(Name=name, SecretString=json.dumps(secret))
    config = ROOT / "samconfig.toml"
    stage = tomllib.loads(config.read_text())["dev"]["deploy"]["parameters"]
    overrides = [*stage["parameter_overrides"], f"Architecture={architecture}"]
    sam(
        command, "deploy", "--template-file", str(built / "template.yaml"), "--config-file", str(config), "--config-env",
        "dev", "--parameter-overrides", *overrides,
    )
    stack = stage["stack_name"]
    resources = boto3.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    deployed = {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in resources
        if resource["ResourceType"] == "AWS::Lambda::Function"
    }
    print(f"deployed: {len(resources)} resources")
    wanted = set(functions((ROOT / "template.yaml").read_text()))
    if not wanted or set(deployed) != wanted:
        raise SystemExit(f"deployed are {sorted(deployed)}, not {sorted(wanted)}")
    client = boto3.client("lambda")
    wrong = [found for name in sorted(wanted) if (found := invoke(client, name, deployed[name]))]
    table = boto3.client("dynamodb").scan(TableName=[
        resource["PhysicalResourceId"] for resource in resources if resource["LogicalResourceId"] == "Table"
    ][0])
    if not any(item["pk"]["S"].startswith("QUARANTINE") for item in table["Items"]):
        wrong.append(f"the webhook's report is not in the table: {[item['pk'] for item in table['Items']]}")
    sam(command, "delete", "--stack-name", stack, "--no-prompts")
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    if sys.argv[1] == "reduce":
        pathlib.Path(sys.argv[2]).write_text(reduce(sys.argv[3]))
    else:
        attempt(sys.argv[2], pathlib.Path(sys.argv[3]).resolve(), sys.argv[4], int(sys.argv[5]), sys.argv[6])
