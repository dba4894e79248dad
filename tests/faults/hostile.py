"""Broken and hostile files, each a pure function of its seed."""

import io
import json
import random
import struct
import zlib

import numpy as np
from PIL import Image

IMAGES = 1000
MODELS = 200


def image_file(seed: int) -> tuple[str, bytes]:
    """A name, whose ending may lie, and the content of an image file that may be damaged."""
    rng = random.Random(seed)
    kind = rng.choice(("png", "png", "gif", "webp", "bmp", "jpeg"))
    content = rng.choice((_picture, _picture, _animation))(rng, kind)
    damage = rng.choice((_whole, _cut_off, _flip_bits, _flip_bits, _lying_header, _splice, _tail))
    if damage is _lying_header and kind == "png":
        damage = rng.choice((_lying_png, _bomb_png, _odd_chunk))
    suffix = rng.choice((kind, kind, "png", "gif", "jpg"))
    return f"{seed}.{suffix}", damage(rng, content)


def _picture(rng: random.Random, kind: str) -> bytes:
    """A picture in any mode that the format has, of any small size."""
    modes = {
        "png": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
        "gif": ("1", "L", "P", "RGB", "RGBA"),
        "webp": ("RGB", "RGBA"),
        "bmp": ("1", "L", "P", "RGB", "RGBA"),
        "jpeg": ("L", "RGB", "CMYK"),
    }
    mode = rng.choice(modes[kind])
    width, height = rng.choice((1, 2, 7, 16, 96, 130)), rng.choice((1, 2, 16, 96, 97))
    noise = np.frombuffer(rng.randbytes(4 * width * height), np.uint8).reshape(height, width, 4)
    image = Image.fromarray(noise)
    if mode == "I;16":
        image = Image.fromarray(noise.view(np.uint16)[..., 0].copy())
    else:
        image = image.convert("RGB" if mode in ("1", "P", "CMYK") else mode).convert(mode)
    options = {}
    if kind == "png" and mode in ("P", "L", "RGB"):
        short = rng.randbytes(rng.choice((1, 3, 256)))  # transparency of other lengths than it has
        options["transparency"] = {"P": short, "L": 7, "RGB": (1, 2, 3)}[mode]
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _animation(rng: random.Random, kind: str) -> bytes:
    if kind not in ("gif", "webp", "png"):
        return _picture(rng, kind)
    frames = [
        Image.frombytes("RGBA", (20, 30), rng.randbytes(4 * 20 * 30))
        for _ in range(rng.randint(2, 6))
    ]
    stream = io.BytesIO()
    frames[0].save(stream, kind, save_all=True, append_images=frames[1:], duration=20)
    return stream.getvalue()


def _whole(rng: random.Random, content: bytes) -> bytes:
    return content


def _cut_off(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randrange(len(content))]


