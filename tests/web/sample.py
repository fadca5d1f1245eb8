"""The story of the reference pages in numbers: coldcell 1.1.0 hurts rev-b, is stopped, undone, and fixed by 1.1.1."""

import math
from datetime import datetime
from typing import Any

from markupsafe import Markup

from fleetloop.fleet import view as fleet
from fleetloop.incidents import view as incidents
from fleetloop.insights import view as insights
from fleetloop.releases import view as releases
from fleetloop.rollouts import view as rollouts
from fleetloop.rollouts.shown import Ask, Condition, Enough, HurtDevice, Missed, Rollback, RolloutShown
from fleetloop.web import (
    Arm,
    BadEvent,
    Badge,
    Comparison,
    Count,
    Frame,
    Happening,
    Holds,
    Point,
    Ratio,
    Spot,
    Stratum,
    Wave,
    whole,
)

INF = math.inf


def at(text: str) -> float:
    """`11-11 03:05:07` of 2026, UTC."""
    return datetime.fromisoformat(f"2026-{text.replace(' ', 'T')}+00:00").timestamp()


STOPPED_AT, PAGE_AT = at("11-11 03:05:07"), at("11-11 03:19:40")
RUNNING_AT, ENDED_AT = at("11-10 06:32:00"), at("11-19 14:10:00")
LATER = at("11-23 09:12:00")
W1, W2 = at("11-09 04:05:00"), at("11-10 05:00:00")


def frame(now: float, stage: str = "", **more: object) -> Frame:
    holds = more.pop("holds", {"rollouts": Holds("1 stopped", bad=True), "incidents": Holds("1 open", bad=True)})
    return Frame(
        now, stage, person="oncall@coldcell", role="on-call engineer", product="coldcell", holds=holds, csrf="t0k3n",
        note="Example data, simulated devices.", **more,
    )  # fmt: skip


# 1.1.0: (when, device, revision, new, at risk new, at risk held, E after, lower, upper, estimate, uptime)
EVENTS = (
    ("11-09 15:22:40", "cc-0140", "rev-a", False, 11, 228, 0.884, 0.0, INF, None, 8 * 86400),
    ("11-10 10:51:30", "cc-0265", "rev-a", False, 55, 179, 0.65, 0.0, 157.0, None, 9 * 86400),
    ("11-10 16:37:05", "cc-0308", "rev-b", False, 39, 120, 0.519, 0.0, 22.75, None, 9 * 86400),
    ("11-10 21:08:20", "cc-0233", "rev-b", False, 39, 119, 0.447, 0.0, 9.66, None, 9 * 86400),
    ("11-10 22:46:10", "cc-0352", "rev-b", False, 39, 118, 0.399, 0.0, 5.77, None, 4 * 86400),
    ("11-10 23:41:16", "cc-0417", "rev-b", True, 39, 117, 0.503, 0.0, 9.58, 0.737, 66436),
    ("11-11 00:22:40", "cc-0288", "rev-b", True, 38, 117, 0.683, 0.05, 13.44, 1.466, 68500),
    ("11-11 00:58:12", "cc-0093", "rev-b", True, 37, 117, 1.027, 0.19, 17.29, 2.192, 71352),
    ("11-11 01:36:40", "cc-0130", "rev-b", True, 36, 117, 1.73, 0.36, 21.17, 2.924, 72220),
    ("11-11 02:03:25", "cc-0219", "rev-b", True, 35, 117, 3.278, 0.55, 25.07, 3.66, 70645),
    ("11-11 02:20:02", "cc-0061", "rev-b", True, 34, 117, 6.956, 0.76, 29.04, 4.42, 72542),
    ("11-11 02:49:31", "cc-0182", "rev-b", True, 33, 117, 16.53, 0.99, 32.99, 5.177, 75091),
    ("11-11 03:05:07", "cc-0406", "rev-b", True, 32, 117, 43.18, 1.22, 36.95, 5.963, 73027),
)


