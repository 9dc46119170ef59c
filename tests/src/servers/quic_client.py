"""An HTTP/3 client for the live tests.

quic_client.py ADDRESS PORT AUTHORITY NAME any|connected CONNECTIONS REQUESTS asks so many times over
each connection, one after another, and prints a JSON line for every answer. Its socket is the
library's own, of both families and with an address in each call, or connected to the server.
"""

import asyncio
import contextlib
import json
import sys

from aioquic.asyncio import QuicConnectionProtocol, connect
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection


class Asking(QuicConnectionProtocol):
    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.http = H3Connection(self._quic)
        self.status, self.length, self.answered = 0, 0, None

    def quic_event_received(self, event):
        for event in self.http.handle_event(event):
            if isinstance(event, HeadersReceived):
                self.status = int(dict(event.headers)[b":status"])
            elif isinstance(event, DataReceived):
                self.length += len(event.data)
            if getattr(event, "stream_ended", False):
                self.answered.set_result(None)

    async def ask(self, name, target):
        self.status, self.length, self.answered = 0, 0, self._loop.create_future()
        fields = {":method": "GET", ":scheme": "https", ":authority": name, ":path": target}
        fields = [(key.encode(), value.encode()) for key, value in fields.items()]
        self.http.send_headers(self._quic.get_next_available_stream_id(), fields, end_stream=True)
        self.transmit()
        await asyncio.wait_for(self.answered, 10)
        line = {
            "method": "GET",
            "target": target,
            "status": self.status,
            "port": self._transport.get_extra_info("sockname")[1],
            "body_bytes": self.length,
        }
        print(json.dumps(line), flush=True)


@contextlib.asynccontextmanager
async def connect_socket(address, port, configuration, create_protocol):
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: create_protocol(QuicConnection(configuration=configuration)),
        remote_addr=(address, port),
    )
    try:
        protocol.connect(transport.get_extra_info("peername"))
        await protocol.wait_connected()
        yield protocol
    finally:
        protocol.close()
        await protocol.wait_closed()
        transport.close()


async def main():
    address, port, authority, name, kind, connections, requests = sys.argv[1:]
    opened = connect_socket if kind == "connected" else connect
    for number in range(int(connections)):
        configuration = QuicConfiguration(alpn_protocols=H3_ALPN, server_name=name)
        configuration.load_verify_locations(authority)
        connection = opened(
            address, int(port), configuration=configuration, create_protocol=Asking
        )
        async with connection as protocol:
            for turn in range(int(requests)):
                await protocol.ask(name, f"/length/{10 + 3000 * turn}?{number}")


asyncio.run(main())
