"""Who is drawn: places by hash of the rollout's secret seed, the rollout, the wave and the device.

Reproducible and auditable: whoever knows the seed can draw again. The seed stays secret while the rollout runs, so that
nobody can choose a device id that is, or is not, drawn first.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b, sha256


def place(seed: str, rollout: str, wave: int, device: str) -> int:
    """The device's place (64 bit) in the draw of this wave; the lowest are drawn."""
    return int.from_bytes(_digest(_key(seed, rollout, wave), device))


def drawn(seed: str, rollout: str, wave: int, candidates: Iterable[str], n: int) -> tuple[str, ...]:
    """The ``n`` candidates with the lowest places, lowest first; all of them if there are fewer.

    It rests on the set of candidates, not on their order.
    """
    return tuple(device for _, device in sorted(_lowest(_key(seed, rollout, wave), [*candidates], n)))


def chosen(seed: str, rollout: str, wave: int, candidates: Sequence[str], n: int) -> list[str]:
    """As `drawn`, in the order of the candidates."""
    if n >= len(candidates):
        return [*candidates]
    return [device for _, device in _lowest(_key(seed, rollout, wave), candidates, n)]


def _lowest(key: bytes, candidates: Sequence[str], n: int) -> list[tuple[bytes, str]]:
    """(place, device) of the ``n`` lowest. Places alone are sorted: that is three times as fast as with their devices."""
    if n <= 0:
        return []
    places = [blake2b(device.encode(), digest_size=8, key=key).digest() for device in candidates]
    placed = zip(places, candidates, strict=True)
    if n >= len(places):
        return [*placed]
    last = sorted(places)[n - 1]
    found = [pair for pair in placed if pair[0] <= last]
    return found if len(found) == n else sorted(found)[:n]


def _key(seed: str, rollout: str, wave: int) -> bytes:
    """The three in one key; the lengths keep ("ab", "c") and ("a", "bc") apart."""
    secret, name = seed.encode(), rollout.encode()
    return sha256(b"%d:%d:%d:%b%b" % (len(secret), len(name), wave, secret, name)).digest()


def _digest(key: bytes, device: str) -> bytes:
    return blake2b(device.encode(), digest_size=8, key=key).digest()
