"""Who is drawn: places by hash of the rollout's secret seed, the rollout, the wave and the device.

Reproducible and auditable: whoever knows the seed can draw again. The seed stays secret while the rollout runs, so that
nobody can choose a device id that is, or is not, drawn first.
"""

import heapq
from collections.abc import Iterable
from hashlib import blake2b, sha256


def place(seed: str, rollout: str, wave: int, device: str) -> int:
    """The device's place (64 bit) in the draw of this wave; the lowest are drawn."""
    return int.from_bytes(_digest(_key(seed, rollout, wave), device))


def drawn(seed: str, rollout: str, wave: int, candidates: Iterable[str], n: int) -> tuple[str, ...]:
    """The ``n`` candidates with the lowest places, lowest first; all of them if there are fewer.

    It rests on the set of candidates, not on their order.
    """
    key = _key(seed, rollout, wave)
    placed = [(_digest(key, device), device) for device in candidates]
    lowest = heapq.nsmallest(n, placed) if n * 4 < len(placed) else sorted(placed)[: max(n, 0)]
    return tuple(device for _, device in lowest)


def _key(seed: str, rollout: str, wave: int) -> bytes:
    """The three in one key; the lengths keep ("ab", "c") and ("a", "bc") apart."""
    secret, name = seed.encode(), rollout.encode()
    return sha256(b"%d:%d:%d:%b%b" % (len(secret), len(name), wave, secret, name)).digest()


def _digest(key: bytes, device: str) -> bytes:
    return blake2b(device.encode(), digest_size=8, key=key).digest()
