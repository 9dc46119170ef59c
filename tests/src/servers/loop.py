"""A server of Python's asyncio over TLS for the live tests.

loop.py PORT CERTIFICATES prints a JSON line for every exchange it has answered.
GET /length/N, /chunked/N; POST anything gives its length.
"""

import asyncio
import json
import os
import ssl
import sys


async def take(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            await answer(head, reader, writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def answer(head, reader, writer):
    method, target, _ = head.split("\r\n")[0].split(" ")
    fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
    received = await reader.readexactly(int(fields.get("content-length", 0)))
    word, _, number = target.partition("?")[0].strip("/").partition("/")
    status, body = "200 OK", b"x" * int(number or 0)
    if method == "POST":
        word, body = "length", b"%d" % len(received)
    elif word not in ("length", "chunked"):
        status, word, body = "404 Not Found", "length", b"nothing there"
    kind = "Content-Length: %d" % len(body) if word == "length" else "Transfer-Encoding: chunked"
    writer.write(f"HTTP/1.1 {status}\r\n{kind}\r\n\r\n".encode())
    if word == "length":
        writer.write(body)
    else:
        for start in range(0, len(body), 10000):
            piece = body[start : start + 10000]
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        writer.write(b"0\r\n\r\n")
    await writer.drain()
    line = {
        "method": method,
        "target": target,
        "status": int(status[:3]),
        "port": writer.get_extra_info("peername")[1],
        "pid": os.getpid(),
        "body_bytes": len(body),
        "tls": writer.get_extra_info("ssl_object").version(),
    }
    os.write(1, (json.dumps(line) + "\n").encode())


async def main():
    port, folder = sys.argv[1:]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder + "/server.pem", folder + "/server.key")
    server = await asyncio.start_server(take, "127.0.0.1", int(port), ssl=context)
    await server.serve_forever()


asyncio.run(main())
