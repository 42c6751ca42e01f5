"""Receivers of docs/EVENTS.md in Python and TypeScript, at a served sandbox: python receivers.py SANDBOX NODE NODE_MODULES.

Each is the sample as the document prints it, behind a server of its own. A year of a subscription is played, with faults of both
receivers; at its end each has the plan that the API shows, and refused a request that was not signed. Then it prints how long events and
mails take from a buyer's payment to their arrival, by the machine's clock.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError  # noqa: F401  The sample uses both.

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEY = "whsec_aW52ZW50ZWQta2V5LW9mLXRoZS1zYW1wbGVzLW9mLWRvY3M="
HEAD = """import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";
process.on("SIGTERM", () => { console.log(JSON.stringify([...plans])); process.exit(0); });
"""


def sample(language):
    """The code block of a language in docs/EVENTS.md."""
    text = (ROOT / "docs" / "EVENTS.md").read_text()
    (block,) = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return block


def call(url, body=None, method=None, token=None):
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=300) as answer:
        text = answer.read()
    return json.loads(text) if text else None


class Receiver(BaseHTTPRequestHandler):
    """The Python sample behind a server. The first requests are answered with an error, after they were taken."""

    sample = {}
    failures = 3
    received = 0
    arrivals = {}
    arrived = threading.Condition()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        status = self.sample["receive"](dict(self.headers), body)
        Receiver.received += 1
        if status == 204:
            with Receiver.arrived:
                order = json.loads(body)["data"].get("subscription_id")
                Receiver.arrivals.setdefault(order, []).append(time.monotonic())
                Receiver.arrived.notify_all()
        if status == 204 and Receiver.failures > 0:
            Receiver.failures -= 1
            status = 503
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        pass


def serve_python():
    scope = {"json": json, "os": os, "Webhook": Webhook, "WebhookVerificationError": WebhookVerificationError}
    exec(sample("python"), scope)  # noqa: S102  The sample is ours.
    Receiver.sample = scope
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/events", scope


def serve_typescript(work, node, modules):
    folder = pathlib.Path(work)
    (folder / "node_modules").symlink_to(modules)
    (folder / "package.json").write_text('{"type": "module"}')
    tail = '.listen(0, "127.0.0.1", function () { console.log(this.address().port); });\n'
    (folder / "receiver.ts").write_text(HEAD + sample("typescript").rstrip() + tail)
    arguments = [node, "--experimental-strip-types", "--no-warnings", "receiver.ts"]
    process = subprocess.Popen(arguments, cwd=folder, stdout=subprocess.PIPE, text=True)
    return f"http://127.0.0.1:{int(process.stdout.readline())}/events", process


def refuses_unsigned(url):
    request = urllib.request.Request(url, data=b'{"id": "evt_forged", "type": "user.plan_changed"}', headers={
        "webhook-id": "evt_forged", "webhook-timestamp": "1", "webhook-signature": "v1,forged",
    })
    try:
        urllib.request.urlopen(request, timeout=10)
    except urllib.error.HTTPError as error:
        return error.code == 401
    return False


def play(sandbox, urls):
    """A year of one customer whose card fails and recovers; gives the plans that the API shows."""
    credentials = call(f"{sandbox}/sandbox/credentials")
    token = credentials["admin_token"]
    endpoints = [{"name": f"sample{place}", "url": url, "keys": [KEY]} for place, url in enumerate(urls)]
    call(f"{sandbox}/sandbox/events/endpoints", {"endpoints": endpoints}, "PUT")
    order = call(f"{sandbox}/api/subscriptions", {
        "user_id": "events-user", "email": "events@customer.example", "plan_id": "PRO", "billing_cycle": "monthly",
    }, token=token)["subscription_id"]
    call(f"{sandbox}/sandbox/ecpay/orders/{order}/pay", {})
    plans = []

    def days(count):
        call(f"{sandbox}/sandbox/clock", {"advance_days": count})
        shown = call(f"{sandbox}/api/subscriptions/{order}", token=token)
        plans.append(shown["plan_id"])

    days(40)
    # The charge and its three retries fail; the customer pays later.
    call(f"{sandbox}/sandbox/ecpay/orders/{order}", {"next_outcomes": ["10100058"] * 4}, "PUT")
    days(35)
    call(f"{sandbox}/sandbox/ecpay/orders/{order}/charge", {"rtn_code": "1"})
    days(1)
    return plans


def percentile(seconds, share):
    return sorted(seconds)[int(len(seconds) * share) - 1]


def latencies(sandbox, count):
    """Seconds from the request that pays an order to the last event about it, and to the receipt."""
    token = call(f"{sandbox}/sandbox/credentials")["admin_token"]
    events, mails = [], []
    for number in range(count):
        email = f"quick-{number}@customer.example"
        wanted = {"user_id": f"quick-{number}", "email": email, "plan_id": "PRO", "billing_cycle": "monthly"}
        order = call(f"{sandbox}/api/subscriptions", wanted, token=token)["subscription_id"]
        began = time.monotonic()
        call(f"{sandbox}/sandbox/ecpay/orders/{order}/pay", {})
        while not any(message["to"] == email for message in call(f"{sandbox}/sandbox/messages")["messages"]):
            assert time.monotonic() - began < 20, "no receipt"
        mails.append(time.monotonic() - began)
        with Receiver.arrived:
            assert Receiver.arrived.wait_for(lambda order=order: len(Receiver.arrivals.get(order, [])) >= 3, 20)
        events.append(Receiver.arrivals[order][2] - began)
    return events, mails


def main():
    os.environ["EVENTS_KEY"] = KEY
    binary, node, modules = sys.argv[1:]
    with tempfile.TemporaryDirectory() as work:
        typescript, process = serve_typescript(work, node, modules)
        sandbox = subprocess.Popen([binary, "serve", "--port", "0"], stdout=subprocess.PIPE, text=True)
        try:
            found = (re.search(r"http://127\.0\.0\.1:\d+", line) for line in sandbox.stdout)
            base = next(match.group() for match in found if match)
            python, scope = serve_python()
            assert refuses_unsigned(python) and refuses_unsigned(typescript)
            plans = play(base, [python, typescript])
            events, mails = latencies(base, 40)
            print(f"p95 from the payment: events {percentile(events, .95):.3f} s, mail {percentile(mails, .95):.3f} s")
            process.send_signal(signal.SIGTERM)
            of_typescript = {user: known["plan"] for user, known in json.loads(process.communicate(timeout=10)[0])}
            of_python = {user: plan for user, (_, plan) in scope["plans"].items()}
            of_python, of_typescript = [
                {user: plan for user, plan in plans.items() if not user.startswith("quick-")}
                for plans in (of_python, of_typescript)
            ]
            print(f"plans {plans}, Python {of_python}, TypeScript {of_typescript}, received {Receiver.received}")
            assert plans == ["PRO", "FREE", "PRO"], plans
            assert of_python == of_typescript == {"events-user": plans[-1]}, (of_python, of_typescript)
            assert Receiver.failures == 0 and Receiver.received > len(scope["seen"]) > 5
        finally:
            sandbox.kill()
            process.kill()


if __name__ == "__main__":
    main()
