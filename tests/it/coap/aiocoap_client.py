"""Creates an instance of 100 kB in cse-in/c of the node at the URL that is given, and reads it."""

import asyncio
import json
import sys

from aiocoap import GET, POST, Context, Message
from aiocoap.numbers import OptionNumber
from aiocoap.optiontypes import OpaqueOption

CONTENT = "x" * 100_000
node = sys.argv[1]


def request(code, path, identifier, payload=b"", ty=None):
    message = Message(code=code, uri=node + path, payload=payload)
    options = [(279, b"CAdmin"), (283, identifier), (271, b"3")]
    if ty is not None:
        options.append((267, bytes([ty])))
    for number, value in options:
        message.opt.add_option(OpaqueOption(OptionNumber(number), value))
    if payload:
        message.opt.content_format = 50
    return message


async def main():
    client = await Context.create_client_context()
    answer = await client.request(request(GET, "/cse-in", b"1")).response
    assert str(answer.code) == "2.05 Content", answer.code
    body = json.dumps({"m2m:cin": {"con": CONTENT}}).encode()
    answer = await client.request(request(POST, "/cse-in/c", b"2", body, 4)).response
    assert str(answer.code) == "2.01 Created", (answer.code, answer.payload[:200])
    assert json.loads(answer.payload)["m2m:cin"]["cs"] == len(CONTENT), answer.payload[:200]
    answer = await client.request(request(GET, "/cse-in/c/la", b"3")).response
    assert str(answer.code) == "2.05 Content", (answer.code, answer.payload[:200])
    assert json.loads(answer.payload)["m2m:cin"]["con"] == CONTENT
    await client.shutdown()


asyncio.run(main())
