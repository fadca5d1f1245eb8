"""What one heartbeat says beside the one before it; values in, values out.

- A crash is counted when ``crashes`` counted up. If it did not, a new boot that a watchdog or a fault began counts as
  one: the counter was lost with it. Heartbeats that merely go on saying ``reset=fault`` count nothing.
- A device's first heartbeat ever is where counting begins: old crashes are not ours, a failed self-test is.
- Order is the order of receipt. Boot ids may come back, since a board may count its boots anew after a power cut. News
  that was overtaken and comes again has the same id, so whoever reads the facts takes it once.
"""

from fleetloop.core.facts import Fact
from fleetloop.telemetry.model import Crashed, Rebooted, SelfTestFailed
from fleetloop.wire import Heartbeat

CRASH_RESETS = frozenset({"watchdog", "fault"})


def must_keep(before: Heartbeat | None, now: Heartbeat) -> bool:
    """Whether this must be on disk before it is acknowledged."""
    return before is None or _telling(before) != _telling(now)


def _telling(heartbeat: Heartbeat) -> tuple[object, ...]:
    h = heartbeat
    return h.version, h.boot_id, h.crashes, h.self_test, h.hardware_revision


def facts(device: str, at: float, before: Heartbeat | None, now: Heartbeat) -> list[Fact]:
    """What happened between the two, in order: reboot, crash, self-test."""
    found: list[Fact] = []
    booted = before is not None and now.boot_id != before.boot_id
    if booted:
        found.append(Rebooted(at, device, now.boot_id, now.reset, now.version))
    if before and (count := crashes_between(before, now)):
        key = f"{now.boot_id}.{now.crashes}"
        found.append(Crashed(at, device, now.crashes, count, now.reset, now.boot_id, now.version, before.uptime_s, key))
    if not now.self_test and (before is None or before.self_test or booted):
        found.append(SelfTestFailed(at, device, now.boot_id, now.version, f"{now.boot_id}.self-test"))
    return found


def crashes_between(before: Heartbeat, now: Heartbeat) -> int:
    """How many crashes the device had since ``before``."""
    if now.crashes > before.crashes:
        return now.crashes - before.crashes
    return int(now.boot_id != before.boot_id and now.reset in CRASH_RESETS)


def is_sighting(before: Heartbeat | None, now: Heartbeat) -> bool:
    """Whether the version told is news: another one, or the same after a boot, as when an update fell back."""
    return before is None or before.version != now.version or before.boot_id != now.boot_id
