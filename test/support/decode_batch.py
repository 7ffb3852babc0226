#!/usr/bin/python3
"""Reads record batches from standard input and prints what `sluice decode` prints, from storage/README.md alone.

Needs python3-cbor2 and python3-zstandard (Debian). Exit code 1 and a line on stderr for a damaged batch.
"""

import base64
import datetime
import gzip
import io
import json
import re
import struct
import sys
import zlib

import cbor2
import zstandard

MAGIC = b"\xd9\xd9\xf7"
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
EPOCH = datetime.datetime(1970, 1, 1)
UINT16_LE, UINT32_LE = 69, 70
DEAD_LETTER = [{}, {"deadLetter": "payload-format"}, {"deadLetter": "unknown"}, {"deadLetter": "unknown"}]


def fail(reason):
    sys.exit(f"not a whole record batch: {reason}")


def envelopes(stream):
    """(bytes, items) of every batch; the checksum is verified over the bytes."""
    while stream.tell() < len(stream.getbuffer()):
        start = stream.tell()
        if bytes(stream.getbuffer()[start : start + 3]) != MAGIC:
            fail(f"no magic at byte {start}")
        items = cbor2.load(stream)
        raw = bytes(stream.getbuffer()[start : stream.tell()])
        if isinstance(items, cbor2.CBORTag):  # cbor2 may hand over the tag of self-described CBOR or unwrap it
            items = items.value
        if items[0] not in (1, 2):
            fail(f"version {items[0]}")
        if raw[-5] != 0x1A or struct.unpack(">I", raw[-4:])[0] != items[11] or zlib.crc32(raw[:-5]) != items[11]:
            fail(f"checksum of the batch at byte {start}")
        yield items


def decompress(compression, body_bytes, body):
    if compression == "zstd":
        body = zstandard.ZstdDecompressor().decompress(body, max_output_size=body_bytes)
    elif compression == "gzip":
        body = gzip.decompress(body)
    elif compression != "none":
        fail(f"compression {compression}")
    if len(body) != body_bytes:
        fail("length of the body")
    return body


def typed(columns, name, tag, count):
    value = columns[name]
    if value.tag != tag:
        fail(f"column {name} has the tag {value.tag}")
    code = {UINT16_LE: "H", UINT32_LE: "I"}[tag]
    numbers = struct.unpack(f"<{len(value.value) // struct.calcsize('<' + code)}{code}", value.value)
    if len(numbers) != count:
        fail(f"length of column {name}")
    return numbers


def text_or_base64(name, data):
    try:
        text = data.decode("utf-8")
        if not CONTROL.search(text):
            return {name: text}
    except UnicodeDecodeError:
        pass
    return {name + "Base64": base64.b64encode(data).decode("ascii")}


def varint(stream):
    value = shift = 0
    while True:
        byte = stream.read(1)[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
        shift += 7


def prefixed(stream):
    return stream.read(struct.unpack(">H", stream.read(2))[0])


def properties(data):
    """MQTT 5.0 2.2.2.2, the properties of a publish."""
    stream, found, binary = io.BytesIO(data), {}, {}
    text = {0x03: "contentType", 0x08: "responseTopic"}
    while stream.tell() < len(data):
        identifier = varint(stream)
        if identifier == 0x01:
            found["payloadFormatIndicator"] = stream.read(1) == b"\x01"
        elif identifier == 0x02:
            found["messageExpiryInterval"] = struct.unpack(">I", stream.read(4))[0]
        elif identifier in text:
            found[text[identifier]] = prefixed(stream).decode("utf-8")
        elif identifier == 0x09:
            binary = text_or_base64("correlationData", prefixed(stream))
        elif identifier == 0x26:
            pairs = found.setdefault("userProperties", {})
            key, value = prefixed(stream).decode("utf-8"), prefixed(stream).decode("utf-8")
            before = pairs.get(key)
            if before is None:
                pairs[key] = value
            else:
                pairs[key] = (before if isinstance(before, list) else [before]) + [value]
        else:
            fail(f"property {identifier:#x}")
    return {**found, **binary}


def records(items):
    _, gateway, lane, first_offset, count, base_time_ms, _, _, compression, body_bytes, body, _ = items
    columns = cbor2.loads(decompress(compression, body_bytes, body))
    device = typed(columns, "device", UINT16_LE, count)
    topic = typed(columns, "topic", UINT16_LE, count)
    time_ms = typed(columns, "timeMs", UINT32_LE, count)
    payload_bytes = typed(columns, "payloadBytes", UINT32_LE, count)
    properties_bytes = (0,) * count
    if "propertiesBytes" in columns:
        properties_bytes = typed(columns, "propertiesBytes", UINT32_LE, count)
    if "packetId" in columns:
        typed(columns, "packetId", UINT16_LE, count)
    flags, data, at = columns["flags"], columns["data"], 0
    if len(flags) != count or sum(payload_bytes) + sum(properties_bytes) != len(data):
        fail("the lengths do not add up")
    for i in range(count):
        middle = at + properties_bytes[i]
        end = middle + payload_bytes[i]
        time = EPOCH + datetime.timedelta(milliseconds=base_time_ms + time_ms[i])
        yield {
            "gateway": gateway,
            "lane": lane,
            "offset": first_offset + i,
            "device": columns["devices"][device[i]],
            "topic": columns["topics"][topic[i]],
            "time": time.isoformat(timespec="milliseconds") + "Z",
            "qos": flags[i] & 3,
            "retain": bool(flags[i] & 4),
            "dup": bool(flags[i] & 8),
            "will": bool(flags[i] & 16),
            **DEAD_LETTER[flags[i] >> 5 & 3],
            **text_or_base64("payload", data[middle:end]),
            "properties": properties(data[at:middle]),
        }
        at = end


def main():
    for items in envelopes(io.BytesIO(sys.stdin.buffer.read())):
        for record in records(items):
            print(json.dumps(record, ensure_ascii=True))


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # whatever a library finds wrong with the bytes
        fail(f"{type(error).__name__}: {error}")