def bad(row: tuple) -> BadEvent:
    when, device, revision, new, b, a, e, lower, upper, estimate, uptime = row
    return BadEvent(at(when), device, revision, new, b, a, e, Ratio(lower, upper, estimate), "crash", uptime)


def points(events: tuple[BadEvent, ...]) -> tuple[Point, ...]:
    return (Point(at("11-08 00:00:00"), 1.0, Ratio(0.0, INF)), *(Point(e.at, e.evidence, e.ratio) for e in events))


BAD = tuple(bad(row) for row in EVENTS)
ALL = Stratum("all", Arm(8, 125), Arm(5, 375), 43.18, Ratio(1.22, 36.95, 5.963))
STOPPED_COMPARISON = Comparison(
    43.18, 43.18, 2.93,
    (
        Stratum("rev-a", Arm(0, 60), Arm(2, 180), 0.53, Ratio(0.0, 157.0, 0.0)),
        Stratum("rev-b", Arm(8, 40), Arm(3, 120), 142.6, Ratio(1.55, 60.0, 8.6)),
        Stratum("rev-c", Arm(0, 25), Arm(0, 75), 1.0),
    ),
    ALL, BAD, points(BAD), (3, 120),
)  # fmt: skip

HELD = [("25", "Wave 3", 125), ("30", "Wave 4", 150), ("20", "Remainder", 100)]


def held(later: tuple[str, str, str]) -> tuple[Wave, ...]:
    return tuple(
        Wave(name, (Count("held back", n),), Markup(f"{share} %, {word}"))
        for (share, name, n), word in zip(HELD, later, strict=True)
    )


WAVE1 = Wave(
    "Wave 1", (Count("confirmed", 23), Count("failed", 1), Count("offline", 1)), rollouts.wave_note(5, W1, PAGE_AT)
)
WAVES = (
    WAVE1,
    Wave(
        "Wave 2",
        (Count("booted", 91, 8), Count("installed", 1), Count("reverted", 1), Count("failed", 1), Count("cancelled", 2), Count("offline", 4)),
        rollouts.wave_note(20, W2, PAGE_AT), "booted, soaking",
    ),
    *held(("never opened",) * 3),
)  # fmt: skip
BACK = Wave(
    "Rollback",
    (Count("booted", 41), Count("installed", 3), Count("installing", 7), Count("downloading", 24), Count("offered", 11), Count("waiting", 26), Count("offline", 3)),
)  # fmt: skip
BOOTED = ("05:14", "05:21", "05:09", "05:33", "06:26", "06:11", "05:58", "06:48")
NOW_IS = ["back on 1.0.0"] * 4 + ["installing 1.0.0", "back on 1.0.0", "downloading 1.0.0", "downloading 1.0.0"]
HURT = tuple(
    HurtDevice(
        e.device,
        at(f"11-10 {boot}:00"),
        e.at,
        e.uptime_s,
        e.evidence,
        word.split()[0] if word[0] != "b" else "booted",
        word,
    )
    for e, boot, word in zip([e for e in BAD if e.new], BOOTED, NOW_IS, strict=True)
)
PLAN = (
    ("Bad event", "first per device of: crash or watchdog reset, failed self-test, silence over 36 polls"),
    ("Waves", "5, 25, 50 and 80 %, drawn at random inside each revision; 20 % held back until the end"),
    ("Window", "2 h after first contact, both arms alike; before that the install guard watches"),
    ("Install guard", "usual: at most 1 % of installs fail (497 on record)"),
    ("Hold at", "evidence 1.5 when a wave is due: it waits until below, at most 4 days, then a person decides"),
    ("Stop at", "evidence 20 (false stop in at most 1 of 20 healthy rollouts)"),
    ("Soak", "24 h after 90 % of a wave has booted"),
    ("Good enough", "below 1 bad event per 100 device-days"),
    ("Inconclusive", "ask a person"),
    ("On stop", "roll back"),
)
STORY = (
    Happening(at("11-11 03:19:31"), "booted", "41 of 115 devices back on 1.0.0", "rev-b first; 3 cannot be reached"),
    Happening(at("11-11 03:05:14"), "reverted", "Rollback to 1.0.0 started by the plan", "on_stop = rollback, up to 10 devices a minute"),
    Happening(at("11-11 03:05:08"), "person", "On-call engineer paged, incident INC-7 opened", "by the verdict, to oncall@coldcell"),
    Happening(STOPPED_AT, "stop", "Stopped by the verdict: evidence 43, limit 20", "8th crash, cc-0406. All servers acknowledged in 0.31 s.", strong=True),
    Happening(at("11-11 01:36:40"), "waiting", "Held: evidence 1.7 after 4 crashes", "4 of 9 comparable bad events on new devices, 2.0 expected. Wave 3, due not before 07:10, waits while evidence is 1.5 or more."),
    Happening(at("11-10 23:41:16"), "hurt", Markup('First crash on a new device: <a href="/fleet/cc-0417">cc-0417</a>, rev-b'), "18 h 27 min after booting"),
    Happening(at("11-10 07:10:00"), "booted", "90 of 100 of wave 2 booted, soak started", "24 h"),
    Happening(W2, "offered", "Wave 2 opened by itself (100 devices)", "soak over, 23 of 25 confirmed, evidence 0.8. Drawn: 48 rev-a, 32 rev-b, 20 rev-c"),
    Happening(at("11-09 15:22:40"), "held-back", "Watchdog reset on cc-0140, rev-a, held back", "counts for the comparison, not against 1.1.0"),
    Happening(W1, "offered", "Wave 1 opened (25 devices)", "drawn: 12 rev-a, 8 rev-b, 5 rev-c"),
)  # fmt: skip
OPENINGS = ((W1, "wave 1 opens"), (W2, "wave 2 opens"))
COMMON: dict[str, Any] = {"id": 12, "product": "coldcell", "version": "1.1.0", "old": "1.0.0", "started_at": W1, "started_by": "the release engineer",
          "wave": 2, "planned": 4, "plan": PLAN, "openings": OPENINGS}  # fmt: skip

