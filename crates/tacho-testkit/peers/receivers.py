#!/usr/bin/python3
"""The other side of every kind of receiver, for tests: HTTP services that check what their public documents ask
for, and mail servers (aiosmtpd). With a certificate all of them over TLS too, mail with STARTTLS and sign-in.

Standard input ends it. Standard output has one JSON object a line: first the addresses, then what was taken or
refused. Written with Python's own libraries, so that nothing is shared with what it checks.

WeCom: https://developer.work.weixin.qq.com/document/path/91770
WeCom application: https://developer.work.weixin.qq.com/document/path/91039 (token),
https://developer.work.weixin.qq.com/document/path/90236 (message), and path/90313 (errors)
DingTalk: https://open.dingtalk.com/document/robots/customize-robot-security-settings
Feishu: https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
Slack: https://api.slack.com/messaging/webhooks
Telegram: https://core.telegram.org/bots/api#sendmessage, https://core.telegram.org/bots/api#sendphoto
Alertmanager: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

import argparse
import base64
import datetime
import email
import email.policy
import hashlib
import hmac
import json
import re
import ssl
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

try:
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult
except ImportError:
    Controller = None

HOUR = 3600
lock = threading.Lock()
PNG = b"\x89PNG\r\n\x1a\n"
wecom_times = []
# Tokens of the WeCom application, and how many messages each may still carry before it is said to have expired.
wecom_tokens = {}


def say(**what):
    with lock:
        print(json.dumps(what, ensure_ascii=False), flush=True)


def signed(key, text):
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


class Refused(Exception):
    def __init__(self, status, answer):
        super().__init__(str(answer))
        self.status, self.answer = status, answer


def webhook(args, request, query, body):
    expected = "sha256=" + hmac.new(args.key.encode(), request.raw, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(request.headers.get("X-Tacho-Signature", ""), expected):
        raise Refused(401, "the signature is wrong")
    return body["text"], b""


def wecom(args, request, query, body):
    if query.get("key") != ["wecom-key"]:
        raise Refused(200, {"errcode": 93000, "errmsg": "invalid webhook url"})
    now = time.monotonic()
    with lock:
        wecom_times[:] = [then for then in wecom_times if now - then < 60] + [now]
    if len(wecom_times) > 20:
        raise Refused(200, {"errcode": 45009, "errmsg": "api freq out of limit"})
    if body["msgtype"] == "image":
        png = base64.b64decode(body["image"]["base64"], validate=True)
        assert png.startswith(PNG) and len(png) <= 2 << 20, png[:8]
        if hashlib.md5(png).hexdigest() != body["image"]["md5"]:
            raise Refused(200, {"errcode": 301019, "errmsg": "media md5 not match"})
        return f"picture of {len(png)} bytes", {"errcode": 0, "errmsg": "ok"}
    assert body["msgtype"] == "text"
    if len(body["text"]["content"].encode()) > 2048:
        raise Refused(200, {"errcode": 45002, "errmsg": "content size out of limit"})
    return body["text"]["content"], {"errcode": 0, "errmsg": "ok"}


def wecom_token(args, query):
    if query.get("corpid") != ["ww-corp"] or query.get("corpsecret") != [args.key]:
        raise Refused(200, {"errcode": 40001, "errmsg": "invalid credential"})
    with lock:
        token = f"token-{len(wecom_tokens)}"
        wecom_tokens[token] = 1
    return token, {"errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": 7200}


def wecom_app(args, request, query, body):
    if request.path.split("?")[0] != "/wecomapp/cgi-bin/message/send":
        raise Refused(404, "no such address")
    token = query.get("access_token", [""])[0]
    with lock:
        if token not in wecom_tokens:
            raise Refused(200, {"errcode": 40014, "errmsg": "invalid access_token"})
        wecom_tokens[token] -= 1
        if wecom_tokens[token] < 0:
            raise Refused(200, {"errcode": 42001, "errmsg": "access_token expired"})
    if body["agentid"] != 1000002:
        raise Refused(200, {"errcode": 40056, "errmsg": "invalid agentid"})
    users = [user for user in body.get("touser", "").split("|") if user]
    parties = [party for party in body.get("toparty", "").split("|") if party]
    if not users and not parties and not body.get("totag"):
        raise Refused(200, {"errcode": 81013, "errmsg": "user & party & tag all invalid"})
    assert len(users) <= 1000 and len(parties) <= 100
    kind = body["msgtype"]
    assert kind in ("text", "markdown"), kind
    if len(body[kind]["content"].encode()) > 2048:
        raise Refused(200, {"errcode": 45002, "errmsg": "content size out of limit"})
    return body[kind]["content"], {"errcode": 0, "errmsg": "ok", "msgid": "1"}


def dingtalk(args, request, query, body):
    timestamp, sign = query["timestamp"][0], query["sign"][0]
    fresh = abs(time.time() - int(timestamp) / 1000) < HOUR
    if not fresh or sign != signed(args.key, f"{timestamp}\n{args.key}"):
        raise Refused(200, {"errcode": 310000, "errmsg": "sign not match"})
    assert body["msgtype"] == "text" and query["access_token"] == ["dingtalk-token"]
    return body["text"]["content"], {"errcode": 0, "errmsg": "ok"}


def feishu(args, request, query, body):
    timestamp = body["timestamp"]
    fresh = abs(time.time() - int(timestamp)) < HOUR
    if not fresh or body["sign"] != signed(f"{timestamp}\n{args.key}", ""):
        raise Refused(200, {"code": 19021, "msg": "sign match fail or timestamp is not within one hour"})
    assert body["msg_type"] == "text" and len(request.raw) <= 20_000
    return body["content"]["text"], {"code": 0, "msg": "success", "data": {}}


def slack(args, request, query, body):
    if not re.fullmatch(r"/slack/T0/B0/secret", request.path):
        raise Refused(403, "invalid_token")
    return body["text"], b"ok"


def telegram(args, request, query, body):
    if request.path.startswith("/telegram/bot1:token/sendPhoto"):
        parts = {part.get_param("name", header="content-disposition"): part for part in body.iter_parts()}
        assert parts["chat_id"].get_payload() == "-1001", parts["chat_id"].get_payload()
        photo = parts["photo"]
        png = photo.get_payload(decode=True)
        assert photo.get_filename() and png.startswith(PNG) and len(png) <= 10 << 20
        return f"picture of {len(png)} bytes", {"ok": True, "result": {"message_id": 2}}
    if not request.path.startswith("/telegram/bot1:token/sendMessage") or body["chat_id"] != "-1001":
        raise Refused(400, {"ok": False, "error_code": 400, "description": "Bad Request: chat not found"})
    if not 1 <= len(body["text"]) <= 4096:
        raise Refused(400, {"ok": False, "error_code": 400, "description": "Bad Request: message is too long"})
    return body["text"], {"ok": True, "result": {"message_id": 1}}


def alertmanager(args, request, query, body):
    for alert in body:
        for name in alert["labels"]:
            assert re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name), name
        starts, ends = (datetime.datetime.fromisoformat(alert[name]) for name in ("startsAt", "endsAt"))
        assert starts <= ends, (starts, ends)
    return json.dumps(body, ensure_ascii=False), b""


class Handler(BaseHTTPRequestHandler):
    args = None
    kinds = {
        "webhook": webhook,
        "wecom": wecom,
        "wecomapp": wecom_app,
        "dingtalk": dingtalk,
        "feishu": feishu,
        "slack": slack,
        "telegram": telegram,
        "api": alertmanager,
    }

    def do_POST(self):
        address = urllib.parse.urlsplit(self.path)
        kind = address.path.split("/")[1]
        self.raw = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            kind_of_body = self.headers["Content-Type"]
            if kind_of_body.startswith("multipart/"):
                head = f"Content-Type: {kind_of_body}\r\nMIME-Version: 1.0\r\n\r\n".encode()
                body = email.message_from_bytes(head + self.raw, policy=email.policy.HTTP)
            else:
                body = json.loads(self.raw)
            text, answer = self.kinds[kind](self.args, self, urllib.parse.parse_qs(address.query), body)
            status = 200
            say(kind=kind, text=text, body=body if isinstance(body, (dict, list)) else None, tls=isinstance(self.connection, ssl.SSLSocket))
        except Refused as refused:
            status, answer = refused.status, refused.answer
            say(kind=kind, refused=str(refused))
        except Exception as error:  # what a service can not read is a bad request
            status, answer = 400, f"{type(error).__name__}: {error}"
            say(kind=kind, refused=answer)
        self.answer(status, answer)

    def do_GET(self):
        address = urllib.parse.urlsplit(self.path)
        try:
            if address.path != "/wecomapp/cgi-bin/gettoken":
                raise Refused(404, "no such address")
            text, answer = wecom_token(self.args, urllib.parse.parse_qs(address.query))
            status = 200
            say(kind="wecomapp_token", text=text)
        except Refused as refused:
            status, answer = refused.status, refused.answer
            say(kind="wecomapp_token", refused=str(refused))
        self.answer(status, answer)

    def answer(self, status, answer):
        data = answer if isinstance(answer, bytes) else (
            answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class Mailbox:
    def __init__(self, kind):
        self.kind = kind

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = {part.get_content_type(): part.get_content() for part in message.walk() if not part.is_multipart()}
        pictures = [part["Content-ID"] for part in message.walk()
                    if part.get_content_type() == "image/png" and part.get_content().startswith(PNG)]
        say(kind=self.kind, text=parts.get("text/plain", ""), html=parts.get("text/html", ""),
            pictures=pictures, subject=message["Subject"], sender=envelope.mail_from, to=envelope.rcpt_tos,
            signed_in=bool(session.authenticated), tls=session.ssl is not None)
        return "250 taken"


class Port(Controller or object):
    """aiosmtpd's controller on a port of the system's choice."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


def tls_context(args):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(args.certificate, args.certificate_key)
    return context


def mail_servers(args):
    if Controller is None:
        return {"smtp": None, "smtp_starttls": None}
    plain = Port(Mailbox("email"), hostname="127.0.0.1", port=0)
    plain.start()
    servers = {"smtp": plain.port, "smtp_starttls": None}
    if args.certificate:
        def authenticate(server, session, envelope, mechanism, data):
            good = (data.login, data.password) == (args.user.encode(), args.key.encode())
            return AuthResult(success=good, handled=good)

        secure = Port(Mailbox("email_starttls"), hostname="127.0.0.1", port=0, tls_context=tls_context(args),
                      require_starttls=True, auth_required=True, authenticator=authenticate)
        secure.start()
        servers["smtp_starttls"] = secure.port
    return servers


def serve(port, tls=None):
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--key", required=True)
    parser.add_argument("--user", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--certificate")
    parser.add_argument("--certificate-key")
    args = parser.parse_args()
    Handler.args = args
    say(http=serve(args.port), https=serve(0, tls_context(args)) if args.certificate else None, **mail_servers(args))
    sys.stdin.read()


main()
