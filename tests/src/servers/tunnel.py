"""A proxy that is reached over TLS, for the live tests.

tunnel.py PORT CERTIFICATES takes CONNECT, prints a JSON line, and passes on what it does not read.
"""

import json
import os
import socket
import ssl
import sys
import threading


def pump(source, sink):
    try:
        while piece := source.recv(65536):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except (OSError, ValueError):
        pass


def take(client, port):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.recv(4096)
    method, target, _ = head.decode().split("\r\n")[0].split(" ")
    there = socket.create_connection(("127.0.0.1", int(target.rpartition(":")[2])))
    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    line = {"method": method, "target": target, "status": 200, "port": port, "pid": os.getpid()}
    os.write(1, (json.dumps(line) + "\n").encode())
    threading.Thread(target=pump, args=(there, client), daemon=True).start()
    pump(client, there)


def main():
    port, folder = sys.argv[1:]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder + "/server.pem", folder + "/server.key")
    listener = socket.create_server(("127.0.0.1", int(port)))
    while True:
        plain, address = listener.accept()
        client = context.wrap_socket(plain, server_side=True)
        threading.Thread(target=take, args=(client, address[1]), daemon=True).start()


main()
