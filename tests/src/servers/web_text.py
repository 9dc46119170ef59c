"""A gRPC-Web server in base64 for the live tests: sonora, on hypercorn.

web_text.py PORT prints a JSON line for every call it has answered, with the number of messages each way
and their bytes. Methods of demo.v1.Echo are those of rpc.py that have one request.
"""

import asyncio
import json
import os
import sys

import grpc
import hypercorn.asyncio
import hypercorn.config
import sonora.asgi

SERVICE = "demo.v1.Echo"


def tell(method, request, answers, code="OK"):
    line = {"service": SERVICE, "method": method, "code": code, "requests": 1, "request_bytes": len(request),
            "responses": len(answers), "response_bytes": sum(map(len, answers))}
    os.write(1, (json.dumps(line) + "\n").encode())


async def unary(request, context):
    tell("Unary", request, [request * 2])
    yield request * 2


async def fail(request, context):
    tell("Fail", request, [], "NOT_FOUND")
    await context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")


async def server_stream(request, context):
    tell("ServerStream", request, [request] * 5)
    for _ in range(5):
        yield request


class Echo(grpc.GenericRpcHandler):
    handlers = {
        # On the wire one answer is like many; sonora spoils the trailers where it knows that it is one.
        "Unary": grpc.unary_stream_rpc_method_handler(unary),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
        "ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
    }

    def service(self, details):
        _, service, method = details.method.split("/")
        handler = self.handlers.get(method) if service == SERVICE else None
        plain = lambda content: content
        return handler and handler._replace(request_deserializer=plain, response_serializer=plain)


async def others(scope, receive, send):
    for step in ["startup", "shutdown"]:
        await receive()
        await send({"type": f"lifespan.{step}.complete"})


application = sonora.asgi.grpcASGI(others)
application.add_generic_rpc_handlers([Echo()])
config = hypercorn.config.Config()
config.bind = [f"127.0.0.1:{sys.argv[1]}"]
asyncio.run(hypercorn.asyncio.serve(application, config))
