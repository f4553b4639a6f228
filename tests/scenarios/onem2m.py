"""A thin oneM2M client over HTTP, as an application developer would write one. Standard library only.

    cse = Client("http://127.0.0.1:8080", "Cstation")
    cse.register("station", "Nweather", labels=["weather"])
    cse.create("cse-in/station", "cnt", {"rn": "wind"})
    cse.add("cse-in/station/wind", "4.7")
    print(cse.latest("cse-in/station/wind")["con"])

A refusal is raised as `Refused`, with the response status code. A client belongs to one thread.
"""

import http.client
import itertools
import json
import socket
from urllib.parse import quote, urlencode, urlsplit

# Short names and numbers of the resource types that are used here (TS-0004 6.3.4.2.1).
TYPES = {"acp": 1, "ae": 2, "cnt": 3, "cin": 4, "sub": 23}

# What a notification can be about (TS-0004 6.3.4.2.19).
UPDATED, DELETED, CHILD_CREATED, CHILD_DELETED = 1, 2, 3, 4


class Refused(Exception):
    """The node did not do what was asked."""

    def __init__(self, request, rsc, reason):
        super().__init__(f"{request}: {rsc} {reason}")
        self.rsc = rsc


class Answer:
    """A response primitive: status code, content, and where the rest of a partial content begins."""

    def __init__(self, rsc, content, next_offset):
        self.rsc = rsc
        self.content = content
        self.next_offset = next_offset

    def one(self):
        """The attributes of the one resource in the content."""
        ((_, attributes),) = self.content.items()
        return attributes


class Client:
    """Sends requests of one originator to one CSE, over one connection that is kept."""

    def __init__(self, url, originator, release="3", timeout=60):
        parts = urlsplit(url)
        self.originator = originator
        self.release = release
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
        self.numbers = itertools.count(1)

    # The five operations --------------------------------------------------------------------------------------

    def create(self, parent, kind, attributes, **query):
        """CREATE; gives the attributes of the new resource."""
        return self.send("POST", parent, {f"m2m:{kind}": attributes}, TYPES[kind], **query).one()

    def retrieve(self, to, **query):
        """RETRIEVE; gives the attributes of the resource."""
        return self.send("GET", to, **query).one()

    def update(self, to, kind, attributes, **query):
        """UPDATE; gives the attributes of the new version."""
        return self.send("PUT", to, {f"m2m:{kind}": attributes}, **query).one()

    def delete(self, to):
        """DELETE of a resource with all that is below it."""
        self.send("DELETE", to)

    # What applications do with them ---------------------------------------------------------------------------

    def register(self, name, app_id, labels=(), poa=(), parent="cse-in"):
        """Registers the originator as an AE."""
        ae = {"rn": name, "api": app_id, "rr": bool(poa), "srv": [self.release]}
        if labels:
            ae["lbl"] = list(labels)
        if poa:
            ae["poa"] = list(poa)
        return self.create(parent, "ae", ae)

    def add(self, container, content, labels=()):
        """Adds a contentInstance."""
        instance = {"con": content}
        if labels:
            instance["lbl"] = list(labels)
        return self.create(container, "cin", instance)

    def latest(self, container):
        """The newest contentInstance."""
        return self.retrieve(f"{container}/la")

    def oldest(self, container):
        """The oldest contentInstance."""
        return self.retrieve(f"{container}/ol")

    def subscribe(self, to, name, target, events=(CHILD_CREATED,)):
        """Subscribes a target (a URL, or an AE-ID) to events of a resource."""
        return self.create(to, "sub", {"rn": name, "nu": [target], "enc": {"net": list(events)}, "nct": 1})

    def discover(self, below, **criteria):
        """The addresses of what is below a resource and matches, in the order of creation, page by page."""
        return self._pages(below, lambda content: content["m2m:uril"], {"fu": 1, **criteria})

    def instances(self, container, **criteria):
        """The contentInstances of a container, oldest first, page by page (rcn 4)."""
        query = {"rcn": 4, "ty": 4, **criteria}
        return self._pages(container, lambda content: content["m2m:cnt"].get("m2m:cin", []), query)

    def _pages(self, to, entries, query):
        found, offset = [], None
        while True:
            page = self.send("GET", to, **query, **({"ofst": offset} if offset else {}))
            found.extend(entries(page.content))
            if page.next_offset is None:
                return found
            offset = page.next_offset

    # The mapping to HTTP (TS-0009) ----------------------------------------------------------------------------

    def send(self, method, to, content=None, kind=None, **query):
        """One request; raises `Refused` unless it succeeds."""
        path = "/" + quote(to)
        if query:
            path += "?" + urlencode(query, doseq=True, safe="", quote_via=quote)
        headers = {
            "X-M2M-Origin": self.originator,
            "X-M2M-RI": f"{self.originator}-{next(self.numbers)}",
            "X-M2M-RVI": self.release,
            "Accept": "application/json",
        }
        body = None
        if content is not None:
            headers["Content-Type"] = "application/json" + (f";ty={kind}" if kind else "")
            body = json.dumps(content, separators=(",", ":")).encode()
        response, text = self._exchange(method, path, body, headers)
        rsc = int(response.headers.get("X-M2M-RSC", 0))
        answer = json.loads(text) if text else None
        if not 2000 <= rsc < 3000:
            reason = (answer or {}).get("m2m:dbg", "") if isinstance(answer, dict) else text
            raise Refused(f"{method} {path}", rsc or f"HTTP {response.status}", reason)
        partial = response.headers.get("X-M2M-CTS") == "1"
        return Answer(rsc, answer, int(response.headers["X-M2M-CTO"]) if partial else None)

    def _exchange(self, method, path, body, headers):
        if self.connection.sock is None:
            self.connection.connect()
            # Head and body leave in two pieces; the second must not wait for the first to be acknowledged.
            self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.connection.request(method, path, body, headers)
            response = self.connection.getresponse()
            return response, response.read()
        except Exception:
            self.connection.close()
            raise
