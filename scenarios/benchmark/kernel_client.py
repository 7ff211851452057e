# A client that behaves as it is told, with Python's own sockets and its OpenSSL, on the kernel's TCP.
# Usage: kernel_client.py MANNER ADDRESS PORT CA TIMES
import socket
import ssl
import struct
import sys
import threading
import time

manner, address, port, ca, times = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5])
name, _, variant = manner.partition(":")
failed = []


def context(version=None, trusting=True):
    c = ssl.create_default_context(cafile=ca if trusting else None)
    c.set_ciphers("DEFAULT@SECLEVEL=0")
    if version == "1.1":
        c.minimum_version, c.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    elif version == "1.2":
        c.maximum_version = ssl.TLSVersion.TLSv1_2
    elif version == "1.3":
        c.minimum_version = ssl.TLSVersion.TLSv1_3
    return c


def hello(version=None):
    out = ssl.MemoryBIO()
    o = context(version).wrap_bio(ssl.MemoryBIO(), out, server_hostname="lab.alblab.example")
    try:
        o.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def leave(s, how):
    if how == "reset":
        reset(s)
    elif how == "wait":  # until the load balancer has had enough
        try:
            while s.recv(65536):
                pass
        except OSError:
            pass
        s.close()
    else:
        s.close()


def drain(s):
    try:
        while s.recv(65536):
            pass
    except OSError:
        pass
    s.close()


def get(c):
    c.sendall(b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n")
    if not c.recv(65536).startswith(b"HTTP/1.1 200"):
        raise OSError("no answer")


def tls(s, version, trusting=True):
    return context(version, trusting).wrap_socket(s, server_hostname=address)


def act():
    s = socket.create_connection((address, port), timeout=40)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    how, _, more = variant.partition("/")
    if name == "connect":
        leave(s, how)
    elif name == "text":
        s.sendall({"http": b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n", "smtp": b"EHLO client.example\r\n", "long": b"x" * 5000}[how])
        drain(s)
    elif name == "half":  # of a hello
        h = hello()
        s.sendall(h[: 7 + hash((time.time_ns(), threading.get_ident())) % (len(h) - 20)])
        time.sleep(0.1)
        leave(s, how)
    elif name == "flight":  # read the load balancer's, and leave
        s.sendall(hello(more))
        n = len(s.recv(65536))
        time.sleep(0.05)
        leave(s, how)
        if n == 0:
            raise OSError("no flight came")
    elif name == "pieces":  # a hello in pieces, to be refused
        h = hello(how)
        for i in range(0, len(h), 90):
            s.sendall(h[i : i + 90])
            time.sleep(0.02)
        drain(s)
    elif name == "get":
        c = tls(s, how)
        get(c)
        if more == "twice":
            time.sleep(1)
            get(c)
        if more == "reset":
            reset(c)
        else:
            c.close()
    elif name == "session":  # no request
        c = tls(s, how)
        if more == "unwrap":
            c.unwrap()
        c.close()
    elif name == "idle":  # until the load balancer closes
        c = tls(s, how)
        get(c)
        drain(c)
    elif name == "refused":
        try:
            tls(s, how).close()
        except OSError:
            return
        raise OSError("it was not refused")
    elif name == "distrust":
        try:
            tls(s, how, trusting=False).close()
        except ssl.SSLCertVerificationError:
            return
        raise OSError("it trusts")
    else:
        raise SystemExit("unknown manner " + name)


def guarded():
    try:
        act()
    except OSError as e:
        failed.append(e)


threads = [threading.Thread(target=guarded) for _ in range(times)]
for t in threads:
    t.start()
for t in threads:
    t.join()
if failed:
    print(len(failed), "of", times, "failed; the first:", repr(failed[0]), file=sys.stderr)
    sys.exit(1)
