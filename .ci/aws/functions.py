"""The functions of a release: bootstraps in processes of their own, with Lambda and API Gateway before them."""

import base64
import hashlib
import hmac
import http.client
import json
import pathlib
import queue
import re
import subprocess
import sys
import threading
import time
import urllib.parse

from emulator import SECRETS

from .common import ACCOUNT, CREDENTIALS, PATIENCE, REGION, Fault, serve
from .partners import ECPAY, signed

STAFF = {"name": "support", "token": "moto-staff-token-invented"}
JWT_KEY = SECRETS["duekeeper/admin"]["jwt_key"]


class Bootstrap:
    """A bootstrap in a process of its own, and the runtime API from which it takes its events (AWS, "Using the Lambda runtime
    API for custom runtimes")."""

    def __init__(self, binary, environment, log):
        self.name = binary.name
        self.events, self.answers, self.lock = queue.Queue(), queue.Queue(), threading.Lock()
        self.count, self.stopped = 0, False
        api = serve(self.runtime_api)
        environment = environment | {"AWS_LAMBDA_RUNTIME_API": api.removeprefix("http://")}
        self.process = subprocess.Popen([binary], env=environment, stdout=log, stderr=subprocess.STDOUT,
                                        stdin=subprocess.DEVNULL)

    def runtime_api(self, method, path, _, body):
        parts = path.removeprefix("/2018-06-01/runtime/").split("/")
        if (method, parts) == ("GET", ["invocation", "next"]):
            event = self.events.get()
            self.count += 1
            headers = {
                "content-type": "application/json",
                "lambda-runtime-aws-request-id": f"00000000-0000-4000-8000-{self.count:012}",
                "lambda-runtime-deadline-ms": str(int((time.time() + PATIENCE) * 1000)),
                "lambda-runtime-invoked-function-arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.name}",
                "lambda-runtime-trace-id": "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0",
            }
            return 200, headers, json.dumps(event).encode()
        # invocation/<id>/response, invocation/<id>/error, init/error
        self.answers.put((parts[-1], json.loads(body)))
        return 202, {}, b""

    def attempt(self, event):
        """Invokes the function: `response` or `error`, and its answer."""
        with self.lock:
            self.events.put(event)
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline:
                try:
                    return self.answers.get(timeout=0.2)
                except queue.Empty:
                    if self.stopped:
                        raise ConnectionAbortedError(f"{self.name} was stopped") from None
                    if self.process.poll() is not None:
                        raise Fault(f"{self.name} ended by itself with status {self.process.returncode}") from None
            raise Fault(f"{self.name} does not answer within {PATIENCE} s")

    def invoke(self, event):
        kind, answer = self.attempt(event)
        if kind != "response":
            raise Fault(f"{self.name} failed for {json.dumps(event)[:200]}: {json.dumps(answer)}")
        return answer

    def stop(self):
        self.stopped = True
        self.process.kill()
        self.process.wait()


