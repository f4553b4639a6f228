"""Browses kinds of services over multicast DNS: prints what there is as JSON, one object by the names of instances, as
soon as there are so many; or, with `gone`, the names of so many instances that are taken back.

browse.py <own address> there|gone <number> <kind>…
"""
import json, socket, struct, sys, time

here, mode, number, kinds = socket.inet_aton(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4:]
PTR, TXT, SRV = 12, 16, 33
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("", 5353))
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("224.0.0.251") + here)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, here)


def question(name, kind):
    labels = name.encode().split(b".")
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0" + struct.pack(">2H", kind, 1)


def name_at(data, at):
    """A name, and where it ends."""
    labels = []
    while data[at]:
        if data[at] >= 0xC0:
            rest, _ = name_at(data, (data[at] & 0x3F) << 8 | data[at + 1])
            return ".".join(labels + [rest]), at + 2
        labels.append(data[at + 1:at + 1 + data[at]].decode())
        at += 1 + data[at]
    return ".".join(labels), at + 1


def records(data):
    questions, *others = struct.unpack(">4H", data[4:12])
    at = 12
    for _ in range(questions):
        at = name_at(data, at)[1] + 4
    for _ in range(sum(others)):
        name, at = name_at(data, at)
        kind, _, ttl, length = struct.unpack(">2HIH", data[at:at + 10])
        yield name, kind, ttl, at + 10, at + 10 + length
        at += 10 + length


def texts(data, at, end):
    while at < end:
        key, _, value = data[at + 1:at + 1 + data[at]].decode().partition("=")
        yield key, value
        at += 1 + data[at]


instances, gone = {}, set()
print("ready", flush=True)
end = time.monotonic() + 25
while time.monotonic() < end:
    if mode == "there":
        questions = b"".join(question(kind, PTR) for kind in kinds)
        s.sendto(struct.pack(">6H", 0, 0, len(kinds), 0, 0, 0) + questions, ("224.0.0.251", 5353))
    s.settimeout(1)
    try:
        data, _ = s.recvfrom(65535)
    except socket.timeout:
        continue
    if not data[2] & 0x80:
        continue
    for name, kind, ttl, at, to in records(data):
        if kind == PTR and name in kinds and ttl == 0:
            # A farewell (RFC 6762 10.1).
            gone.add(name_at(data, at)[0])
        elif kind == SRV:
            instances.setdefault(name, {})["port"] = struct.unpack(">H", data[at + 4:at + 6])[0]
        elif kind == TXT:
            instances.setdefault(name, {}).update(texts(data, at, to))
    whole = {name: said for name, said in instances.items() if "port" in said and "scheme" in said}
    found = whole if mode == "there" else sorted(gone)
    if len(found) >= number:
        print(json.dumps(found), flush=True)
        break
else:
    print(json.dumps([instances, sorted(gone)]), flush=True)
    sys.exit(1)
