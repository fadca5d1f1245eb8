"""Numbers and times as people read them. Seconds since 1970 in, words out; all times are UTC.

Evidence and lower ends are cut, never rounded up: 1.49 must not read 1.5, where a rollout holds. Upper ends are rounded
up. A count comes with its denominator.
"""

import math
from datetime import UTC, datetime

from markupsafe import Markup

from fleetloop.web.svg import el, join

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
NARROW = "\N{NO-BREAK SPACE}"
TIMES = "\N{MULTIPLICATION SIGN}"
FORMS = {
    "hm": "%H:%M",
    "hms": "%H:%M:%S",
    "day": "%a %H:%M",
    "date": "%a {d} %b %H:%M",
    "short": "%d %b %H:%M",
    "dayonly": "%d %b",
    "full": "%a %Y-%m-%d %H:%M:%S UTC",
}


def moment(at: float) -> datetime:
    """The instant in UTC."""
    return datetime.fromtimestamp(at, UTC)


def iso(at: float) -> str:
    """As machines read it: `2026-11-11T03:05:07Z`."""
    return moment(at).strftime("%Y-%m-%dT%H:%M:%SZ")


def written(at: float, form: str) -> str:
    """``form`` is a key of `FORMS`."""
    when = moment(at)
    return when.strftime(FORMS[form].replace("{d}", str(when.day)))


def when(at: float, form: str = "day") -> Markup:
    """The clock, with the full instant for machines and on hover."""
    return _time(at, written(at, form))


def _time(at: float, text: str) -> Markup:
    return el("time", text, datetime=iso(at), title=written(at, "full"))


def near(at: float, now: float) -> Markup:
    """The shortest clock that cannot be mistaken from ``now``: time, weekday and time, or the date too."""
    apart = abs(at - now)
    same_day = moment(at).date() == moment(now).date()
    return when(at, "hm" if same_day else "day" if apart < 3 * DAY else "date")


def relative(at: float, now: float) -> Markup:
    """`15 min ago`, `in 24 h 38 min`, `4 days ago`: for news, not for order."""
    text = "now" if abs(now - at) < 1 else f"in {duration(at - now)}" if at > now else f"{_past(now - at)} ago"
    return _time(at, text)


def _past(seconds: float) -> str:
    return f"{int(seconds // DAY)} days" if seconds >= 2 * DAY else duration(seconds)


def duration(seconds: float) -> str:
    """Cut to the two largest units: `46 min`, `3 h 23 min`, `19 h 01 min`, `9 d 12 h`."""
    whole = int(max(seconds, 0))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 2 * DAY:
        hours, minutes = whole // 3600, whole % 3600 // 60
        return f"{hours} h {minutes:02d} min" if minutes else f"{hours} h"
    days, hours = whole // 86400, whole % 86400 // 3600
    return f"{days} d {hours} h" if hours else f"{days} days"


def span(seconds: float) -> str:
    """A length that somebody chose, in the unit it was chosen in: `24 h`, `2 h`, `30 min`, `4 days`."""
    if seconds >= 4 * DAY and seconds % DAY == 0:
        return f"{seconds / DAY:.0f} days"
    if seconds >= HOUR and seconds % HOUR == 0:
        return f"{seconds / HOUR:.0f} h"
    return duration(seconds)


def count(number: int) -> str:
    """Thousands with a comma."""
    return f"{number:,}"


def of(number: int, total: int) -> str:
    """A count with its denominator."""
    return f"{number:,} of {total:,}"


def things(number: int, one: str, many: str = "") -> str:
    """`1 device`, `25 devices`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def cut(value: float, digits: int) -> str:
    """Cut off, not rounded: what is printed was reached."""
    if math.isinf(value) or value > 1e6:
        return "over 1,000,000"
    scale = 10**digits
    return f"{math.floor(value * scale + 1e-9) / scale:,.{digits}f}"


def e_value(value: float) -> str:
    """E as one reads it: a decimal below 10, whole from there on; cut, so 1.49 is 1.4 and 19.99 is 19."""
    return cut(value, 1 if value < 10 else 0)


def times(value: float) -> str:
    """An estimate of how many times as bad."""
    return f"{TIMES} {value:.1f}" if value < 3 else f"{TIMES} {value:,.0f}"


def at_least(value: float) -> str:
    """A lower end: cut."""
    return f"{TIMES} {cut(value, 1 if value < 10 else 0)}"


def at_most(value: float) -> str:
    """An upper end: rounded up; an open one says so."""
    if math.isinf(value):
        return "no upper end"
    digits = 1 if value < 10 else 0
    return f"{TIMES} {math.ceil(value * 10**digits - 1e-9) / 10**digits:,.{digits}f}"


def per_device_days(rate: float) -> str:
    """A tolerated rate in whole events: 0.01 is `1 bad event per 100 device-days`."""
    for days in (1, 10, 100, 1000, 10_000):
        events = rate * days
        if events >= 1 and abs(events - round(events)) < 1e-6:
            return f"{things(round(events), 'bad event')} per {f'{days:,} device-days' if days > 1 else 'device-day'}"
    return f"{rate:.2g} bad events per device-day"


def board(revision: str) -> str:
    """A hardware revision inside a sentence: a name of one letter alone would not be seen as one."""
    return f"rev-{revision}" if len(revision) < 3 else revision


def size(number: int) -> str:
    """Bytes: exact below a kilobyte, else one decimal in kB or MB."""
    if number < 1000:
        return f"{number} B"
    return f"{number / 1000:,.1f} kB" if number < 1_000_000 else f"{number / 1_000_000:,.1f} MB"


def listed(*words: str) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else list(words))


def sentence(*parts: str) -> Markup:
    """Parts with a space between; text is escaped, markup stays."""
    return Markup(" ").join(join(part) for part in parts if part)
