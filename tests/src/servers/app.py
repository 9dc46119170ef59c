"""Python's own HTTP server with answers for the live tests.

app.py PORT|PATH thread|fork 1.0|1.1 [CERTIFICATES] prints a JSON line for every exchange it has
answered; with a folder of certificates it speaks TLS.
GET /length/N, /close/N (ended by closing), /chunked/N, /sleep/MS; POST anything gives its length.
"""

import json
import os
import socketserver
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler


class Handler(BaseHTTPRequestHandler):
    def answer(self, status, body, kind):
        self.send_response(status)
        if kind == "length":
            self.send_header("Content-Length", str(len(body)))
        elif kind == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if kind == "chunked":
            self.send_chunks(body)
        else:
            self.wfile.write(body)
        self.tell(status, len(body))

    def send_chunks(self, body):
        for start in range(0, len(body), 10000):
            piece = body[start : start + 10000]
            self.wfile.write(b"%x;part=%d\r\n%b\r\n" % (len(piece), start, piece))
        self.wfile.write(b"0\r\nX-Sum: none\r\n\r\n")

    def tell(self, status, size):
        port = 0 if isinstance(self.client_address, (str, bytes)) else self.client_address[1]
        line = {
            "method": self.command,
            "target": self.path,
            "status": status,
            "port": port,
            "pid": os.getpid(),
            "body_bytes": size,
        }
        if isinstance(self.connection, ssl.SSLSocket):
            line["tls"] = self.connection.version()
        # One write, so that lines of several processes stay whole.
        os.write(1, (json.dumps(line) + "\n").encode())

    def do_GET(self):
        word, _, rest = self.path.strip("/").partition("/")
        number = int(rest.partition("?")[0] or 0) if word in ("length", "close", "chunked", "sleep") else 0
        if word == "sleep":
            time.sleep(number / 1000)
            self.answer(200, b"late", "length")
        elif word in ("length", "close", "chunked"):
            self.answer(200, b"x" * number, word)
        else:
            self.answer(404, b"nothing there", "length")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(200, b"%d" % len(body), "length")

    def log_message(self, *_):
        pass


def main():
    place, mode, version, *certificates = sys.argv[1:]
    Handler.protocol_version = "HTTP/" + version
    mixin = socketserver.ForkingMixIn if mode == "fork" else socketserver.ThreadingMixIn
    is_port = place.isdigit()
    base = socketserver.TCPServer if is_port else socketserver.UnixStreamServer

    class Server(mixin, base):
        allow_reuse_address = True
        daemon_threads = True
        request_queue_size = 100

    server = Server(("127.0.0.1", int(place)) if is_port else place, Handler)
    for folder in certificates:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(folder + "/server.pem", folder + "/server.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


main()
