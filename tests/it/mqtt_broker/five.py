"""What MQTT 5 adds, and sessions, by paho-mqtt: python five.py PORT CASE. Ends with 0 if the case holds."""

import queue
import socket
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

PATIENCE = 20


class Client:
    """A client whose events are waited for one after the other."""

    def __init__(self, port, client_id="", protocol=mqtt.MQTTv5, expiry=None, clean=True, **connect):
        old = {} if protocol == mqtt.MQTTv5 else {"clean_session": clean}
        self.mqtt = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id, protocol=protocol, **old)
        self.events = {name: queue.Queue() for name in ("connect", "message", "subscribe", "publish", "unsubscribe", "gone")}
        self.mqtt.on_connect = lambda _c, _u, flags, code, properties: self.put("connect", (flags, code, properties))
        self.mqtt.on_message = lambda _c, _u, message: self.put("message", message)
        self.mqtt.on_subscribe = lambda _c, _u, _m, codes, _p: self.put("subscribe", [code.value for code in codes])
        self.mqtt.on_unsubscribe = lambda _c, _u, _m, codes, _p: self.put("unsubscribe", [code.value for code in codes])
        self.mqtt.on_publish = lambda _c, _u, _m, code, _p: self.put("publish", code.value)
        self.mqtt.on_disconnect = lambda _c, _u, _f, code, _p: self.put("gone", code)
        if "will" in connect:
            self.mqtt.will_set(**connect.pop("will"))
        if protocol == mqtt.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)
            if expiry is not None:
                properties.SessionExpiryInterval = expiry
            for name, value in connect.items():
                setattr(properties, name, value)
            self.mqtt.connect("127.0.0.1", port, clean_start=clean, properties=properties)
        else:
            self.mqtt.connect("127.0.0.1", port)
        self.mqtt.loop_start()
        self.flags, self.code, self.properties = self.take("connect")

    def put(self, name, event):
        self.events[name].put(event)

    def take(self, name):
        return self.events[name].get(timeout=PATIENCE)

    def subscribe(self, topic, qos=1, identifier=None, **options):
        properties = Properties(PacketTypes.SUBSCRIBE)
        if identifier:
            properties.SubscriptionIdentifier = identifier
        options = SubscribeOptions(qos=qos, **options)
        self.mqtt.subscribe(topic, options=options, properties=properties)
        return self.take("subscribe")

    def publish(self, topic, payload="x", qos=1, retain=False, **said):
        properties = Properties(PacketTypes.PUBLISH)
        for name, value in said.items():
            setattr(properties, name, value)
        self.mqtt.publish(topic, payload, qos, retain, properties)
        return self.take("publish")

    def leave(self):
        self.mqtt.disconnect()
        self.mqtt.loop_stop()

    def vanish(self):
        self.mqtt.loop_stop()
        self.mqtt._sock_close()


def equal(actual, expected):
    assert actual == expected, f"{actual!r} is not {expected!r}"


def properties_are_passed_on(port):
    a, b = Client(port), Client(port)
    b.subscribe("x/#")
    a.publish("x/1", b"\xc3\xa4", UserProperty=[("k", "v"), ("k", "w")], ResponseTopic="answer/1", CorrelationData=b"\x00\xff",
              ContentType="text/plain", PayloadFormatIndicator=1, MessageExpiryInterval=100)
    message = b.take("message")
    said = message.properties
    equal(said.UserProperty, [("k", "v"), ("k", "w")])
    equal((said.ResponseTopic, said.CorrelationData, said.ContentType), ("answer/1", b"\x00\xff", "text/plain"))
    equal(said.PayloadFormatIndicator, 1)
    assert 95 <= said.MessageExpiryInterval <= 100, said.MessageExpiryInterval


def request_and_response(port):
    asker, answerer = Client(port), Client(port)
    answerer.subscribe("question")
    asker.subscribe("answer/asker")
    asker.publish("question", b"6*7", ResponseTopic="answer/asker", CorrelationData=b"1")
    question = answerer.take("message")
    answerer.publish(question.properties.ResponseTopic, b"42", CorrelationData=question.properties.CorrelationData)
    answer = asker.take("message")
    equal((answer.payload, answer.properties.CorrelationData), (b"42", b"1"))


def connack_says_what_is_supported(port):
    client = Client(port, expiry=4_000_000_000)
    equal(client.code.value, 0)
    said = client.properties
    assert client.properties.AssignedClientIdentifier.startswith("auto-")
    assert said.ReceiveMaximum > 0 and said.MaximumPacketSize > 1000
    assert said.SessionExpiryInterval < 4_000_000_000
    assert not hasattr(said, "TopicAliasMaximum")


def reason_codes(port):
    client = Client(port)
    equal(client.subscribe("a/b"), [1])
    equal(client.subscribe("$SYS/#"), [0x87])
    equal(client.publish("a/b"), 0)
    equal(client.publish("nobody"), 0x10)
    equal(client.publish("nobody", qos=2), 0)
    equal(client.publish("$SYS/x"), 0x87)
    for expected in (0, 0x11):
        client.mqtt.unsubscribe("a/b")
        equal(client.take("unsubscribe"), [expected])


def subscription_identifiers(port):
    a, b = Client(port), Client(port)
    b.subscribe("x/+", identifier=7)
    b.subscribe("x/#", identifier=300)
    b.subscribe("x/1")
    a.publish("x/1")
    equal(sorted(b.take("message").properties.SubscriptionIdentifier[0] for _ in range(2)), [7, 300])
    a.publish("x/2/3")
    equal(b.take("message").properties.SubscriptionIdentifier, [300])


