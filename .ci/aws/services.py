"""moto's server, and what the template deploys there."""

import hashlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import boto3
from emulator import SECRETS

from .common import CREDENTIALS, PATIENCE, REGION, Fault
from .functions import STAFF

# A proxy, profile or endpoint of this machine must not come between boto3 and moto.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "AWS_CONFIG_FILE": os.devnull}


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Moto:
    """A process of moto's server, and boto3's clients of it."""

    def __init__(self, log):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        # A clean environment: no profile, proxy or account of this machine reaches it.
        environment = {"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": REGION} | CREDENTIALS
        # -P: the modules beside the server are not on its path.
        command = [sys.executable, "-P", pathlib.Path(__file__).with_name("server.py"), "-H", "127.0.0.1", "-p", str(port)]
        self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT,
                                        stdin=subprocess.DEVNULL)
        self.clients, self.one_at_a_time = {}, threading.Lock()

    def wait(self):
        deadline = time.monotonic() + PATIENCE
        while True:
            if self.process.poll() is not None:
                raise Fault("moto's server ended while it started")
            try:
                with urllib.request.urlopen(f"{self.url}/moto-api/data.json", timeout=5):
                    return
            except OSError:
                if time.monotonic() > deadline:
                    raise Fault("moto's server does not answer") from None
                time.sleep(0.05)

    def client(self, service):
        """boto3's client of a service, which takes nothing from profiles and variables of this machine."""
        if service not in self.clients:
            self.clients[service] = boto3.client(
                service, endpoint_url=self.url, region_name=REGION,
                aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"])
        return self.clients[service]

    def mails(self):
        """Every mail that moto's SES took, in their order: address, subject and HTML."""
        with urllib.request.urlopen(f"{self.url}/moto-api/data.json", timeout=PATIENCE) as answer:
            messages = json.load(answer)["ses"]["Message"]
        return [(message["destinations"]["ToAddresses"][0], message["subject"], message["body"]) for message in messages]

    def stop(self):
        self.process.kill()
        self.process.wait()


def deploy(moto, template, with_stream):
    """The resources of the template that functions call: table, secrets, schedules, and the identity of the sender.

    For a transaction moto copies the table with all records of its stream, so scenarios that do not read it go without."""
    table = template.resolve(template.properties("Table"))
    stream = {"StreamEnabled": True} | table["StreamSpecification"] if with_stream else {"StreamEnabled": False}
    dynamodb = moto.client("dynamodb")
    dynamodb.create_table(
        TableName=template.reference("Table"), StreamSpecification=stream,
        SSESpecification={"Enabled": table["SSESpecification"]["SSEEnabled"]},
        **{name: table[name] for name in
           ["BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "DeletionProtectionEnabled"]})
    dynamodb.update_time_to_live(TableName=template.reference("Table"),
                                 TimeToLiveSpecification=table["TimeToLiveSpecification"])
    dynamodb.update_continuous_backups(TableName=template.reference("Table"),
                                       PointInTimeRecoverySpecification=table["PointInTimeRecoverySpecification"])
    tokens = [{"name": STAFF["name"], "sha256": hashlib.sha256(STAFF["token"].encode()).hexdigest(),
               "scopes": ["read", "operate", "customers", "reminders", "institutions"]}]
    for name, secret in SECRETS.items():
        secret = secret | {"tokens": tokens} if "tokens" in secret else secret
        moto.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(secret))
    moto.client("scheduler").create_schedule_group(Name=template.reference("ScheduleGroup"))
    for schedule in template.schedules().values():
        moto.client("scheduler").create_schedule(**schedule)
    ses = moto.client("sesv2")
    ses.create_email_identity(EmailIdentity=template.parameters["MailIdentity"])
    ses.create_configuration_set(ConfigurationSetName=template.reference("MailConfigurationSet"))


class Table:
    """The stack's table, read and written by boto3's own marshalling."""

    def __init__(self, moto, template):
        self.moto, self.client, self.name = moto, moto.client("dynamodb"), template.reference("Table")

    def items(self):
        pages = self.client.get_paginator("scan").paginate(TableName=self.name, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]

    def keys(self):
        return {(item["pk"]["S"], item["sk"]["S"]) for item in self.items()}

    def queue(self, name):
        """Keys of the items of a queue of the due index."""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.name, IndexName="due", KeyConditionExpression="#queue = :queue",
            ExpressionAttributeNames={"#queue": "queue"}, ExpressionAttributeValues={":queue": {"S": name}})
        return [f"{item['pk']['S']} {item['sk']['S']}" for page in pages for item in page["Items"]]

    def partition(self, key):
        """Sort keys of a partition."""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.name, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": key}})
        return [item["sk"]["S"] for page in pages for item in page["Items"]]

    def records(self):
        """The records of the table's stream so far, as Lambda hands them to a function."""
        streams = self.moto.client("dynamodbstreams")
        arn = self.client.describe_table(TableName=self.name)["Table"]["LatestStreamArn"]
        found = []
        for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
            iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
            answer = streams.get_records(ShardIterator=iterator["ShardIterator"])
            while answer["Records"]:
                found += answer["Records"]
                answer = streams.get_records(ShardIterator=answer["NextShardIterator"])
        for record in found:
            record["eventSourceARN"] = arn
            change = record["dynamodb"]
            change["ApproximateCreationDateTime"] = change["ApproximateCreationDateTime"].timestamp()
        return found
