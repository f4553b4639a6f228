"""An application on the websockets library: registers, writes, subscribes, is notified, goes away and comes back."""

import json
import sys

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

URL = sys.argv[1]
CREATE, RETRIEVE, NOTIFY = 1, 2, 5


class Application:
    def __init__(self):
        # It offers compression, as browsers do; the node does not take it.
        self.socket = connect(URL, subprotocols=["oneM2M.json"], open_timeout=20)
        assert self.socket.subprotocol == "oneM2M.json"
        self.number = 0
        self.notifications = []

    def receive(self):
        return json.loads(self.socket.recv(timeout=20))

    def ask(self, op, to, expected, **more):
        self.number += 1
        identifier = f"r{self.number}"
        request = {"op": op, "to": to, "fr": "Cpage", "rqi": identifier, "rvi": "3", **more}
        self.socket.send(json.dumps(request))
        while True:
            message = self.receive()
            if message.get("rqi") == identifier and "rsc" in message:
                assert message["rsc"] == expected, message
                return message.get("pc")
            self.notifications.append(message)

    def notified(self):
        request = self.notifications.pop(0) if self.notifications else self.receive()
        assert request["op"] == NOTIFY, request
        self.socket.send(json.dumps({"rsc": 2000, "rqi": request["rqi"], "rvi": "3"}))
        return request["pc"]["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"]


def main():
    page = Application()
    page.ask(CREATE, "cse-in", 2001, ty=2, pc={"m2m:ae": {"rn": "page", "api": "N1", "rr": False, "srv": ["3"]}})
    page.ask(CREATE, "cse-in/page", 2001, ty=3, pc={"m2m:cnt": {"rn": "c"}})
    subscription = {"m2m:sub": {"rn": "s", "nu": ["Cpage"], "enc": {"net": [3]}}}
    page.ask(CREATE, "cse-in/page/c", 2001, ty=23, pc=subscription)
    for value in ("1", "zwei", "三"):
        page.ask(CREATE, "cse-in/page/c", 2001, ty=4, pc={"m2m:cin": {"con": value}})
    assert [page.notified() for _ in range(3)] == ["1", "zwei", "三"]
    found = page.ask(RETRIEVE, "cse-in", 2000, fc={"fu": 1, "ty": [4]})
    assert len(found["m2m:uril"]) == 3, found
    page.socket.close()

    other = Application()
    other.ask(CREATE, "cse-in/page/c", 2001, ty=4, pc={"m2m:cin": {"con": "again"}})
    assert other.notified() == "again"
    other.socket.send("x" * (2 << 20))
    try:
        while True:
            other.socket.recv(timeout=20)
    except ConnectionClosed as closed:
        assert closed.rcvd.code == 1009, closed

    try:
        connect(URL, subprotocols=["mqtt"])
        raise AssertionError("a sub-protocol that the node does not speak")
    except InvalidStatus as refused:
        assert refused.response.status_code == 400 and b"oneM2M.json" in refused.response.body, refused
    print("ok")


main()