def no_local_and_retain_options(port):
    a = Client(port)
    a.publish("r", b"kept", retain=True)
    a.subscribe("own/#", noLocal=True)
    a.publish("own/1")
    a.subscribe("r", retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND, retainAsPublished=True)
    a.publish("r", b"again", retain=True)
    message = a.take("message")
    equal((message.topic, message.payload, message.retain), ("r", b"again", True))
    a.subscribe("r", retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
    a.subscribe("r")
    message = a.take("message")
    equal((message.payload, message.retain), (b"again", True))
    assert a.events["message"].empty()


def sessions(port, protocol=mqtt.MQTTv5):
    expiry = 60 if protocol == mqtt.MQTTv5 else None
    kept = lambda: Client(port, "keeper", protocol, expiry, clean=False)
    client = kept()
    equal(client.flags.session_present, False)
    client.mqtt.subscribe("kept/#", 2)
    client.take("subscribe")
    client.leave()
    other = Client(port)
    for qos in (1, 2, 1):
        other.publish("kept/1", str(qos), qos)
    back = kept()
    equal(back.flags.session_present, True)
    # paho hands over a message with QoS 2 once it is released, behind later ones with QoS 1.
    equal(sorted(back.take("message").payload for _ in range(3)), [b"1", b"1", b"2"])
    back.leave()
    equal(Client(port, "keeper", protocol, expiry, clean=True).flags.session_present, False)


def old_sessions(port):
    sessions(port, mqtt.MQTTv311)


def takeover(port):
    first = Client(port, "same", expiry=60, will={"topic": "will/same", "payload": "gone", "qos": 1})
    watcher = Client(port)
    watcher.subscribe("will/#")
    # paho would come back and take over in turn.
    first.mqtt.reconnect_delay_set(60, 60)
    second = Client(port, "same", expiry=60, clean=False)
    first.take("gone")
    equal(second.flags.session_present, True)
    equal(watcher.take("message").topic, "will/same")
    first.vanish()


def will_delay(port):
    watcher = Client(port)
    watcher.subscribe("will/#")

    def client(delay):
        properties = Properties(PacketTypes.WILLMESSAGE)
        properties.WillDelayInterval = delay
        properties.UserProperty = ("k", "v")
        will = {"topic": f"will/{delay}", "payload": "gone", "qos": 1, "properties": properties}
        return Client(port, f"delayed-{delay}", expiry=600, clean=False, will=will)

    client(0).vanish()
    message = watcher.take("message")
    equal((message.topic, message.properties.UserProperty), ("will/0", [("k", "v")]))
    client(100).vanish()
    client(1).vanish()
    equal(watcher.take("message").topic, "will/1")


def message_expiry(port):
    client = Client(port, "sleeper", expiry=60, clean=False)
    client.subscribe("x/#")
    client.leave()
    other = Client(port)
    other.publish("x/old", MessageExpiryInterval=1)
    marker = Client(port)
    marker.subscribe("x/#")
    # The retained one tells when a second is over: it is gone for new subscribers then.
    other.publish("x/retained", retain=True, MessageExpiryInterval=1)
    marker.take("message")
    while True:
        late = Client(port)
        late.subscribe("x/retained")
        late.subscribe("late")
        late.publish("late")
        if late.take("message").topic == "late":
            break
        late.leave()
    other.publish("x/new")
    equal(Client(port, "sleeper", expiry=60, clean=False).take("message").topic, "x/new")


def receive_maximum(port):
    a, b = Client(port), Client(port, ReceiveMaximum=1)
    b.subscribe("x", 2)
    for number in range(20):
        a.publish("x", str(number), 1 + number % 2)
    equal([b.take("message").payload for _ in range(20)], [str(number).encode() for number in range(20)])


def maximum_packet_size(port):
    a, b = Client(port), Client(port, MaximumPacketSize=100)
    b.subscribe("x", 1)
    a.publish("x", "y" * 200)
    a.publish("x", "small")
    equal(b.take("message").payload, b"small")


def keep_alive(port):
    watcher = Client(port)
    watcher.subscribe("will/#")
    stream = socket.create_connection(("127.0.0.1", port))
    will = b"\x00\x0awill/alive\x00\x01x"
    body = b"\x00\x04MQTT\x04\x06\x00\x01\x00\x05alive" + will
    stream.sendall(b"\x10" + bytes([len(body)]) + body)
    equal(stream.recv(4), b"\x20\x02\x00\x00")
    equal(watcher.take("message").topic, "will/alive")
    equal(stream.recv(1), b"")


def many_both_ways(port):
    a, b = Client(port), Client(port)
    b.subscribe("flood", 2)
    a.subscribe("back", 1)
    for number in range(2000):
        a.mqtt.publish("flood", str(number), number % 3)
    received = []
    while len(received) < 2000:
        received.append(int(b.take("message").payload))
        b.mqtt.publish("back", str(received[-1]), 1)
    equal(sorted(received), list(range(2000)))
    equal(sorted(int(a.take("message").payload) for _ in range(2000)), list(range(2000)))


if __name__ == "__main__":
    globals()[sys.argv[2]](int(sys.argv[1]))
    print("held", flush=True)
