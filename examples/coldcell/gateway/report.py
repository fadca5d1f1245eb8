"""The lines a board says of itself: ``HB`` each minute of application time, ``APP`` once at start.

``KIND key=value ...*CRC``; the CRC is CRC-16/CCITT (start 0) of everything before the star, four hexadecimal digits.
A line whose CRC is wrong is no report; an unknown key is kept in ``fields``.
"""

import binascii
from collections.abc import Mapping
from dataclasses import dataclass

KINDS = ("APP", "HB")


@dataclass(frozen=True)
class Report:
    """One checked line."""

    kind: str
    id: str  # serial number, from the factory
    revision: str  # a, b or c
    version: str  # as compiled into the running image
    slot: int
    state: str  # trial or confirmed
    other: str  # boot loader's verdict on the other slot: ok, empty, bad-hash, ..., fell-back
    reset: str  # why it started: power, software, lost, trial-over, watchdog or fault
    up_s: int  # application time since the start
    ran_s: int  # application time of the run before this boot, 0 after power on
    boots: int
    crashes: int  # resets by watchdog or fault, ever
    rollbacks: int
    boot_id: str
    temperature: int  # thousandths of a degree Celsius
    cooling: bool
    self_test: bool
    fields: Mapping[str, str]  # all of it, keys of newer versions included


def parse(line: str) -> Report | None:
    """The report in a console line, or None if it is another line or damaged."""
    body, star, crc = line.strip().rpartition("*")
    kind, _, rest = body.partition(" ")
    if not star or kind not in KINDS or f"{binascii.crc_hqx(body.encode(), 0):04x}" != crc:
        return None
    fields = {key: value for key, _, value in (word.partition("=") for word in rest.split())}
    try:
        return _report(kind, fields)
    except (KeyError, ValueError):  # a board of a time before these fields
        return None


def _report(kind: str, fields: Mapping[str, str]) -> Report:
    return Report(
        kind,
        id=fields["id"],
        revision=fields["hw"],
        version=fields["ver"],
        slot=int(fields["slot"]),
        state=fields["state"],
        other=fields["other"],
        reset=fields["reset"],
        up_s=int(fields["up"]),
        ran_s=int(fields["ran"]),
        boots=int(fields["boots"]),
        crashes=int(fields["crashes"]),
        rollbacks=int(fields["rollbacks"]),
        boot_id=fields["boot"],
        temperature=int(fields["temp"]),
        cooling=fields["cooling"] == "1",
        self_test=fields["test"] == "ok",
        fields=fields,
    )
