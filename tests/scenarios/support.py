"""What the scenarios share: a node to talk to, an observer in another process, measured series, comparisons."""

import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent


class Difference(Exception):
    """What was read is not what was expected."""


def expect(what, got, wanted):
    """Ends the scenario at the first difference."""
    if got == wanted:
        return
    if isinstance(got, list) and isinstance(wanted, list):
        for position, (one, other) in enumerate(zip(got, wanted)):
            if one != other:
                raise Difference(f"{what}: entry {position} is {one!r}, expected {other!r}")
        raise Difference(f"{what}: {len(got)} entries, expected {len(wanted)}")
    raise Difference(f"{what}: {got!r}, expected {wanted!r}")


def run(scenario):
    """Runs a scenario with a folder of its own, prints its summary; exits with 1 and the reason if it fails."""
    name = Path(sys.argv[0]).name
    started = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix=f"dyad-{name}-") as folder:
            summary = scenario(Path(folder))
    except (Exception, KeyboardInterrupt) as error:
        print(f"{name}: FAILED: {error or type(error).__name__}", file=sys.stderr)
        if not isinstance(error, Difference):
            raise
        sys.exit(1)
    print(f"{name}: ok in {time.monotonic() - started:.1f} s: {summary}")


# The node -----------------------------------------------------------------------------------------------------


def binary():
    """The built node: DYAD_BIN, or whichever of the release and the debug build is newer."""
    if given := os.environ.get("DYAD_BIN"):
        if not Path(given).is_file():
            raise Difference(f"DYAD_BIN names {given}, which is no file")
        return Path(given).resolve()
    target = Path(os.environ.get("CARGO_TARGET_DIR", CHECKOUT / "target"))
    built = [path for path in (target / "release/dyad", target / "debug/dyad") if path.exists()]
    if not built:
        raise Difference("there is no node to start: run `cargo build -p dyad`, or set DYAD_BIN")
    return max(built, key=lambda path: path.stat().st_mtime)


class Child:
    """A process that says on stdout where it listens."""

    def __init__(self, command, mark, log):
        self.log = log
        with open(log, "ab") as errors:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, cwd=Path(log).parent, text=True
            )
        for line in self.process.stdout:
            if mark in line:
                self.url = line.split(mark, 1)[1].strip()
                return
        raise Difference(f"{command[0]} did not start:\n{Path(log).read_text()[-2000:]}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self, number=signal.SIGTERM):
        """Ends the process and waits until it is gone."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Difference(f"a process did not end within 20 s; see {self.log}") from None
        finally:
            self.process.stdout.close()


class Node(Child):
    """A node with its database in a folder. `listen` keeps the address over a restart."""

    def __init__(self, folder, listen="127.0.0.1:0", **settings):
        settings = {
            "http.listen": listen,
            "coap.listen": "127.0.0.1:0",
            "mqtt.listen": "127.0.0.1:0",
            "ws.listen": "127.0.0.1:0",
            "store.url": f"sqlite:{folder}/dyad.db",
            **{key.replace("__", "."): value for key, value in settings.items()},
        }
        command = [str(binary()), "serve"]
        for key, value in settings.items():
            command += ["--set", f"{key}={value}"]
        super().__init__(command, "  HTTP       ", folder / "node.log")


# The observer -------------------------------------------------------------------------------------------------


class Observer(Child):
    """`observer.py` in a process of its own: takes notifications and writes them to a file, one line each."""

    def __init__(self, folder, port=0):
        self.file = folder / "received.jsonl"
        self.file.touch()
        self.read = 0
        self.events = []
        command = [sys.executable, str(HERE / "observer.py"), str(self.file), str(port)]
        super().__init__(command, "listens on ", folder / "observer.log")

    def received(self):
        """The events received so far: pairs of the path and the notified representation, in order of arrival."""
        with open(self.file, "rb") as file:
            file.seek(self.read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self.read += len(whole)
        for path, content in map(json.loads, whole.splitlines()):
            notification = content["m2m:sgn"]
            if "nev" in notification:  # Others ask for consent, or tell that a subscription is gone.
                self.events.append((path, notification["nev"]["rep"]))
        return self.events

    def wait_for(self, what, is_there, seconds=60):
        """Waits until the events are there; gives them."""
        until = time.monotonic() + seconds
        while not is_there(events := self.received()):
            if time.monotonic() > until:
                raise Difference(f"{what}: not received within {seconds} s; there are {len(events)} events")
            time.sleep(0.05)
        return events


# Measured series ----------------------------------------------------------------------------------------------


def series(file):
    """The lines of a file of measured values, and whether they are the whole file or an excerpt of it."""
    folder = Path(os.environ.get("DYAD_DATA", CHECKOUT.parent / "shared/data"))
    whole = folder / file
    path = whole if whole.exists() else HERE / "data" / file
    with open(path, newline="") as lines:
        return list(csv.DictReader(lines)), "" if path is whole else " (excerpt)"