STOPPED = RolloutShown(
    **COMMON, phase="stopped", waves=WAVES, comparison=STOPPED_COMPARISON, blamed="rev-b", ended_at=STOPPED_AT,
    downloads_ended=2, silent=5, rollback=Rollback(13, "1.0.0", BACK), incident="INC-7", hurt=HURT,
    missed=(
        Missed("held back as control", (180, 120, 75)), Missed("offline since its wave opened", (3, 1, 1)),
        Missed("download ended by the stop", (1, 0, 1)), Missed("install failed, stayed on 1.0.0", (1, 0, 1)),
        Missed("fell back to 1.0.0 by itself", (0, 0, 1)),
    ),
    happened=STORY,
)  # fmt: skip

RUNNING_COMPARISON = Comparison(
    0.884, 1.0, 0.05,
    (
        Stratum("rev-a", Arm(0, 60), Arm(1, 180), 0.8, Ratio(0.0, INF)),
        Stratum("rev-b", Arm(0, 40), Arm(0, 120), 1.0),
        Stratum("rev-c", Arm(0, 25), Arm(0, 75), 1.0),
    ),
    Stratum("all", Arm(0, 125), Arm(1, 375), 0.884, Ratio(0.0, INF)), BAD[:1], points(BAD[:1]), (1, 107),
)  # fmt: skip
RUNNING_WAVES = (
    WAVE1,
    Wave(
        "Wave 2",
        (Count("booted", 62), Count("installed", 2), Count("installing", 3), Count("downloading", 8), Count("offered", 8), Count("waiting", 12), Count("offline", 5)),
        rollouts.wave_note(20, W2, PAGE_AT), "booted, soak not started",
    ),
    *held(("in 24 h 38 min at the earliest", "after wave 3", "at the end")),
)  # fmt: skip
RUNNING = RolloutShown(
    **COMMON, phase="running", waves=RUNNING_WAVES, comparison=RUNNING_COMPARISON, until=at("11-11 07:10:00"),
    sentence="Wave 3 waits for wave 2 to boot and soak",
    detail="62 of 100 devices have booted 1.1.0; the 24-hour soak starts at 90. Nothing speaks against the release yet, and nothing is shown for it either. Wave 3 then opens by itself, unless evidence is 1.5 or more.",
    silent=6, may_stop=True, happened=(Happening(at("11-10 06:31:12"), "booted", "62 of 100 of wave 2 booted"), *STORY[7:]),
    sees="With waves 1 and 2 and 24 hours of soak: regressions of × 10 and worse, with about 6 devices hurt before the stop. By the end of wave 4: × 5 and worse, with about 12. A regression of × 2 needs about 37 bad events on new devices and will not be seen here.",
    conditions=(
        Condition("soak", False, "not started: 62 of 100 booted", "24 h after 90 of 100 have booted"),
        Condition("confirmed", False, "0 of 100", "90 of 100"),
        Condition("evidence", True, "none (0.8)", "below 1.5 when the wave is due"),
        Condition("install guard", True, "1 failed of 107 handed", "part of the evidence; 7 would stop it"),
        Condition("in flight", True, "21", "at most 21: a quarter of those booted"),
    ),
)  # fmt: skip

