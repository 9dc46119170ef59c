"""A client of one connection for each request, for servers that keep none.

ask.py PORT SECONDS prints how many responses it has read to their end.
"""

import socket
import ssl
import sys
import time

context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE


def ask(port):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        with context.wrap_socket(plain) as stream:
            stream.sendall(b"GET /item HTTP/1.1\r\nHost: localhost\r\n\r\n")
            response = b""
            while piece := stream.recv(16384):
                response += piece
    if not response.startswith(b"HTTP/1.0 200 "):
        sys.exit(f"the server answered {response[:80]!r}")


port, end = int(sys.argv[1]), time.monotonic() + float(sys.argv[2])
count = 0
while time.monotonic() < end:
    ask(port)
    count += 1
print(count)
