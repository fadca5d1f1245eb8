"""Images as the boot loader takes them (MCUboot's format, by imgtool), and the flash that a new board has."""

import contextlib
import io
import struct
import tempfile
import uuid
from pathlib import Path

from imgtool.keys import Ed25519
from imgtool.main import imgtool

VENDOR = "coldcell.example"
SLOT_SIZE = 0x40000
HEADER_SIZE = 0x200
LOAD_ADDRESS = 0x100000
FLASH_SIZE = 16 << 20
PARAMETERS = 0x90000  # offset of the factory's sector
STEPPED = 0xFFFFFFFF  # time scale: application time moves by the console's `t N` alone
TRAILER_MAGIC = bytes.fromhex("77c295f360d2ef7f3552500f2cb67980")

_HEADER = struct.Struct("<IIHHI")  # magic, load address, header size, protected TLVs, payload size
_MAGIC, _TLVS, _SHA512 = 0x96F3B83D, 0x6907, 0x12
_PARAMETERS_MAGIC = 0x50415241


class ImageError(ValueError):
    """These bytes are no image of this product."""


def class_id(revision: str) -> str:
    """The hardware class an image is made for; the boot loader refuses another's."""
    return f"coldcell-{revision}"


def make_key(path: Path) -> Path:
    """A new Ed25519 image key: private at ``path``, public half beside it as ``.pub``. Returns the public half."""
    key, public = Ed25519.generate(), path.with_suffix(".pub")
    key.export_private(str(path))
    key.export_public(str(public))
    return public


def sign(payload: bytes, key: Path, version: str, revision: str, *, security_counter: int = 1) -> bytes:
    """An image for one revision, signed by the private key (PEM). The same bytes for the same arguments."""
    with tempfile.TemporaryDirectory() as scratch:
        plain, signed = Path(scratch, "app.bin"), Path(scratch, "app.img")
        plain.write_bytes(payload)
        options = {
            "--key": key,
            "--sha": "512",
            "--header-size": hex(HEADER_SIZE),
            "--slot-size": hex(SLOT_SIZE),
            "--load-addr": hex(LOAD_ADDRESS),
            "--align": 8,
            "--version": version,
            "--security-counter": security_counter,
            "--vid": VENDOR,
            "--cid": class_id(revision),
        }
        words = [str(word) for pair in options.items() for word in pair]
        with contextlib.redirect_stdout(io.StringIO()):  # it says what it does
            imgtool.main(["sign", "--pad-header", *words, str(plain), str(signed)], standalone_mode=False)
        return signed.read_bytes()


def payload(image: bytes) -> bytes:
    """The program inside an image, without header and signature."""
    header_size, _, size = _header(image)
    return image[header_size : header_size + size]


def digest(image: bytes) -> bytes:
    """The hash (64 bytes) by which the board names this image in its list."""
    header_size, protected, size = _header(image)
    at = header_size + size + protected
    magic, total = struct.unpack_from("<HH", image, at)
    end, at = at + total, at + 4
    while magic == _TLVS and at < end:
        kind, length = struct.unpack_from("<HH", image, at)
        if kind == _SHA512:
            return image[at + 4 : at + 4 + length]
        at += 4 + length
    raise ImageError("expected an image with a SHA-512 entry (imgtool sign --sha 512), found none")


def _header(image: bytes) -> tuple[int, int, int]:
    if len(image) < _HEADER.size:
        raise ImageError(f"expected an image with its header, got {len(image)} bytes")
    magic, _, header_size, protected, size = _HEADER.unpack_from(image)
    if magic != _MAGIC or header_size + size + protected + 4 > len(image):
        raise ImageError("expected a whole MCUboot image, got something else or a part of one")
    return header_size, protected, size


def factory(flash: Path, image: bytes, revision: str, serial: str, *, scale: int = 1) -> None:
    """Write the flash of a new board: a signed image in slot 0, marked confirmed, and the factory's parameters.

    ``scale``: application time runs so much faster than real time; ``STEPPED``: it moves by ``Board.step`` alone.
    """
    if len(serial.encode()) > 15 or len(revision) > 3:  # both end with a zero byte
        raise ImageError(f"expected a serial of at most 15 bytes and a revision of 3, got {serial!r} and {revision!r}")
    identity = uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_DNS, VENDOR), class_id(revision)).bytes
    parameters = struct.pack("<II16s4s16s", _PARAMETERS_MAGIC, scale, serial.encode(), revision.encode(), identity)
    slot = image.ljust(SLOT_SIZE - 24, b"\xff") + b"\x01".ljust(8, b"\xff") + TRAILER_MAGIC
    with flash.open("wb") as file:
        file.write((slot.ljust(PARAMETERS, b"\xff") + parameters).ljust(FLASH_SIZE, b"\xff"))
