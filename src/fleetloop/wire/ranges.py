"""Which bytes of an artifact a client asks for, and whether its conditions hold (RFC 9110 sections 13 and 14)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import formatdate, parsedate_to_datetime
from itertools import pairwise

Span = tuple[int, int]
"""First and last byte, both included."""
SPANS = 64
"""Most ranges of one request; more are answered by the whole."""
_SPEC = re.compile(r"(\d{1,18})-(\d{0,18})|-(\d{1,18})")
_TAG = re.compile(r'(W/)?"([^"]*)"')


def spans(header: str, size: int) -> list[Span] | None:
    """The satisfiable ranges, clipped to ``size``. None: ignore the header. Empty: 416.

    Ignored are other units, what is not a range set, and more than `SPANS` of them. Overlapping ranges are joined.
    """
    unit, _, text = header.partition("=")
    specs = [part.strip(" \t") for part in text.split(",")]
    found = [_SPEC.fullmatch(s) for s in specs if s]
    if unit.strip().lower() != "bytes" or not found or len(found) > SPANS:
        return None
    asked: list[Span] = []
    for m in found:
        if m is None or (m[2] and int(m[2]) < int(m[1])):
            return None
        asked.append(_clip(m, size))
    return _join([(first, last) for first, last in asked if first <= last])


def _clip(m: re.Match[str], size: int) -> Span:
    """An unsatisfiable range comes out with its last byte before its first."""
    if m[3]:
        return max(0, size - int(m[3])), size - 1
    return int(m[1]), min(int(m[2]), size - 1) if m[2] else size - 1


def _join(asked: list[Span]) -> list[Span]:
    """In the order asked, unless some overlap: then in order of place, the overlapping ones as one."""
    ordered = sorted(asked)
    if all(a[1] < b[0] for a, b in pairwise(ordered)):
        return asked
    joined = [ordered[0]]
    for first, last in ordered[1:]:
        if first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined


@dataclass(frozen=True)
class Artifact:
    """What the conditions look at. ``tag`` without quotes; ``modified`` in seconds since 1970, 0 if unknown."""

    tag: str
    modified: int
    size: int

    @property
    def date(self) -> str:
        """``Last-Modified``."""
        return formatdate(self.modified, usegmt=True)


@dataclass(frozen=True)
class Plan:
    """How a request for an artifact is answered; ``spans`` are the bytes to send."""

    status: int
    spans: tuple[Span, ...] = ()

    @property
    def starts(self) -> bool:
        """Whether the first byte is among them: a download that begins, not one that goes on."""
        return any(first == 0 for first, _ in self.spans)


def plan(headers: Mapping[bytes, bytes], artifact: Artifact, *, head: bool) -> Plan:
    """RFC 9110 section 13.2.2, in its order; a range counts only for GET."""
    asked = {k: v.decode("latin-1") for k, v in headers.items() if k in _LOOKED_AT}
    if not _may(asked, artifact):
        return Plan(412)
    if _has(asked, artifact):
        return Plan(304)
    wanted = None
    if b"range" in asked and not head and _same(asked.get(b"if-range"), artifact):
        wanted = spans(asked[b"range"], artifact.size)
    if wanted is None:
        return Plan(200, ((0, artifact.size - 1),) if artifact.size else ())
    return Plan(206, tuple(wanted)) if wanted else Plan(416)


_LOOKED_AT = {
    b"range", b"if-range", b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since",
}  # fmt: skip


def _may(asked: Mapping[bytes, str], artifact: Artifact) -> bool:
    """``If-Match`` (strong), else ``If-Unmodified-Since``."""
    tags = asked.get(b"if-match")
    if tags is not None:
        # hawkBit takes the bare digest only, so clients made for it send that
        strong = [t for weak, t in _TAG.findall(tags) if not weak]
        return artifact.tag in strong or tags.strip() in ("*", artifact.tag)
    since = _seconds(asked.get(b"if-unmodified-since"))
    return since is None or not artifact.modified or artifact.modified <= since


def _has(asked: Mapping[bytes, str], artifact: Artifact) -> bool:
    """``If-None-Match`` (weak), else ``If-Modified-Since``."""
    tags = asked.get(b"if-none-match")
    if tags is not None:
        return artifact.tag in [t for _, t in _TAG.findall(tags)] or tags.strip() == "*"
    since = _seconds(asked.get(b"if-modified-since"))
    return since is not None and 0 < artifact.modified <= since


def _same(value: str | None, artifact: Artifact) -> bool:
    """``If-Range``: exactly the strong tag, or exactly the date; absent means yes."""
    if value is None:
        return True
    value = value.strip()
    return value == f'"{artifact.tag}"' or (artifact.modified > 0 and _seconds(value) == artifact.modified)


def _seconds(date: str | None) -> int | None:
    """None for what is not an HTTP date: such a condition is ignored."""
    if not date:
        return None
    try:
        moment = parsedate_to_datetime(date)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
