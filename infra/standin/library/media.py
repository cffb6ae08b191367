"""The bytes of the library's media, generated on the first request.

GIFs and JPEGs are valid pictures. An MP4 is a valid box structure around filler bytes: it can be
downloaded and compared, but not played.
"""

import hashlib
import io
from functools import lru_cache

from PIL import Image, ImageDraw

_SIZE = (96, 54)
_FRAMES = 4
_MP4_FILLER_BLOCKS = 128


def generate(content_type: str, key: str) -> bytes:
    """Return the bytes of an object of one of the three content types."""
    return _GENERATORS[content_type](key)


@lru_cache(maxsize=256)
def gif(key: str) -> bytes:
    """Return an animated GIF of a square that moves over a plain background."""
    frames = [_picture(key, step) for step in range(_FRAMES)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=200, loop=0)
    return out.getvalue()


@lru_cache(maxsize=256)
def jpeg(key: str) -> bytes:
    """Return a small JPEG in colours derived from `key`."""
    out = io.BytesIO()
    _picture(key, 0).save(out, "JPEG", quality=70)
    return out.getvalue()


@lru_cache(maxsize=64)
def mp4(key: str) -> bytes:
    """Return an `ftyp` box and an `mdat` box with filler derived from `key`."""
    filler = b"".join(
        hashlib.sha256(f"{key}:{n}".encode()).digest() for n in range(_MP4_FILLER_BLOCKS)
    )
    return _box(b"ftyp", b"isom\x00\x00\x02\x00isomiso2mp41") + _box(b"mdat", filler)


def _box(kind: bytes, body: bytes) -> bytes:
    return (8 + len(body)).to_bytes(4) + kind + body


def _picture(key: str, step: int) -> Image.Image:
    colour = hashlib.sha256(key.encode()).digest()
    picture = Image.new("RGB", _SIZE, (colour[0], colour[1], colour[2]))
    left = 6 + step * 20
    square = (left, 16, left + 18, 34)
    ImageDraw.Draw(picture).rectangle(square, fill=(colour[3], colour[4], colour[5]))
    return picture


_GENERATORS = {"image/gif": gif, "image/jpeg": jpeg, "video/mp4": mp4}
