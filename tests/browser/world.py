"""The served sandbox: the product, simulated ECPay, mails and clock behind one address."""

import json
import os
import re
import subprocess
import threading
import urllib.error
import urllib.request

# First instant of the worlds of most tests, in Taipei. Far from the end of a month, so that a month later is the same day.
BEGIN = "2025-01-05T10:00:00+08:00"


class World:
    """A sandbox of its own, which ends with the test."""

    def __init__(self, program, now=BEGIN, log_level="warn,dynoxide=error"):
        command = [program, "serve", "--port", "0", "--now", now]
        environment = {**os.environ, "LOG_LEVEL": log_level}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        served = (re.match(r"Serving (\S+)", line) for line in self.process.stdout)
        self.base = next(found.group(1) for found in served if found)
        # Lines of the log so far, which are read at once: a pipe that is full would hold up the sandbox.
        self.log = []
        self.reader = threading.Thread(target=lambda: self.log.extend(self.process.stdout))
        self.reader.start()
        self.token = self.call("GET", "/sandbox/credentials")["admin_token"]

    def end(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()

    def call(self, method, path, body=None):
        """Calls a route or a control, and returns its JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, method=method)
        request.add_header("content-type", "application/json")
        if not path.startswith("/sandbox/"):
            request.add_header("authorization", f"Bearer {self.token}")
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from None

    def order(self, user, plan="PRO", cycle="monthly", locale="zh-TW"):
        """Makes an order through the API; it is not paid yet."""
        body = {"user_id": user, "email": email(user), "plan_id": plan, "billing_cycle": cycle, "locale": locale}
        return self.call("POST", "/api/subscriptions", body)

    def subscribe(self, user, *outcomes, **terms):
        """Makes an order and pays it. The later charges end with these RtnCodes."""
        number = self.order(user, **terms)["subscription_id"]
        self.call("PUT", f"/sandbox/ecpay/orders/{number}", {"next_outcomes": ["1", *outcomes]})
        self.call("POST", f"/sandbox/ecpay/orders/{number}/pay")
        return number

    def account(self, number):
        return self.call("GET", f"/api/subscriptions/{number}")

    def orders(self):
        """Status of every order by its number. The list may be behind, so each order is read."""
        listed = self.call("GET", "/api/subscriptions?limit=100")["subscriptions"]
        return {order["id"]: self.account(order["id"])["status"] for order in listed}

    def at_ecpay(self, number):
        return self.call("GET", f"/sandbox/ecpay/orders/{number}")

    def travel(self, days):
        self.call("POST", "/sandbox/clock", {"advance_days": days})

    def mails(self, user):
        messages = self.call("GET", "/sandbox/messages")["messages"]
        return [message for message in messages if message.get("to") == email(user)]


def email(user):
    return f"{user}@customer.example"
