"""What all parts of the stack have in common: the fault that ends a script, checks, times, and servers on loopback."""

import datetime
import http.server
import json
import threading
import time

REGION, ACCOUNT = "ap-northeast-1", "123456789012"  # moto's account
# What boto3 and the bootstraps sign with; moto accepts every signature.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "invented", "AWS_SECRET_ACCESS_KEY": "invented-secret-access-key"}
# Longest wait for an answer, in seconds. Whatever takes so long hangs.
PATIENCE = 60
TAIPEI = datetime.timezone(datetime.timedelta(hours=8))
JAKARTA = datetime.timezone(datetime.timedelta(hours=7))


class Fault(Exception):
    """What is not as it must be, in one sentence."""


def check(what, found, expected):
    if found != expected:
        raise Fault(f"{what}: {json.dumps(found, ensure_ascii=False, default=str)}, not "
                    f"{json.dumps(expected, ensure_ascii=False, default=str)}")


def part(answer, *names):
    return {name: answer.get(name) for name in names}


def now():
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


def until_the_next_second():
    begin = now()
    while now() == begin:
        time.sleep(0.05)


def utc(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def ecpay_time(moment):
    return moment.astimezone(TAIPEI).strftime("%Y/%m/%d %H:%M:%S")


def days(count, **more):
    return datetime.timedelta(days=count, **more)


def serve(handle):
    """Serves `handle(method, path, headers, body) -> (status, headers, body)` on a free loopback port; its address."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, headers, answer = handle(self.command, self.path, self.headers, body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer

        def log_message(self, *_):
            pass

        def handle_one_request(self):
            try:
                super().handle_one_request()
            except ConnectionError:
                # A bootstrap that was ended.
                self.close_connection = True

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    # Small answers would wait for the acknowledgement of their headers.
    Handler.wbufsize = -1
    Handler.disable_nagle_algorithm = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"