HELD_COMPARISON = Comparison(
    1.73, 1.73, 2.02, STOPPED_COMPARISON.strata, Stratum("all", Arm(4, 125), Arm(5, 375), 1.73, Ratio(0.36, 21.17, 2.92)),
    BAD[:9], points(BAD[:9]), (3, 120),
)  # fmt: skip
HELD_ROLLOUT = RolloutShown(
    **COMMON, phase="running", waves=WAVES, comparison=HELD_COMPARISON, silent=5, may_stop=True, happened=STORY[4:], hurt=HURT[:4],
)  # fmt: skip

# 1.1.1
GOOD_EVENTS = (
    ("11-12 19:05:10", "cc-0377", "rev-b", False, 8, 152, 0.806, 0.0, INF, None, None),
    ("11-13 07:31:25", "cc-0016", "rev-a", False, 12, 228, 0.728, 0.0, 295.0, None, None),
    ("11-13 23:47:12", "cc-0251", "rev-a", True, 12, 227, 1.875, 0.0, 501.0, 9.474, None),
    ("11-14 03:20:50", "cc-0203", "rev-a", False, 11, 227, 1.562, 0.0, 129.0, 6.462, None),
    ("11-14 22:08:40", "cc-0471", "rev-c", False, 5, 95, 1.358, 0.0, 69.0, 4.83, None),
    ("11-15 09:27:40", "cc-0119", "rev-b", False, 39, 119, 0.953, 0.0, 34.0, 2.422, None),
    ("11-15 16:02:30", "cc-0330", "rev-a", False, 59, 178, 0.668, 0.0, 19.5, 1.458, None),
    ("11-16 02:47:05", "cc-0085", "rev-b", False, 39, 118, 0.548, 0.0, 12.4, 1.011, None),
    ("11-17 05:56:30", "cc-0498", "rev-c", True, 50, 49, 0.69, 0.0, 14.2, 1.55, None),
    ("11-17 08:19:55", "cc-0414", "rev-a", False, 118, 117, 0.481, 0.0, 8.82, 1.003, None),
    ("11-18 17:41:02", "cc-0077", "rev-a", True, 190, 44, 0.513, 0.0, 9.27, 1.139, None),
    ("11-18 21:33:20", "cc-0142", "rev-a", False, 189, 44, 0.358, 0.0, 5.5, 0.64, None),
)
GOOD_BAD = tuple(bad(row) for row in GOOD_EVENTS)
GOOD_COMPARISON = Comparison(
    0.358, 1.875, 3.66,
    (
        Stratum("rev-a", Arm(2, 192), Arm(5, 228), 0.3, Ratio(0.0, 11.0, 0.55)),
        Stratum("rev-b", Arm(0, 128), Arm(3, 152), 0.3, Ratio(0.0, 22.0, 0.0)),
        Stratum("rev-c", Arm(1, 80), Arm(1, 95), 1.2, Ratio(0.0, INF, 4.3)),
    ),
    Stratum("all", Arm(3, 400), Arm(9, 475), 0.358, Ratio(0.0, 5.5, 0.64)), GOOD_BAD, points(GOOD_BAD), (0, 496),
)  # fmt: skip
GOOD_OPENINGS = tuple(
    (at(f"11-{when}:00"), f"wave {n}") for n, when in enumerate(("12 11:00", "14 22:10", "16 11:40", "18 00:50"), 1)
)
GOOD_WAVES = tuple(
    Wave(name, (Count("confirmed", confirmed, hurt), *((Count("offline", offline),) if offline else ())), rollouts.wave_note(share, when, LATER))
    for name, share, confirmed, hurt, offline, when in (
        ("Wave 1", 5, 25, 1, 0, GOOD_OPENINGS[0][0]), ("Wave 2", 20, 99, 1, 1, GOOD_OPENINGS[1][0]),
        ("Wave 3", 25, 124, 1, 1, GOOD_OPENINGS[2][0]), ("Wave 4", 30, 149, 0, 1, GOOD_OPENINGS[3][0]),
        ("Remainder", 20, 99, 0, 1, ENDED_AT),
    )
)  # fmt: skip
GOOD_STORY = (
    Happening(at("11-21 02:40:00"), "confirmed", "1.1.1 confirmed on 90 % of active devices"),
    Happening(ENDED_AT, "confirmed", "Good enough: remainder opened by itself (100 devices)", "last soak over, 3 bad events in 1,178 device-days", strong=True),
    Happening(GOOD_OPENINGS[3][0], "offered", "Wave 4 opened by itself (150 devices)", "evidence 0.4"),
    Happening(GOOD_OPENINGS[2][0], "offered", "Wave 3 opened by itself (125 devices)", "evidence 0.5"),
    Happening(GOOD_OPENINGS[1][0], "offered", "Wave 2 opened by itself (100 devices)", "evidence 1.3, below 1.5 again"),
    Happening(at("11-14 00:10:00"), "waiting", "Wave 2 due, held: evidence 1.8", "1 of 3 comparable bad events on new devices, 0.2 expected. The next wave waits."),
    Happening(at("11-13 23:47:12"), "hurt", "Watchdog reset on cc-0251, rev-a, wave 1", "confirmed 33 min before; stays confirmed, counts as hurt"),
    Happening(GOOD_OPENINGS[0][0], "offered", "Wave 1 opened (25 devices)", "drawn: 12 rev-a, 8 rev-b, 5 rev-c"),
)  # fmt: skip
GOOD = RolloutShown(
    id=14, product="coldcell", version="1.1.1", old="1.0.0", phase="finished: good enough", started_at=GOOD_OPENINGS[0][0],
    started_by="the release engineer", waves=GOOD_WAVES, wave=5, planned=4, openings=GOOD_OPENINGS, comparison=GOOD_COMPARISON,
    ended_at=ENDED_AT, enough=Enough(50.3, 0.01, 1178.4, 36 * 3600), happened=GOOD_STORY, plan=PLAN,
    sees="Regressions of × 5 and worse. Nothing of that size was seen. Of × 2, this fleet cannot tell.",
)  # fmt: skip
INCONCLUSIVE = RolloutShown(
    **COMMON | {"id": 15, "wave": 4}, phase="waiting for a person", waves=GOOD_WAVES, comparison=GOOD_COMPARISON, may_stop=True, may_decide=True,
    sentence="Inconclusive: this rollout could have shown × 5 and worse; nothing of that size was seen",
    ask=Ask("Should the 100 devices held back get 1.1.1 too?", "Update the remainder", "Leave them on 1.0.0"),
)  # fmt: skip
FIRST = RolloutShown(
    id=1, product="coldcell", version="1.0.0", phase="running", started_at=W1, started_by="release", wave=1, planned=2,
    waves=(Wave("Wave 1", (Count("confirmed", 120), Count("booted", 5)), "25 %"), Wave("Wave 2", (Count("held_back", 375),), "75 %")),
    comparison=Comparison(0.2, 1.0, 0.0, (), Stratum("all", Arm(0, 125), Arm(0, 0), 0.2), (), (Point(W1, 0.2),), (1, 125)),
    sentence="Wave 2 waits for wave 1 to soak", until=RUNNING_AT + 3600, openings=((W1, "wave 1"),),
)  # fmt: skip
ROLLBACK = RolloutShown(
    id=13, product="coldcell", version="1.0.0", kind="rollback", phase="running", started_at=STOPPED_AT + 7, started_by="the plan",
    waves=(BACK,), sentence="74 devices are on their way back to 1.0.0, 10 a minute", silent=3, wave=1, planned=1,
)  # fmt: skip

