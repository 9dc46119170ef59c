"""A gRPC server and client for the live tests.

rpc.py serve PORT [CERTIFICATES] prints a JSON line for every call it has answered, with the number of
messages each way and their bytes.
rpc.py ask PORT [CA NAME] makes one call of each kind, one after another, over one connection, and
prints a JSON line for each.

Requests and responses are bytes as they are. Methods of demo.v1.Echo: Unary answers twice what it got,
Fail fails with NOT_FOUND, ServerStream answers five times, ClientStream all in one, Bidi each; Missing
is not there.
"""

import concurrent.futures
import json
import os
import sys
import threading

import grpc

SERVICE = "demo.v1.Echo"


def tell(**line):
    os.write(1, (json.dumps(line) + "\n").encode())


class Call:
    """Counts the messages of a call and tells of them when it is over."""

    def __init__(self, method, context):
        self.method, self.port = method, int(context.peer().rpartition(":")[2])
        self.asked, self.answered = [], []
        self.code = "OK"
        context.add_callback(self.over)

    def over(self):
        asked, answered = self.asked, self.answered
        tell(service=SERVICE, method=self.method, code=self.code, port=self.port, pid=os.getpid(),
             requests=len(asked), request_bytes=sum(asked),
             responses=len(answered), response_bytes=sum(answered))

    def take(self, request):
        self.asked.append(len(request))
        return request

    def give(self, response):
        self.answered.append(len(response))
        return response


def unary(request, context):
    call = Call("Unary", context)
    return call.give(call.take(request) * 2)


def fail(request, context):
    call = Call("Fail", context)
    call.take(request)
    call.code = "NOT_FOUND"
    context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")


def server_stream(request, context):
    call = Call("ServerStream", context)
    call.take(request)
    for _ in range(5):
        yield call.give(request)


def client_stream(requests, context):
    call = Call("ClientStream", context)
    return call.give(b"".join([call.take(request) for request in requests]))


def bidi(requests, context):
    call = Call("Bidi", context)
    for request in requests:
        yield call.give(call.take(request))


class Echo(grpc.GenericRpcHandler):
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
        "ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
        "ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
        "Bidi": grpc.stream_stream_rpc_method_handler(bidi),
    }

    def service(self, details):
        _, service, method = details.method.split("/")
        return self.handlers.get(method) if service == SERVICE else None


def serve(port, folder=None):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8), handlers=[Echo()])
    address = f"127.0.0.1:{port}"
    if folder:
        read = lambda name: open(f"{folder}/{name}", "rb").read()
        pair = (read("server.key"), read("server.pem"))
        server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    else:
        server.add_insecure_port(address)
    server.start()
    threading.Event().wait()


def channel(port, authority=None, name=None):
    address = f"127.0.0.1:{port}"
    options = [("grpc.enable_http_proxy", 0)]
    if not authority:
        return grpc.insecure_channel(address, options)
    options.append(("grpc.ssl_target_name_override", name))
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(open(authority, "rb").read()), options)


def asked(method, make):
    """Makes a call; what comes back is one message or many."""
    code, answers = "OK", []
    try:
        answer = make(f"/{SERVICE}/{method}")
        answers = [answer] if isinstance(answer, bytes) else list(answer)
    except grpc.RpcError as error:
        code = error.code().name
    tell(service=SERVICE, method=method, code=code, responses=len(answers),
         response_bytes=sum(map(len, answers)))


def ask(*words):
    with channel(*words) as to:
        gzip = grpc.Compression.Gzip
        asked("Unary", lambda path: to.unary_unary(path)(b"hello", timeout=20))
        asked("Fail", lambda path: to.unary_unary(path)(b"hello", timeout=20))
        asked("Missing", lambda path: to.unary_unary(path)(b"hello", timeout=20))
        asked("ServerStream", lambda path: to.unary_stream(path)(b"x" * 100, timeout=20))
        asked("ClientStream", lambda path: to.stream_unary(path)(iter([b"a", b"bc", b"", b"def"]), timeout=20))
        asked("Bidi", lambda path: to.stream_stream(path)((b"m" * number for number in range(200)), timeout=20))
        asked("Unary", lambda path: to.unary_unary(path)(b"z" * 100000, timeout=20))
        asked("Unary", lambda path: to.unary_unary(path)(b"z" * 100000, timeout=20, compression=gzip))


what, *rest = sys.argv[1:]
serve(*rest) if what == "serve" else ask(*rest)
