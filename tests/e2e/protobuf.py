"""Protobuf and snappy by hand: nothing but the standard library, and nothing of the code under test."""
import struct


def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def zigzag(number):
    return number << 1 if number >= 0 else (-number << 1) - 1


def bytes_field(number, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def int_field(number, value):
    return varint(number << 3) + varint(value)


def signed_field(number, value):
    return int_field(number, zigzag(value))


def double_field(number, value):
    return varint(number << 3 | 1) + struct.pack('<d', value)


def packed(number, values):
    return bytes_field(number, b''.join(varint(value) for value in values)) if values else b''


def snappy(raw):
    """A valid snappy block that holds `raw` in literals."""
    out = varint(len(raw))
    for at in range(0, len(raw), 65536):
        part = raw[at:at + 65536]
        out += b'\xf4' + struct.pack('<H', len(part) - 1) + part
    return out