# device
DEVICE = fleet.DeviceShown(
    id="cc-0417", product="coldcell", revision="rev-b", health=("confirmed", "healthy on 1.1.1"), version="1.1.1", proven="confirmed",
    since=at("11-16 11:58:40"), seen_at=at("11-23 09:09:12"), poll_s=300.0, crashes=1, known_since=at("11-02 09:12:00"),
    last_bad_at=at("11-10 23:41:16"), remark="First device hurt by 1.1.0, fixed by 1.1.1.", incident="INC-7",
    start=at("11-10 04:00:00"), end=at("11-11 06:00:00"),
    versions=(
        fleet.Stay(at("11-09 00:00:00"), at("11-10 05:14:10"), "1.0.0"), fleet.Stay(at("11-10 05:14:10"), at("11-11 03:12:44"), "1.1.0"),
        fleet.Stay(at("11-11 03:12:44"), at("11-11 06:00:00"), "1.0.0"),
    ),
    states=(
        fleet.Stay(at("11-10 05:02:00"), at("11-10 05:04:00"), "offered"), fleet.Stay(at("11-10 05:04:00"), at("11-10 05:09:00"), "downloading"),
        fleet.Stay(at("11-10 05:09:00"), at("11-10 05:14:10"), "installing"), fleet.Stay(at("11-10 05:14:10"), at("11-10 23:41:16"), "booted", "booted, soaking"),
        fleet.Stay(at("11-10 23:41:16"), at("11-11 03:06:00"), "hurt", "hurt"), fleet.Stay(at("11-11 03:06:00"), at("11-11 03:12:44"), "installing"),
        fleet.Stay(at("11-11 03:12:44"), at("11-11 06:00:00"), "booted"),
    ),
    silences=(fleet.Stay(at("11-10 12:40:00"), at("11-10 13:05:30"), "offline"),),
    boots=(
        Spot(at("11-10 05:14:10"), "booted", "boot asked for by the update", "booted"), Spot(at("11-10 23:41:25"), "hurt", "boot after a watchdog reset", "hurt"),
        Spot(at("11-11 03:12:44"), "booted", "boot asked for by the rollback", "booted"),
    ),
    bad=(Spot(at("11-10 23:41:16"), "hurt", "watchdog reset after 18 h 27 min of uptime", "hurt"),), bad_note="after 18 h 27 min of uptime",
    alerts=(Spot(at("11-10 23:42:00"), "hurt", "device crashed", "hurt"), Spot(at("11-11 01:36:40"), "waiting", "rollout held: evidence 1.7")),
    people=(Spot(at("11-11 03:24:00"), "person", "on-call engineer wrote a note"),),
    stops=((STOPPED_AT, "rollout stopped"),),
    happened=(
        Happening(at("11-18 00:02:11"), "confirmed", "Confirmed on 1.1.1", "36 h healthy after booting, wave 3 of rollout 14"),
        Happening(at("11-16 11:58:40"), "booted", "Booted 1.1.1"),
        Happening(at("11-16 11:41:02"), "offered", "Drawn for wave 3 of 1.1.1", "held back as control for 4 days before"),
        Happening(at("11-11 03:12:44"), "booted", "Booted 1.0.0, taken back by the rollback", "download 3 min 20 s, install 1 min 44 s"),
        Happening(STOPPED_AT, "stop", "Rollout of 1.1.0 stopped by the verdict", Markup('8 devices hurt, this one first. <a href="/rollouts/12">Rollout</a>')),
        Happening(at("11-10 23:41:16"), "hurt", "Watchdog reset after 18 h 27 min", "first bad event in this rollout", strong=True,
                  raw='23:41:25  > POST .../heartbeat\n               {"version":"1.1.0","uptime_s":9,"reset":"watchdog","crashes":1}\n          < 200'),
        Happening(at("11-10 13:05:30"), "offered", "In contact again", "25 min without; limit is 3 h"),
        Happening(at("11-10 05:14:10"), "booted", "Booted 1.1.0", "version seen in its own report"),
        Happening(at("11-10 05:12:31"), "installed", "Says it installed 1.1.0", "a claim, kept as such"),
        Happening(at("11-10 05:02:08"), "offered", "Drawn for wave 2 of 1.1.0", "held back as control for 25 h before"),
    ),
    components=(("application", "1.1.1", "proven", at("11-16 11:58:40")), ("boot loader", "2.3.0", "", at("11-02 09:12:00")), ("other slot", "1.0.0", "way back", at("11-11 03:12:44"))),
    held=(
        ("1.1.1", "control group, not drawn yet", at("11-12 11:00:00"), at("11-16 11:41:00")), ("1.1.0", "stopped: not offered to anyone", STOPPED_AT, None),
        ("1.1.0", "control group, not drawn yet", W1, at("11-10 05:02:08")),
    ),
    identity=(("Revision", "coldcell/rev-b"), ("Speaks", "hawkBit DDI, polls every 5 min"), ("Token", "made 2 Nov")),
)  # fmt: skip

