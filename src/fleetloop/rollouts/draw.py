"""Who is drawn: places by hash of the rollout's secret seed, the rollout, the wave and the device.

Reproducible and auditable: whoever knows the seed can draw again. A place is the BLAKE2b of the device's id (8 bytes,
key = SHA-256 of ``A:B:WAVE:SEEDROLLOUT``, where A and B are the lengths of seed and rollout in bytes); the rollout is
its number in decimal; of each hardware revision the lowest places are drawn. The seed stays secret while the rollout
runs, so that nobody can choose a device id that is, or is not, drawn first.
"""

from collections.abc import Collection, Iterable, Sequence
from hashlib import blake2b, sha256


def place(seed: str, rollout: str, wave: int, device: str) -> int:
    """The device's place (64 bit) in the draw of this wave; the lowest are drawn."""
    return int.from_bytes(places(seed, rollout, wave, [device])[device])


def drawn(seed: str, rollout: str, wave: int, candidates: Iterable[str], n: int) -> tuple[str, ...]:
    """The ``n`` candidates with the lowest places, lowest first; all of them if there are fewer.

    It rests on the set of candidates, not on their order.
    """
    placed = places(seed, rollout, wave, candidates)
    lowest = sorted(placed.values())[: max(n, 0)]  # places alone sort much faster than with their devices
    found = sorted((place, device) for device, place in placed.items() if lowest and place <= lowest[-1])
    return tuple(device for _, device in found[: len(lowest)])


def chosen(seed: str, rollout: str, wave: int, candidates: Sequence[str], n: int) -> Collection[str]:
    """As `drawn`, in no order, and faster."""
    if not 0 < n < len(candidates):
        return candidates if n > 0 else ()
    placed = places(seed, rollout, wave, candidates)
    last = sorted(placed.values())[n - 1]
    found = {device for device, place in placed.items() if place <= last}
    return found if len(found) == n else drawn(seed, rollout, wave, candidates, n)


def places(seed: str, rollout: str, wave: int, devices: Iterable[str]) -> dict[str, bytes]:
    """The place of each device, as bytes that sort alike."""
    keyed, found = blake2b(digest_size=8, key=_key(seed, rollout, wave)), dict[str, bytes]()
    for device in devices:
        one = keyed.copy()
        one.update(device.encode())
        found[device] = one.digest()
    return found


def _key(seed: str, rollout: str, wave: int) -> bytes:
    """The three in one key; the lengths keep ("ab", "c") and ("a", "bc") apart."""
    secret, name = seed.encode(), rollout.encode()
    return sha256(b"%d:%d:%d:%b%b" % (len(secret), len(name), wave, secret, name)).digest()
