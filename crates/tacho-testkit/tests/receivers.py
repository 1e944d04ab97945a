"""A mail server with STARTTLS and sign-in, and an HTTPS server, for tests of messages to people.

    receivers.py CERTIFICATE KEY USER PASSWORD

The first line on standard output has both ports; then there is a line for each message, as JSON. Ends with its standard
input.
"""

import http.server
import json
import socket
import ssl
import sys
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

certificate, key, user, password = sys.argv[1:]
tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
tls.load_cert_chain(certificate, key)
lock = threading.Lock()


def tell(message):
    with lock:
        print(json.dumps(message), flush=True)


class Mail:
    async def handle_DATA(self, server, session, envelope):
        tell({
            "kind": "email",
            "tls": session.ssl is not None,
            "signed_in": bool(session.authenticated),
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "content": envelope.content.decode("utf-8", "replace"),
        })
        return "250 taken"


def sign_in(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword) and data == LoginPassword(user.encode(), password.encode())
    return AuthResult(success=good, handled=good)


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        tell({"kind": "https", "path": self.path, "signature": self.headers.get("x-tacho-signature"), "body": body})
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


mail = Controller(
    Mail(),
    hostname="127.0.0.1",
    port=free_port(),
    tls_context=tls,
    require_starttls=True,
    authenticator=sign_in,
    auth_required=True,
)
mail.start()
hook = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
hook.socket = tls.wrap_socket(hook.socket, server_side=True)
threading.Thread(target=hook.serve_forever, daemon=True).start()
tell({"smtp": mail.port, "https": hook.server_port})
sys.stdin.read()
