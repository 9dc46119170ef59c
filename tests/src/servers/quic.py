"""An HTTP/3 server for the live tests.

quic.py PORT CERTIFICATES ADDRESS prints a JSON line for every exchange it has answered.
GET /length/N.
"""

import asyncio
import json
import os
import sys

from aioquic.asyncio import QuicConnectionProtocol, serve
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ProtocolNegotiated


class Answering(QuicConnectionProtocol):
    http = None
    peer = None

    def datagram_received(self, data, addr):
        self.peer = addr
        super().datagram_received(data, addr)

    def quic_event_received(self, event):
        if isinstance(event, ProtocolNegotiated):
            self.http = H3Connection(self._quic)
        for event in self.http.handle_event(event) if self.http else ():
            if isinstance(event, HeadersReceived):
                self.answer(event.stream_id, dict(event.headers))

    def answer(self, stream, fields):
        target = fields[b":path"].decode()
        word, _, number = target.partition("?")[0].strip("/").partition("/")
        status, body = (200, b"x" * int(number)) if word == "length" else (404, b"nothing there")
        fields = [(b":status", b"%d" % status), (b"content-length", b"%d" % len(body))]
        self.http.send_headers(stream, fields)
        self.http.send_data(stream, body, end_stream=True)
        self.transmit()
        line = {
            "method": "GET",
            "target": target,
            "status": status,
            "port": self.peer[1],
            "pid": os.getpid(),
            "body_bytes": len(body),
        }
        os.write(1, (json.dumps(line) + "\n").encode())


async def main():
    port, folder, address = sys.argv[1:]
    configuration = QuicConfiguration(alpn_protocols=H3_ALPN, is_client=False)
    configuration.load_cert_chain(folder + "/server.pem", folder + "/server.key")
    await serve(address, int(port), configuration=configuration, create_protocol=Answering)
    await asyncio.Event().wait()


asyncio.run(main())
