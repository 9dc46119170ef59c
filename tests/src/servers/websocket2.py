"""A WebSocket server and client over HTTP/2 (RFC 8441) for the live tests: hypercorn, and h2 with wsproto.

websocket2.py serve PORT deflate|plain [CERTIFICATES] logs and answers as websocket.py does; it
compresses if the client offers to. Anything that is no WebSocket gets `ok`.
websocket2.py ask PORT deflate|plain [CA NAME] opens one connection and reads the commands of
websocket.py, each with the number of a room in front, and `get`: `2 text 5`, `0 get`. The first command
of a room opens its stream, /chat?room=2. It writes `1` and the length of what has come for each.
"""

import asyncio
import json
import os
import random
import socket
import ssl
import sys

chance = random.Random(7)


def words(size):
    return ("all work and no play " * (size // 21 + 1))[:size]


def tell(**line):
    os.write(1, (json.dumps(line) + "\n").encode())


# === the server ===


def told(port, direction, message):
    opcode = "text" if isinstance(message, str) else "binary"
    size = len(message.encode() if isinstance(message, str) else message)
    tell(event="message", port=port, direction=direction, opcode=opcode, size=size)


async def give(send, port, message):
    told(port, "response", message)
    key = "text" if isinstance(message, str) else "bytes"
    await send({"type": "websocket.send", key: message})


async def answer(send, port, message):
    """Answers a message; the code if it closes instead."""
    command = message.split(" ") if isinstance(message, str) else [""]
    if command[0] == "bye":
        return int(command[1])
    if command[0] == "give":
        for number in range(int(command[1])):
            size = int(command[2]) + number
            await give(send, port, words(size) if number % 2 == 0 else chance.randbytes(size))
    else:
        await give(send, port, message)


async def talk(scope, receive, send):
    port, code = scope["client"][1], None
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        event = await receive()
        if event["type"] == "websocket.disconnect":
            break
        message = event["text"] if event.get("text") is not None else event["bytes"]
        told(port, "request", message)
        code = await answer(send, port, message)
        if code:
            await send({"type": "websocket.close", "code": code, "reason": "enough"})
            break
    tell(event="close", port=port, code=code or event["code"])


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await talk(scope, receive, send)
    elif scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})
    else:
        for step in ["startup", "shutdown"]:
            await receive()
            await send({"type": f"lifespan.{step}.complete"})


def serve(port, how, folder=None):
    import hypercorn.asyncio
    import hypercorn.config

    config = hypercorn.config.Config()
    config.bind = [f"127.0.0.1:{port}"]
    if folder:
        config.certfile, config.keyfile = f"{folder}/server.pem", f"{folder}/server.key"
    asyncio.run(hypercorn.asyncio.serve(app, config))


# === the client ===


class Client:
    """One connection; a stream for each room."""

    def __init__(self, port, how, authority=None, name=None):
        self.host, self.deflate = f"127.0.0.1:{port}", how == "deflate"
        self.scheme = "https" if authority else "http"
        self.socket = socket.create_connection(("127.0.0.1", int(port)))
        if authority:
            context = ssl.create_default_context(cafile=authority)
            context.set_alpn_protocols(["h2"])
            self.socket = context.wrap_socket(self.socket, server_hostname=name)
        self.connection = h2.connection.H2Connection()
        self.connection.initiate_connection()
        self.rooms, self.streams = {}, {}
        self.until(lambda: self.connection.remote_settings.enable_connect_protocol)

    def flush(self):
        self.socket.sendall(self.connection.data_to_send())

    def until(self, is_so):
        self.flush()
        while not is_so():
            received = self.socket.recv(65536)
            if not received:
                raise EOFError("the server has closed the connection")
            for event in self.connection.receive_data(received):
                self.happened(event)
            self.flush()

    def happened(self, event):
        stream = self.streams.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.DataReceived):
            size = event.flow_controlled_length
            self.connection.acknowledge_received_data(size, event.stream_id)
        if stream:
            stream.happened(event)

    def send(self, stream, content):
        while content:
            window = lambda: self.connection.local_flow_control_window(stream)
            self.until(lambda: window() > 0)
            size = min(len(content), window(), self.connection.max_outbound_frame_size)
            self.connection.send_data(stream, content[:size])
            content = content[size:]
        self.flush()

    def open(self, fields, stream):
        number = self.connection.get_next_available_stream_id()
        self.streams[number] = stream
        scheme = (":scheme", self.scheme), (":authority", self.host)
        self.connection.send_headers(number, [*fields[:1], *scheme, *fields[1:]], stream.is_whole)
        self.until(lambda: stream.status)
        return number

    def get(self):
        stream = Got()
        self.open([(":method", "GET"), (":path", "/other")], stream)
        self.until(lambda: stream.is_over)
        return stream.size

    def obey(self, number, command, *sizes):
        if command == "get":
            return self.get()
        if number not in self.rooms:
            self.rooms[number] = Room(self, number)
        return self.rooms[number].obey(command, *map(int, sizes))


