# A program that takes up a copy of libssl and gives it up again: `load`, `unload` or a path a line.
# It answers each with two numbers.
import _ctypes, ctypes, os, socket, struct, sys

source, folder, port = sys.argv[1:]
pointer = ctypes.c_void_p
number = 0


def ask(target):
    context = pointer(library.SSL_CTX_new(pointer(library.TLS_client_method())))
    stream = pointer(library.SSL_new(context))
    with socket.create_connection(('127.0.0.1', int(port))) as plain:
        library.SSL_set_fd(stream, plain.fileno())
        assert library.SSL_connect(stream) == 1
        request = f'GET {target} HTTP/1.1\r\nHost: api.example.test\r\n\r\n'.encode()
        assert library.SSL_write(stream, request, len(request)) == len(request)
        text, buffer = b'', ctypes.create_string_buffer(65536)
        while True:
            head, end, body = text.partition(b'\r\n\r\n')
            if end and len(body) == int(head.lower().partition(b'content-length: ')[2].split()[0]):
                break
            count = library.SSL_read(stream, buffer, len(buffer))
            assert count > 0
            text += buffer.raw[:count]
        library.SSL_free(stream)
    library.SSL_CTX_free(context)
    return int(head.split()[1]), len(body)


def load():
    global library, number, path
    number += 1
    path = f'{folder}/copy-{number}.so'
    with open(source, 'rb') as original, open(path, 'wb') as copy:
        copy.write(closable(bytearray(original.read())))
    library = ctypes.CDLL(path)
    for name in ('TLS_client_method', 'SSL_CTX_new', 'SSL_new'):
        getattr(library, name).restype = pointer
    return 0, number


def closable(content):
    """Without DF_1_NODELETE in its dynamic section."""
    at = content.find(struct.pack('<Q', DT_FLAGS_1))
    while at >= 0:
        flags, = struct.unpack_from('<Q', content, at + 8)
        if at % 8 == 0 and flags < 1 << 32:
            struct.pack_into('<Q', content, at + 8, flags & ~DF_1_NODELETE)
        at = content.find(struct.pack('<Q', DT_FLAGS_1), at + 8)
    return content


def unload():
    _ctypes.dlclose(library._handle)
    os.remove(path)
    return sum(path in line for line in open('/proc/self/maps')), number


DT_FLAGS_1, DF_1_NODELETE = 0x6ffffffb, 8

for line in sys.stdin:
    line = line.strip()
    print(*{'load': load, 'unload': unload}.get(line, lambda: ask(line))(), flush=True)
# What the library would have done at the end is no longer there.
os._exit(0)