# release
DIGESTS = ("4be19c07" + "0" * 52 + "20dd", "e87201aa" + "0" * 52 + "7f13", "09cf5d3e" + "0" * 52 + "b6a4")
REVISIONS = ("rev-a", "rev-b", "rev-c")
RELEASE = releases.ReleaseShown(
    product="coldcell", version="1.1.1", commit="b03d5f2a9c1e", subject="Clear the sample counter by length, not by clock.",
    committed_at=at("11-11 13:52:00"), published_at=at("11-12 10:40:00"), published_by="CI", signer="c1a7" * 16, branch="main", previous="1.1.0",
    artifacts=tuple(releases.Artifact(r, "image", f"artifacts/{r}/coldcell-1.1.1-{r}.img", 71_192 + n, d) for n, (r, d) in enumerate(zip(REVISIONS, DIGESTS, strict=True))),
    tests=(
        releases.Tested("unit and property", "host", 214),
        *(releases.Tested("update, fall back, resume", "emulator", 38, on="qemu mps2-an385", revision=r) for r in REVISIONS),
        releases.Tested("72 h of uptime, rev-b sensor rate", "emulator", 1, revision="rev-b"),
        releases.Tested("door alarm, power cut, radio", "board", 22, revision="rev-a"), releases.Tested("door alarm, power cut, radio", "board", 22, revision="rev-b"),
        releases.Tested("door alarm, power cut, radio", "board", 0, errors=22, revision="rev-c"),
    ),
    files=(("evidence/junit-host.xml", 48_120, DIGESTS[0]), ("evidence/bom-b.cdx.json", 12_480, DIGESTS[1]), ("evidence/run.json", 990, DIGESTS[2])),
    trusted_by="the security engineer", trusted_at=at("03-02 09:00:00"), tolerated=0.01, parts=14, digests=19,
    rollouts=(releases.RolledOut(14, rollouts.badge(GOOD), GOOD_WAVES, "good enough: below 1 bad event per 100 device-days, up to 36 hours after booting"),),
    fixes=(("INC-7", "rev-b crashes 20 h after boot, from 1.1.0"),),
    exceptions=(("No board run on rev-c", "Board rev-c #2 out since Mon 9 Nov. Accepted by the release engineer, Thu 12 Nov 10:31: “41 lines, none touches rev-c code; wave 1 has 5 rev-c devices.”"),),
    devices=(("rev-a", 240), ("rev-b", 160), ("rev-c", 100)), confirmed=496, active=496, reached_at=at("11-21 02:40:00"),
)  # fmt: skip