class Stream:
    is_whole, status, is_over = False, None, False

    def happened(self, event):
        if isinstance(event, h2.events.ResponseReceived):
            self.fields = dict(event.headers)
            self.status = self.fields.get(b":status")
        elif isinstance(event, h2.events.DataReceived):
            self.received(event.data)
        elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
            self.is_over = True


class Got(Stream):
    """The answer to a request."""

    is_whole, size = True, 0

    def received(self, content):
        self.size += len(content)


class Room(Stream):
    """A WebSocket."""

    def __init__(self, client, number):
        self.client, self.messages, self.part, self.pongs, self.is_closed = client, [], None, 0, False
        offer = wsproto.extensions.PerMessageDeflate()
        fields = [(":method", "CONNECT"), (":protocol", "websocket"), (":path", f"/chat?room={number}"),
                  ("sec-websocket-version", "13"), ("origin", "http://127.0.0.1")]
        if client.deflate:
            fields.append(("sec-websocket-extensions", f"{offer.name}; {offer.offer()}"))
        self.stream = client.open(fields, self)
        agreed = self.fields.get(b"sec-websocket-extensions", b"").decode()
        assert self.status == b"200" and bool(agreed) == client.deflate, self.fields
        offer.finalize(agreed) if agreed else None
        self.ends = wsproto.connection.Connection(wsproto.connection.ConnectionType.CLIENT, [offer] if agreed else [])

    def received(self, content):
        # A server that closes in a hurry may say so twice.
        if self.is_closed:
            return
        self.ends.receive_data(content)
        for event in self.ends.events():
            if isinstance(event, wsproto.events.Message):
                self.part = event.data if self.part is None else self.part + event.data
                if event.message_finished:
                    self.messages.append(self.part)
                    self.part = None
            elif isinstance(event, wsproto.events.Pong):
                self.pongs += 1
            elif isinstance(event, wsproto.events.CloseConnection):
                self.is_closed = True
                if self.ends.state == wsproto.connection.ConnectionState.REMOTE_CLOSING:
                    self.send(event.response())

    def send(self, event):
        self.client.send(self.stream, self.ends.send(event))

    def next(self):
        self.client.until(lambda: self.messages)
        return len(self.messages.pop(0))

    def obey(self, command, *sizes):
        if command == "ping":
            self.send(wsproto.events.Ping(payload=b"?"))
            before = self.pongs
            self.client.until(lambda: self.pongs > before)
        elif command == "close":
            self.send(wsproto.events.CloseConnection(code=sizes[0]))
            # The server forgets the stream then, and takes no end of it.
            self.client.until(lambda: self.is_closed)
        elif command == "bye":
            self.send(wsproto.events.TextMessage(f"bye {sizes[0]}"))
            self.client.until(lambda: self.is_closed)
        elif command == "give":
            self.send(wsproto.events.TextMessage(f"give {sizes[0]} {sizes[1]}"))
            return sum(self.next() for _ in range(sizes[0]))
        elif command == "fragments":
            for left in reversed(range(sizes[0])):
                self.send(wsproto.events.TextMessage(words(sizes[1]), message_finished=left == 0))
            return self.next()
        else:
            text = command == "text"
            event = wsproto.events.TextMessage if text else wsproto.events.BytesMessage
            self.send(event(words(sizes[0]) if text else chance.randbytes(sizes[0])))
            return self.next()
        return 0


def ask(*words):
    client = None
    for line in sys.stdin:
        # Not before the first command: who watches this process alone begins in the meantime.
        client = client or Client(*words)
        print(1, client.obey(*line.split()), flush=True)


what, *rest = sys.argv[1:]
if what == "serve":
    serve(*rest)
else:
    import h2.connection
    import h2.events
    import wsproto.connection
    import wsproto.events
    import wsproto.extensions

    ask(*rest)
