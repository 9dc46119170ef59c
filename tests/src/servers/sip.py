"""A server over TLS that takes few bytes at a time, for the live tests.

sip.py PORT CERTIFICATES prints a JSON line for every exchange it has answered, all with 200. Most of
what it reads is in the library already: no system call comes with it.
"""

import json
import os
import socket
import ssl
import sys


def take(client, port):
    head = b""
    while piece := client.recv(7):
        head += piece
        if b"\r\n\r\n" not in head:
            continue
        first, _, head = head.partition(b"\r\n\r\n")
        method, target, _ = first.decode().split("\r\n")[0].split(" ")
        for part in (b"HTTP/1.1 200 OK\r\n", b"Content-Length: 4\r\n\r\nsi", b"ps"):
            client.sendall(part)
        line = {"method": method, "target": target, "status": 200, "port": port}
        line.update(pid=os.getpid(), body_bytes=4, tls=client.version())
        os.write(1, (json.dumps(line) + "\n").encode())


def main():
    port, folder = sys.argv[1:]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder + "/server.pem", folder + "/server.key")
    listener = socket.create_server(("127.0.0.1", int(port)))
    while True:
        plain, address = listener.accept()
        with context.wrap_socket(plain, server_side=True) as client:
            take(client, address[1])


main()
