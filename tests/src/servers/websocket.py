"""A WebSocket server and client for the live tests.

websocket.py serve PORT deflate|plain [CERTIFICATES] prints a JSON line for every message that it has
received or sent, and one for every connection that is over. What it gets comes back, but for the
texts `give COUNT SIZE` (so many messages, by turns text and binary) and `bye CODE` (it closes).
websocket.py ask PORT deflate|plain [CA NAME] opens one connection and reads commands: `text SIZE`,
`binary SIZE`, `fragments COUNT SIZE`, `ping`, `give COUNT SIZE`, `close CODE`, `bye CODE`; it writes `1`
and the length of what has come for each.
"""

import asyncio
import json
import os
import random
import ssl
import sys

import websockets.asyncio.client
import websockets.asyncio.server
import websockets.exceptions

chance = random.Random(7)


def words(size):
    return ("all work and no play " * (size // 21 + 1))[:size]


def tell(**line):
    os.write(1, (json.dumps(line) + "\n").encode())


# === the server ===


async def send(connection, port, message):
    # Told before it goes: the other end may end everything as soon as it has it.
    told(port, "response", message)
    await connection.send(message)


def told(port, direction, message):
    opcode = "text" if isinstance(message, str) else "binary"
    size = len(message.encode() if isinstance(message, str) else message)
    tell(event="message", port=port, direction=direction, opcode=opcode, size=size)


async def answer(connection, port, message):
    command = message.split(" ") if isinstance(message, str) else [""]
    if command[0] == "give":
        for number in range(int(command[1])):
            size = int(command[2]) + number
            await send(connection, port, words(size) if number % 2 == 0 else chance.randbytes(size))
    elif command[0] == "bye":
        await connection.close(int(command[1]), "enough")
    else:
        await send(connection, port, message)


async def talk(connection):
    port = connection.remote_address[1]
    try:
        async for message in connection:
            told(port, "request", message)
            await answer(connection, port, message)
    except websockets.exceptions.ConnectionClosed:
        pass
    await connection.wait_closed()
    tell(event="close", port=port, code=connection.close_code)


async def serve(port, how, folder=None):
    context = None
    if folder:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder + "/server.pem", folder + "/server.key")
    compression = "deflate" if how == "deflate" else None
    options = {"compression": compression, "max_size": None, "ping_interval": None, "ssl": context}
    await websockets.asyncio.server.serve(talk, "127.0.0.1", int(port), **options)
    await asyncio.Event().wait()


# === the client ===


async def obey(connection, command):
    what, *numbers = command.split()
    numbers = [int(number) for number in numbers]
    if what == "ping":
        await (await connection.ping())
        return 0
    if what in ("close", "bye"):
        if what == "close":
            await connection.close(*numbers)
        else:
            await connection.send(command.strip())
            await connection.wait_closed()
        return 0
    if what == "give":
        await connection.send(command.strip())
        return sum([len(await connection.recv()) for _ in range(numbers[0])])
    if what == "fragments":
        await connection.send([words(numbers[1])] * numbers[0])
    else:
        await connection.send(words(numbers[0]) if what == "text" else chance.randbytes(numbers[0]))
    return len(await connection.recv())


async def ask(port, how, authority=None, name=None):
    options = {"compression": "deflate" if how == "deflate" else None}
    options |= {"max_size": None, "ping_interval": None, "proxy": None}
    scheme = "ws"
    if authority:
        scheme = "wss"
        options |= {"ssl": ssl.create_default_context(cafile=authority), "server_hostname": name}
    address = f"{scheme}://127.0.0.1:{port}/chat?room=1"
    lines = asyncio.get_running_loop()
    connection = None
    while command := await lines.run_in_executor(None, sys.stdin.readline):
        # Not before the first command: who watches this process alone begins in the meantime.
        connection = connection or await websockets.asyncio.client.connect(address, **options)
        print(1, await obey(connection, command), flush=True)
    await connection.close()


what, *rest = sys.argv[1:]
asyncio.run(serve(*rest) if what == "serve" else ask(*rest))
