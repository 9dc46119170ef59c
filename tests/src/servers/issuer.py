"""A server that issues JSON Web Tokens and sessions, and knows whom each request comes from.

issuer.py PORT SECRET prints a JSON line for every exchange it has answered; `user` is whom it took the
request to come from, before it answered.
POST /token (JSON, `user` and `password`) gives a token; POST /login the same way begins a session; GET /me
with either is answered 200, and 401 without.
"""

import json
import os
import secrets
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt

ISSUER = "https://issuer.example.test"
SESSIONS = {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        user = body["user"] if body["password"] == "right" else None
        if user is None:
            return self.answer(401, None, "no")
        if self.path == "/token":
            now = int(time.time())
            claims = {"iss": ISSUER, "sub": user, "iat": now, "exp": now + int(body.get("seconds", 600))}
            token = jwt.encode(claims, sys.argv[2], algorithm="HS256", headers={"kid": "1"})
            return self.answer(200, None, token)
        cookie = secrets.token_urlsafe(24)
        SESSIONS[cookie] = user
        self.answer(200, None, "welcome", ("Set-Cookie", f"sessionid={cookie}; HttpOnly; Path=/"))

    def do_GET(self):
        user = self.by_token() or self.by_session()
        self.answer(200 if user else 401, user, "you")

    def by_token(self):
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            return None
        try:
            return jwt.decode(token, sys.argv[2], algorithms=["HS256"], issuer=ISSUER)["sub"]
        except jwt.InvalidTokenError:
            return None

    def by_session(self):
        name, _, value = self.headers.get("Cookie", "").partition("=")
        return SESSIONS.get(value) if name == "sessionid" else None

    def answer(self, status, user, text, *fields):
        self.send_response(status)
        for field in fields:
            self.send_header(*field)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
        line = {"method": self.command, "target": self.path, "status": status, "user": user or ""}
        line["port"] = self.client_address[1]
        os.write(1, (json.dumps(line) + "\n").encode())

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
