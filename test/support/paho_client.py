"""A client made with Eclipse Paho (Debian's python3-paho-mqtt), which shares no line with the gateway.

usage: paho_client.py PORT PROTOCOL CLIENT_ID STEP

PROTOCOL is 4 (MQTT 3.1.1) or 5. Prints one JSON document with what happened, or fails.

STEP exchange: subscribes, publishes with every QoS, a retained message and (MQTT 5) properties, and gets all of it.
STEP leave:    opens a session that is kept, subscribes with QoS 2 and disconnects.
STEP return:   resumes that session and prints what was queued meanwhile.
STEP die:      opens a connection with a will and leaves without a DISCONNECT.
"""

import json
import os
import queue
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PATIENCE_S = 10


class Client:
    def __init__(self, port, protocol, client_id):
        self.protocol = protocol
        self.events = queue.Queue()
        self.messages = queue.Queue()
        version = mqtt.MQTTv5 if protocol == 5 else mqtt.MQTTv311
        clean = {} if protocol == 5 else {"clean_session": False}
        self.client = mqtt.Client(client_id=client_id, protocol=version, **clean)
        self.client.on_connect = self._connected
        self.client.on_subscribe = lambda *args: self.events.put(("subscribed", None))
        self.client.on_publish = lambda *args: self.events.put(("published", None))
        self.client.on_message = lambda _client, _data, message: self.messages.put(message)
        self.port = port

    def _connected(self, _client, _data, flags, reason, properties=None):
        code = reason if isinstance(reason, int) else reason.value
        self.events.put(("connected", {"code": code, "session present": flags["session present"]}))

    def connect(self):
        extra = {}
        if self.protocol == 5:
            lasting = Properties(PacketTypes.CONNECT)
            lasting.SessionExpiryInterval = 600
            extra = {"clean_start": False, "properties": lasting}
        self.client.connect("127.0.0.1", self.port, keepalive=30, **extra)
        self.client.loop_start()
        return self.expect("connected")

    def expect(self, name):
        found, detail = self.events.get(timeout=PATIENCE_S)
        if found != name:
            raise SystemExit(f"expected {name}, got {found}")
        return detail

    def subscribe(self, topic, qos):
        self.client.subscribe(topic, qos)
        self.expect("subscribed")

    def publish(self, topic, payload, qos, retain=False, properties=None):
        self.client.publish(topic, payload, qos, retain, properties)
        self.expect("published")

    def message(self):
        message = self.messages.get(timeout=PATIENCE_S)
        found = {
            "topic": message.topic,
            "payload": message.payload.decode(),
            "qos": message.qos,
            "retain": bool(message.retain),
        }
        if self.protocol == 5 and message.properties is not None:
            found["user"] = [list(pair) for pair in getattr(message.properties, "UserProperty", [])]
        return found

    def leave(self):
        self.client.disconnect()
        self.client.loop_stop()


def exchange(client, client_id):
    connected = client.connect()
    client.subscribe(client_id + "/#", 2)
    messages = []
    for qos in (0, 1, 2):
        client.publish(client_id + "/t", f"qos {qos}", qos)
        messages.append(client.message())
    properties = None
    if client.protocol == 5:
        properties = Properties(PacketTypes.PUBLISH)
        properties.UserProperty = [("unit", "°C"), ("unit", "K")]
    client.publish(client_id + "/kept", "retained", 1, retain=True, properties=properties)
    messages.append(client.message())
    client.subscribe(client_id + "/kept", 1)
    messages.append(client.message())
    client.leave()
    return {"connected": connected, "messages": messages}


def leave(client, client_id):
    connected = client.connect()
    client.subscribe(client_id + "/#", 2)
    client.leave()
    return {"connected": connected}


def resume(client, _client_id):
    connected = client.connect()
    messages = [client.message() for _ in range(3)]
    client.leave()
    return {"connected": connected, "messages": messages}


def die(client, client_id):
    client.client.will_set(client_id + "/will", "gone", 1)
    connected = client.connect()
    print(json.dumps({"connected": connected}), flush=True)
    os._exit(0)


def main():
    port, protocol, client_id, step = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    steps = {"exchange": exchange, "leave": leave, "return": resume, "die": die}
    print(json.dumps(steps[step](Client(port, protocol, client_id), client_id)))


main()
