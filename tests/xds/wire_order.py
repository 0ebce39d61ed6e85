"""Puts encoded messages into one order, so that two encoders can be compared byte by byte.

The protobuf encoding leaves the order of fields and of map entries open: the C runtime writes them
by number and key, betterproto2 as the .proto declares them. Nothing else differs between two right
encodings of a message. Reads the wire format itself, to lean on neither encoder.
"""

from __future__ import annotations

from google.protobuf.descriptor import Descriptor

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5


def in_order(data: bytes, descriptor: Descriptor) -> bytes:
    """Return the same encoded message, its fields by number and map entries by bytes."""
    records: list[tuple[int, bytes, bytes]] = []
    position = 0
    while position < len(data):
        start = position
        tag, position = _varint(data, position)
        number, wire_type = tag >> 3, tag & 7
        field = descriptor.fields_by_number[number]  # a KeyError here is a finding, too
        kind = field.message_type
        if wire_type == VARINT:
            _, position = _varint(data, position)
        elif wire_type == LENGTH:
            length, begin = _varint(data, position)
            position = begin + length
            if kind is not None:
                inner = in_order(data[begin:position], kind)
                record = data[start:begin] + inner
                is_map = kind.GetOptions().map_entry
                records.append((number, record if is_map else b"", record))
                continue
        else:
            position += {FIXED64: 8, FIXED32: 4}[wire_type]
        records.append((number, b"", data[start:position]))
    assert position == len(data)
    return b"".join(record for _, _, record in sorted(records, key=lambda entry: entry[:2]))


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position