def _flip_bits(rng: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    reach = rng.choice((64, len(content)))  # most decisions are made at the beginning
    for _ in range(rng.choice((1, 3, 20))):
        changed[rng.randrange(min(reach, len(changed)))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _splice(rng: random.Random, content: bytes) -> bytes:
    """A piece is lost, doubled or replaced by noise."""
    start, end = sorted(rng.randrange(len(content)) for _ in range(2))
    piece = rng.choice((b"", content[start:end] * 2, rng.randbytes(end - start)))
    return content[:start] + piece + content[end:]


def _tail(rng: random.Random, content: bytes) -> bytes:
    return content + rng.randbytes(rng.randrange(1, 2000))


def _lying_header(rng: random.Random, content: bytes) -> bytes:
    """Numbers in the header become huge, zero or negative."""
    changed = bytearray(content)
    number = rng.choice((0, 1, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1))
    for _ in range(rng.choice((1, 2, 4))):
        struct.pack_into(rng.choice("<>") + "I", changed, rng.randrange(4, 40), number)
    return bytes(changed)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _lying_png(rng: random.Random, content: bytes) -> bytes:
    """A header with a valid checksum and sizes, depths and colours that are not so."""
    side = (0, 1, 96, 2048, 2049, 30_000, 2**31 - 1, 2**32 - 1)
    header = struct.pack(
        ">IIBBBBB",
        rng.choice(side),
        rng.choice(side),
        rng.choice((1, 2, 8, 16, 77)),
        rng.choice((0, 2, 3, 4, 6, 9)),
        0,
        0,
        rng.choice((0, 1)),
    )
    return content[:8] + _chunk(b"IHDR", header) + content[33:]


def _bomb_png(rng: random.Random, content: bytes) -> bytes:
    """A few kilobytes that unpack to a picture of many megabytes."""
    side = rng.choice((2048, 5792, 9000, 16_000))
    header = struct.pack(">IIBBBBB", side, side, 8, rng.choice((0, 2, 6)), 0, 0, 0)
    data = zlib.compress(bytes(side * 40), 9)
    return content[:8] + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _odd_chunk(rng: random.Random, content: bytes) -> bytes:
    """A chunk that packs megabytes, or is no text, or no palette, or no animation."""
    odd = {
        b"zTXt": b"k\0\0" + zlib.compress(bytes(2**24), 9),
        b"iTXt": b"k\0\1\0\0\0" + zlib.compress(bytes(2**24), 9),
        b"iCCP": b"k\0\0" + zlib.compress(bytes(2**24), 9),
        b"PLTE": rng.randbytes(7),
        b"tRNS": b"",
        b"acTL": struct.pack(">II", 2**31 - 1, 0),
        b"fcTL": rng.randbytes(26),
        b"eXIf": rng.randbytes(40),
    }
    name = rng.choice(sorted(odd))
    return content[:33] + _chunk(name, odd[name]) + content[33:]


def weights_file(seed: int, content: bytes) -> bytes:
    """A ``model.safetensors`` that may be damaged, made from a whole one."""
    rng = random.Random(seed)
    damage = rng.choice((_cut_off, _flip_bits, _splice, _tail, _hostile_tensors, _hostile_tensors))
    return damage(rng, content)


def _hostile_tensors(rng: random.Random, content: bytes) -> bytes:
    """A header of valid JSON that says what is not so."""
    length = struct.unpack("<Q", content[:8])[0]
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    name = rng.choice(sorted(key for key in header if key != "__metadata__"))
    one, changes = header[name], rng.randint(1, 2)
    huge = rng.choice((0, -1, 2**31, 2**62, 2**63, 2**64, 10**400, 1.5, None, "8"))
    for _ in range(changes):
        what = rng.randrange(11)
        if what == 0:
            one["shape"] = [huge]
        elif what == 1:
            one["shape"] = [*one["shape"], huge]
        elif what == 2:
            one["data_offsets"] = [0, huge]
        elif what == 3:
            one["data_offsets"] = [4, 0]
        elif what == 4:
            one["dtype"] = rng.choice(("F64", "I64", "BOOL", "F8_E4M3", "C64", "F99", "", 7))
        elif what == 5:
            header.pop(name, None)
        elif what == 6:
            header["extra"] = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
        elif what == 7:
            header["__metadata__"] = rng.choice(({}, {"a": 1}, [], "x", {"a": "b" * 10**6}))
        elif what == 8:
            header[name] = rng.choice((None, [], {}, 7))
        elif what == 9:
            header = {f"layer.{place}": one for place in range(10_000)}
        else:
            header[name * 1000] = one
    text = json.dumps(header).encode()
    stated = rng.choice((len(text), len(text), len(text), 0, 1, 2**31, 2**63, 2**64 - 1))
    return struct.pack("<Q", stated) + text + data


VALUES = (
    *(
        "-1",
        "0",
        "1",
        "3",
        "1000000",
        "1" + "0" * 18,
        "1" + "0" * 400,
        "1" + "0" * 5000,
        "-1e999",
        "1e400",
    ),
    *("NaN", "Infinity", "null", "true", '"x"', '""', "[]", "{}", "[[[]]]", '"\\ud800"', "1.0"),
    *("[1, 2]", "[-1]", "[1e18]", '["a"]', "[" * 500 + "]" * 500, "[1" + ", 1" * 5000 + "]"),
)
"""JSON, and what Python reads as JSON, that may stand where another value should."""


def config_file(seed: int, content: bytes) -> bytes:
    """A ``config.json`` that may be damaged, made from a whole one."""
    rng = random.Random(seed)
    damage = rng.choice((_cut_off, _flip_bits, _splice, *[_hostile_config] * 6))
    return damage(rng, content)


def _hostile_config(rng: random.Random, content: bytes) -> bytes:
    what = rng.randrange(8)
    if what == 0:
        nothing = ("", "[]", "7", "null", "\ufeff{}", "{" * 10**5, "[" * 10**5, '{"a":' * 10**5)
        return rng.choice(nothing).encode()
    fields = {name: json.dumps(value) for name, value in json.loads(content).items()}
    names = sorted(fields)
    if what == 1:
        del fields[rng.choice(names)]
    elif what == 2:
        extra = ("extra", "", "self", "__class__", "a" * 10**6, "\\u0000")
        fields[rng.choice(extra)] = rng.choice(VALUES)
    elif what == 3:
        other = ("nonsense", "dcgan-discriminator", "../x", "a" * 10**5)
        fields["architecture"] = rng.choice((*map(json.dumps, other), *VALUES))
    else:
        for name in rng.sample(names, rng.randint(1, 2)):
            fields[name] = rng.choice(VALUES)
    pairs = ", ".join(f'"{name}": {value}' for name, value in fields.items())
    return ("{" + pairs + "}").encode()