class Release:
    """The functions of one version, started when they are first used, on the table and secrets in moto."""

    def __init__(self, stack, binaries, template):
        self.moto, self.outside, self.work, self.template = stack.moto, stack.outside, stack.work, template
        self.binaries, self.running, self.queued = pathlib.Path(binaries), {}, []
        # The release whose functions take this one's invocations.
        self.invoked = self
        # moto starts functions in Docker, so invocations are taken here and everything else goes on to moto.
        self.url = serve(self.gateway)
        self.connections = threading.local()

    def gateway(self, method, path, headers, body):
        invoked = re.fullmatch(r"/2015-03-31/functions/([^/]+)/invocations", path)
        if invoked:
            return self.invocation(invoked[1], headers, json.loads(body))
        if not hasattr(self.connections, "moto"):
            self.connections.moto = http.client.HTTPConnection(self.moto.url.removeprefix("http://"), timeout=PATIENCE)
        connection = self.connections.moto
        # One call at a time: moto undoes a transaction that fails by a copy of the table of before, and with it whatever other
        # calls wrote in between.
        with self.moto.one_at_a_time:
            connection.request(method, path, body, dict(headers.items()))
            answer = connection.getresponse()
            body = answer.read()
        kept = {name: value for name, value in answer.getheaders()
                if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server")}
        return answer.status, kept, body

    def invocation(self, physical, headers, event):
        """Lambda's Invoke. An event that is not waited for is kept in `queued`, so that each run is the same."""
        name = next(name for name in self.template.functions() if self.template.reference(name) == physical)
        if headers["x-amz-invocation-type"] == "Event":
            self.invoked.queued.append((name, event))
            return 202, {}, b""
        try:
            kind, answer = self.invoked.bootstrap(name).attempt(event)
        except Fault as fault:
            # The caller's answer will not say why.
            print(fault, file=sys.stderr)
            kind, answer = "error", {"errorMessage": str(fault)}
        error = {} if kind == "response" else {"x-amz-function-error": "Unhandled"}
        return 200, {"content-type": "application/json"} | error, json.dumps(answer).encode()

    def environment(self, function):
        known = self.template.environment(function)
        partners = {name: value for name, value in self.outside.environment().items() if name in known}
        return known | partners | CREDENTIALS | {
            "AWS_REGION": REGION, "AWS_ENDPOINT_URL": self.url, "AWS_LAMBDA_FUNCTION_NAME": self.template.reference(function),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_LOG_GROUP_NAME": "invented", "AWS_LAMBDA_LOG_STREAM_NAME": "invented",
        }

    def bootstrap(self, function):
        if function not in self.running:
            binary = self.binaries / self.template.functions()[function]
            with open(self.work / f"{binary.name}.log", "ab") as log:
                self.running[function] = Bootstrap(binary, self.environment(function), log)
        return self.running[function]

    def invoke(self, function, event):
        return self.bootstrap(function).invoke(event)

    def restart(self, function):
        """Ends the instance of a function, so that its next event meets a new one."""
        if function in self.running:
            self.running.pop(function).stop()

    def stop(self):
        for function in list(self.running):
            self.restart(function)

    def request(self, method, target, headers, body=b""):
        """A request through API Gateway: status and body of the answer."""
        answer = self.answer(method, target, headers, body)
        text = answer["body"] or ""
        return answer["statusCode"], base64.b64decode(text).decode() if answer["isBase64Encoded"] else text

    def answer(self, method, target, headers, body=b"", cookies=()):
        """The function's answer to the event that API Gateway makes of a request (payload format 2.0)."""
        path, _, query = target.partition("?")
        route, function, variables = self.template.route(method, path)
        given = urllib.parse.parse_qsl(query, keep_blank_values=True)
        event = {
            "version": "2.0", "routeKey": route, "rawPath": urllib.parse.unquote(path), "rawQueryString": query,
            "headers": {"host": "api.dev.duekeeper.example", "content-length": str(len(body))} | headers,
            "requestContext": {
                "accountId": ACCOUNT, "apiId": "invented01", "domainName": "api.dev.duekeeper.example", "domainPrefix": "api",
                "http": {"method": method, "path": urllib.parse.unquote(path), "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1",
                         "userAgent": "invented"},
                "requestId": "invented", "routeKey": route, "stage": "$default", "time": "01/Jan/2025:00:00:00 +0000",
                "timeEpoch": 1735689600000,
            },
            "isBase64Encoded": bool(body),
        }
        # Absent where there are none, as in API Gateway's events.
        event |= {"queryStringParameters": dict(given)} if given else {}
        event |= {"pathParameters": variables} if variables else {}
        event |= {"cookies": list(cookies)} if cookies else {}
        event |= {"body": base64.b64encode(body).decode()} if body else {}
        return self.invoke(function, event)

    def callback(self, fields, keys=ECPAY):
        """A callback of ECPay about a first charge, or a later one: status and body of the answer."""
        return self.form(fields, signed(fields, keys))

    def form(self, fields, sent):
        kind = "ecpay-auth" if "TradeAmt" in dict(fields) else "ecpay-billing"
        body = urllib.parse.urlencode(sent).encode()
        return self.request("POST", f"/api/webhooks/{kind}", {"content-type": "application/x-www-form-urlencoded"}, body)

    def call(self, method, target, body=None, expected=200, token=None, key=None, kind="application/json"):
        """A request of staff, or of an app with its token: the JSON of the answer, which must have that status."""
        headers = {"authorization": f"Bearer {token or STAFF['token']}"}
        headers |= {"idempotency-key": key} if key else {}
        if body is not None:
            headers["content-type"] = kind
            body = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        status, text = self.request(method, target, headers, body or b"")
        if status != expected:
            raise Fault(f"{method} {target}: answered {status}, not {expected}: {text[:400]}")
        return json.loads(text)


def app_token(scopes):
    """A JSON Web Token of one of the business's apps (RFC 7519, HS256)."""
    def encoded(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    claims = {"sub": "moto-app", "aud": "duekeeper", "scope": scopes, "exp": int(time.time()) + 3600}
    head = encoded(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    signed_part = head + b"." + encoded(json.dumps(claims).encode())
    mac = hmac.new(JWT_KEY.encode(), signed_part, hashlib.sha256).digest()
    return (signed_part + b"." + encoded(mac)).decode()