# incident
INCIDENT = incidents.Incident(
    id="INC-7", line="rev-b crashes about 20 hours after booting 1.1.0", product="coldcell", version="1.1.0", opened_at=at("11-11 03:05:08"), rollout=12,
    revision="rev-b", old="1.0.0", commit="7c41e9a", subject="Door alarm from the running mean", comparison=STOPPED_COMPARISON,
    first_at=at("11-10 23:41:16"), held_at=at("11-11 01:36:40"), stopped_at=STOPPED_AT, restored_at=at("11-11 03:51:30"), hurt=8, drawn=125, devices=500,
    back=(112, 115), fixed_by="1.1.1", wave_opened_at=W2, happened=STORY,
)  # fmt: skip

# overview
OVERVIEW = insights.Overview(
    product="coldcell", devices=500, revisions=3, in_contact=486, contact_s=900.0,
    rollouts=(
        insights.Rollout(12, "coldcell", "1.1.0", "stopped", "rev-b: 8 of 40 new devices crashed, 3 of 120 held back.", whole(WAVES, "Rollout of 1.1.0"),
                         at=STOPPED_AT, incident="INC-7", back=(41, 115), back_to="1.0.0"),
        insights.Rollout(13, "coldcell", "1.0.0", "running", "", BACK, kind="rollback", at=STOPPED_AT + 7),
    ),
    releases=(insights.Release("coldcell", "1.1.0", "hurt", "stopped by the verdict on rev-b"), insights.Release("coldcell", "1.0.0", "confirmed", "confirmed on 497 of 500 before")),
    crashes=(insights.Crashes("rev-a", 239, 240), insights.Crashes("rev-b", 149, 160), insights.Crashes("rev-c", 100, 100)),
    incidents=(insights.Incident("INC-7", "rev-b crashes 20 h after boot", at("11-11 03:05:08"), True),),
    tasks=(
        insights.Task("hurt", "INC-7 is open", "rev-b crashes 20 h after boot", at("11-11 03:05:08"), "/incidents/INC-7", "Look"),
        insights.Task("offline", "3 devices cannot go back", "on 1.1.0 and silent", at("11-11 03:12:50"), "/fleet?version=1.1.0", "See them"),
    ),
    happened=STORY,
)  # fmt: skip

FLEET = fleet.FleetPage(
    total=500, devices=500, in_contact=486, contact_s=900.0, versions=(("1.0.0", 385), ("1.1.0", 74), ("1.1.1", 41)),
    revisions=(("rev-a", 240), ("rev-b", 160), ("rev-c", 100)), after="cc-0012",
    rows=tuple(
        fleet.FleetLine(f"cc-{n:04d}", REVISIONS[n % 3], "1.0.0", PAGE_AT - 60 * n, "1.1.1", state, why)
        for n, (state, why) in enumerate(
            [("waiting", "its turn comes"), ("offline", "no contact since its wave opened"), ("timed_out", "2 of 3 tries, next in 6 h"), ("confirmed", ""),
             ("reverted", "came back with 1.0.0"), ("failed", "flash full, 3 of 3 tries"), ("downloading", ""), ("declined", "site said no"), ("booted", ""),
             ("superseded", ""), ("cancelled", "ended by the stop"), ("held_back", "control group, not drawn yet")], 1)
    ),
)  # fmt: skip
BADGE = Badge("confirmed", "confirmed")
