"""An application on paho-mqtt: registers, keeps values, subscribes and is notified, in both versions of MQTT.

    paho_application.py HOST PORT

Says "ok" if everything was as it has to be.
"""

import json
import queue
import sys

import paho.mqtt.client as mqtt

PATIENCE = 20


class Application:
    def __init__(self, host, port, name, protocol):
        self.name, self.answers, self.requests, self.last = name, queue.Queue(), queue.Queue(), 0
        subscribed = queue.Queue()
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=f"A::{name}", protocol=protocol
        )
        self.client.on_message = self.on_message
        self.client.on_subscribe = lambda *_: subscribed.put(True)
        self.client.connect(host, port)
        self.client.loop_start()
        self.client.subscribe([(f"/oneM2M/resp/{name}/#", 1), (f"/oneM2M/req/+/{name}/#", 1)])
        subscribed.get(timeout=PATIENCE)

    def on_message(self, client, data, message):
        place = self.answers if "/resp/" in message.topic else self.requests
        place.put(json.loads(message.payload))

    def ask(self, op, to, **parameters):
        self.send(op, to, **parameters)
        return self.answers.get(timeout=PATIENCE)

    def send(self, op, to, **parameters):
        self.last += 1
        request = {"op": op, "to": to, "fr": self.name, "rqi": f"q{self.last}", "rvi": "3"} | parameters
        self.client.publish(f"/oneM2M/req/{self.name}/id-in/json", json.dumps(request), qos=1)

    def answer(self, request):
        response = {"rsc": 2000, "rqi": request["rqi"], "rvi": "3"}
        self.client.publish(f"/oneM2M/resp/id-in/{self.name}/json", json.dumps(response), qos=1)


def expect(status, answer):
    assert answer["rsc"] == status, answer
    return answer.get("pc")


def play(host, port, name, protocol):
    app = Application(host, port, f"C{name}", protocol)
    ae = {"rn": name, "api": "Npaho", "rr": True, "srv": ["3"], "poa": [f"mqtt://{host}:{port}"]}
    expect(2001, app.ask(1, "cse-in", ty=2, pc={"m2m:ae": ae}))
    expect(2001, app.ask(1, f"cse-in/{name}", ty=3, pc={"m2m:cnt": {"rn": "values"}}))
    subscription = {"rn": "watch", "nu": [f"C{name}"], "enc": {"net": [3]}, "nct": 1}
    app.send(1, f"cse-in/{name}/values", ty=23, pc={"m2m:sub": subscription})
    for _ in range(2):
        # A subscription of its own creator is not verified everywhere; whatever comes first is told apart.
        try:
            app.answer(app.requests.get(timeout=0.5))
        except queue.Empty:
            pass
        if not app.answers.empty():
            break
    expect(2001, app.answers.get(timeout=PATIENCE))
    for value in range(20):
        expect(2001, app.ask(1, f"cse-in/{name}/values", ty=4, pc={"m2m:cin": {"con": str(value)}}))
    for value in range(20):
        request = app.requests.get(timeout=PATIENCE)
        app.answer(request)
        assert request["pc"]["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"] == str(value), request
    latest = expect(2000, app.ask(2, f"cse-in/{name}/values/la"))
    assert latest["m2m:cin"]["con"] == "19", latest
    expect(2002, app.ask(4, f"cse-in/{name}"))
    app.client.disconnect()
    app.client.loop_stop()


if __name__ == "__main__":
    play(sys.argv[1], int(sys.argv[2]), "three", mqtt.MQTTv311)
    play(sys.argv[1], int(sys.argv[2]), "five", mqtt.MQTTv5)
    print("ok")
