"""Responses for the live tests that go on until a file is there.

stream.py PORT FILE prints a JSON line for every response that is over.
GET /events: server-sent events, and a comment now and then; /trickle: a byte now and then.
"""

import http.server
import json
import os
import sys
import time

port, stop = sys.argv[1:]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        events = self.path == "/events"
        self.sent = {"events": 0, "comments": 0, "body_bytes": 0}
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream" if events else "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        number = 0
        while not os.path.exists(stop):
            number += 1
            self.event(number) if events else self.chunk(b"x")
            time.sleep(0.05)
        self.wfile.write(b"0\r\n\r\n")
        os.write(1, (json.dumps(self.sent) + "\n").encode())

    def event(self, number):
        if number % 10 == 0:
            self.sent["comments"] += 1
            return self.chunk(b": still here\n\n")
        self.sent["events"] += 1
        self.chunk(f"id: {number}\nevent: tick\n".encode())
        self.chunk(f"data: {{\"number\": {number}}}\n\n".encode())

    def chunk(self, data):
        self.sent["body_bytes"] += len(data)
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
