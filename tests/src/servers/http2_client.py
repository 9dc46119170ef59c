"""An HTTP/2 client for the live tests.

http2_client.py PORT [CA NAME] reads commands (see http2.rs) and asks over one connection.
"""

import ssl
import sys
import threading

import httpx

port, *secure = sys.argv[1:]
if secure:
    authority, name = secure
    base = f"https://127.0.0.1:{port}"
    verify = ssl.create_default_context(cafile=authority)
    extensions = {"sni_hostname": name}
else:
    base, verify, extensions = f"http://127.0.0.1:{port}", False, {}
client = httpx.Client(http1=False, http2=True, verify=verify, base_url=base, trust_env=False, timeout=20)


def one(method, path, **more):
    response = client.request(method, path, extensions=extensions, **more)
    return response.status_code, len(response.content)


def cancelled(path):
    with client.stream("GET", path, extensions=extensions) as response:
        first = next(response.iter_raw())
    return response.status_code, len(first)


def at_once(paths):
    answers = [None] * len(paths)

    def ask(index):
        answers[index] = one("GET", paths[index])

    threads = [threading.Thread(target=ask, args=[index]) for index in range(len(paths))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers[-1][0], sum(size for _, size in answers)


for line in sys.stdin:
    words = line.split()
    if words[0] == "post":
        answer = one("POST", words[1], content=b"y" * int(words[2]))
    elif words[0] == "cancel":
        answer = cancelled(words[1])
    else:
        answer = one("GET", words[0]) if len(words) == 1 else at_once(words)
    print(*answer, flush=True)
