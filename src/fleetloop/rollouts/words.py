"""Times and counts as a person reads them."""

from datetime import UTC, datetime

from fleetloop.core.clock import DAY, HOUR


def clock(at: float, now: float) -> str:
    """``Wed 07:10`` in UTC; with the day of the month when it is not within six days."""
    when = datetime.fromtimestamp(at, UTC)
    return f"{when:%a %H:%M}" if abs(at - now) < 6 * DAY else f"{when:%a} {when.day} {when:%b %H:%M}"


def span(seconds: float) -> str:
    """``24 h 38 min``, rounded up to the minute; from three days on ``3 d 4 h``, rounded up to the hour."""
    minutes = max(1, -int(-seconds // 60))
    if seconds >= 3 * DAY:
        hours = -int(-seconds // HOUR)
        return " ".join(part for part in (f"{hours // 24:,} d", f"{hours % 24} h") if not part.startswith("0 "))
    parts = (f"{minutes // 60} h", f"{minutes % 60} min")
    return " ".join(part for part in parts if not part.startswith("0 "))


def until(at: float, now: float) -> str:
    """``Wed 07:10, in 24 h 38 min``."""
    return f"{clock(at, now)}, in {span(at - now)}"


def most(count: int, total: int) -> str:
    """``1,062 of 1,100``."""
    return f"{count:,} of {total:,}"


def stuck_sentence(devices: int, version: str) -> str:
    """Of devices that sit on a stopped release: all faces say it alike."""
    many = "device runs" if devices == 1 else "devices run"
    has = "has" if devices == 1 else "have"
    return f"{devices:,} {many} {version} and {has} no confirmed release to go back to."
