"""A fleet in the field for the verdict's simulations: who fails when, and a rollout that obeys its gate.

Event by event, not hour by hour: every device has its polls at its own minute of the hour, of which only those that
open or end a window are fed (silences are recorded). A world says what befalls devices; its release says what more
befalls new ones. Everything comes from one seed.
"""

import heapq
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fleetloop.health import (
    Draw,
    Enrol,
    Event,
    Experiment,
    Install,
    InstallState,
    Plan,
    Poll,
    Silences,
    Silent,
    Wave,
    default_shares,
    frozen_p0,
)

HOUR = 3600.0
DAY = 24 * HOUR
LENGTH = 14 * DAY
LONGEST_HOLD = 4 * DAY
INSTALLING = 600.0
ONE = {"a": (1.0, 0.02)}
"""Revision: its share of the fleet, and bad events per device-day."""
FOUR = {"a": (0.6, 0.005), "b": (0.25, 0.01), "c": (0.1, 0.03), "d": (0.05, 0.08)}


@dataclass(frozen=True)
class World:
    """What befalls every device, new or not."""

    devices: int = 1000
    revisions: dict[str, tuple[float, float]] = field(default_factory=lambda: FOUR)
    frailty: float = 0.0
    """Variance of the gamma factor that makes some devices worse than others of their revision."""
    rhythm: float = 0.0
    """Swing of the hazard over the day, and half of it over the week; below 0.6."""
    outages: int = 0
    """Hours-long times in which nothing is received: what happens is told late, and all at once."""
    bursts: int = 0
    """Power cuts that fell all devices of one site in a quarter of an hour."""
    rebooting: float = 0.0
    """Share of *any* reboots that end badly within the hour; an update reboots, holding back does not."""
    silent: bool = False
    """Whether bad events are silences, found three hours later."""
    poll_s: float = HOUR


@dataclass(frozen=True)
class Release:
    """What the new release adds."""

    ratio: float = 1.0
    """Times the hazard of the old one."""
    only: str = ""
    """The revision it is worse on; all if empty."""
    after_s: float = math.inf
    """Uptime at which it crashes, on every device."""


HEALTHY = Release()


@dataclass(frozen=True)
class Handling:
    """How the rollout is run."""

    shares: tuple[float, ...] = (0.05, 0.25, 0.5, 0.8)
    soak_s: float = DAY
    first: Callable[["Field"], list[str]] | None = None
    """Who is in wave 1 instead of a random draw."""
    by_hand: bool = False
    """Whether ``first`` is a lab wave: outside the comparison."""


class Field:
    """One rollout, from enrolment to the stop or two weeks later."""

    def __init__(self, world: World, release: Release, handling: Handling, seed: int) -> None:
        self.world, self.release, self.handling = world, release, handling
        self.chance = random.Random(seed)
        p0 = frozen_p0(round(1000 * world.rebooting), 1000)
        self.experiment = Experiment(Plan(alpha=0.01, silences=Silences.RECORDED, p0=p0))
        self.revision: dict[str, str] = {}
        self.rate: dict[str, float] = {}
        self.phase: dict[str, float] = {}
        self.drawn: dict[str, float] = {}
        self.extra = 0
        self.comparable: list[bool] = []
        self._due: list[tuple[float, int, Callable[[float], None]]] = []
        self._count = 0
        self._dark = [(start, start + self.chance.uniform(2, 8) * HOUR) for start in self._moments(world.outages)]
        for revision, (share, rate) in world.revisions.items():
            for i in range(round(share * world.devices)):
                self._make(f"{revision}{i}", revision, rate)
        for moment in self._moments(world.bursts):
            site = self.chance.sample(list(self.revision), max(1, world.devices // 50))
            for device in site:
                self._plan(moment + self.chance.uniform(0, 900), self._bad, device)

    def run(self) -> "Field":
        """Until E is 20 (a stop) and on to 100, or for two weeks; nothing is drawn after the stop."""
        self._plan(0.0, self._open_first)
        while self._due:
            at, _, act = heapq.heappop(self._due)
            if at > LENGTH or self.experiment.stopped_at is not None:
                break
            act(at)
        return self

    @property
    def stop(self) -> float | None:
        """When E first was 20."""
        return next((step.at for step in self.experiment.steps if step.e_value >= 20), None)

    @property
    def exposed(self) -> float:
        """Share of the fleet drawn before the stop."""
        return sum(at <= (self.stop or LENGTH) for at in self.drawn.values()) / len(self.revision)

    def _moments(self, count: int) -> list[float]:
        return [self.chance.uniform(0, LENGTH) for _ in range(count)]

    def _plan(self, at: float, act: Callable[..., None], *details: object) -> None:
        self._count += 1
        heapq.heappush(self._due, (at, self._count, lambda now: act(now, *details)))

    def _make(self, device: str, revision: str, rate: float) -> None:
        frailty = self.world.frailty
        self.revision[device] = revision
        self.rate[device] = rate * (self.chance.gammavariate(1 / frailty, frailty) if frailty else 1.0)
        self.phase[device] = self.chance.uniform(0, self.world.poll_s)
        self.experiment.feed(Enrol(0.0, device, revision))
        for at in self._times(self.rate[device], 0.0):
            self._plan(at, self._bad, device)

    def _times(self, rate: float, at: float) -> Iterator[float]:
        """Bad events at ``rate`` a day, thinned to the rhythm of day and week."""
        swing = self.world.rhythm
        top = rate * (1 + 1.5 * swing) / DAY
        while top > 0 and (at := at + self.chance.expovariate(top)) < LENGTH:
            now = 1 + swing * math.sin(2 * math.pi * at / DAY) + swing / 2 * math.sin(2 * math.pi * at / (7 * DAY))
            if self.chance.random() * (1 + 1.5 * swing) < now:
                yield at

    def _heard(self, at: float) -> float:
        """When what happens at ``at`` is received."""
        return max([at, *(end for start, end in self._dark if start <= at < end)])

    def _bad(self, at: float, device: str, extra: bool = False) -> None:
        if extra and self.stop is None:
            self.extra += 1
        told = self._heard(at + 3 * HOUR if self.world.silent else at)
        self._plan(told, self._tell, device, at)

    def _tell(self, now: float, device: str, at: float) -> None:
        self.experiment.feed(Silent(now, device) if self.world.silent else Event(now, device, "crash", f"{at}"))

    def _open_first(self, at: float) -> None:
        first = self.handling.first
        self._open(at, 1, None if first is None else first(self), by_hand=self.handling.by_hand)

    def _open(self, at: float, number: int, chosen: list[str] | None = None, by_hand: bool = False) -> None:
        self.experiment.feed(Wave(at, number))
        for device in chosen if chosen is not None else self._lot(self.handling.shares[number - 1]):
            self.experiment.feed(Draw(at, device, number, randomised=not by_hand))
            self.drawn[device] = at
            self._plan(self._next(at, device) + 1, self._install, device)
        for device in self.revision:
            self._plan(self._next(at, device), self._poll, device)
        self.comparable.append(self.experiment.comparable)
        if number < len(self.handling.shares):
            due = at + self.handling.soak_s + self.world.poll_s
            self._plan(due, self._gate, number + 1, due)

    def _gate(self, at: float, number: int, due: float) -> None:
        """Opens the next wave unless E holds it: at most four days, then a person opens it."""
        if self.experiment.e_value >= 1.5 and at < due + LONGEST_HOLD:
            self._plan(at + HOUR, self._gate, number, due)
        else:
            self._open(at, number)

    def _lot(self, share: float) -> list[str]:
        """Up to ``share`` of each revision, drawn among those still on the old release."""
        lot: list[str] = []
        for revision in self.world.revisions:
            waiting = [d for d, r in self.revision.items() if r == revision and d not in self.drawn]
            there = sum(r == revision for r in self.revision.values())
            wanted = min(len(waiting), max(0, round(share * there) - (there - len(waiting))))
            lot += self.chance.sample(waiting, wanted)
        return lot

    def _next(self, at: float, device: str) -> float:
        """The device's next poll that is received."""
        poll = self.world.poll_s
        found = at + (self.phase[device] - at) % poll
        while self._heard(found) > found:
            found += poll
        return found

    def _poll(self, at: float, device: str) -> None:
        self.experiment.feed(Poll(at, device))
        if self.experiment.moves(device, at + 2 * HOUR):
            self._plan(
                self._next(at + 2 * HOUR - 1e-3, device), self._again, device, self.experiment.exposures[-1].wave
            )

    def _again(self, at: float, device: str, wave: int) -> None:
        if wave == self.experiment.exposures[-1].wave:
            self.experiment.feed(Poll(at, device))

    def _install(self, at: float, device: str) -> None:
        self.experiment.feed(Install(at, device, InstallState.STARTED))
        self._plan(at + INSTALLING, self._boot, device)

    def _boot(self, at: float, device: str) -> None:
        self.experiment.feed(Install(at, device, InstallState.BOOTED))
        if self.chance.random() < self.world.rebooting:
            self._plan(at + self.chance.uniform(60, HOUR), self._tell, device, at)
        worse = self.release.only in {"", self.revision[device]}
        for moment in self._times((self.release.ratio - 1) * self.rate[device], at) if worse else ():
            self._plan(moment, self._bad, device, True)
        crash = at + self.release.after_s + self.chance.uniform(0, HOUR)
        if crash < LENGTH:
            self._plan(crash, self._bad, device, True)


def rollouts(
    count: int, world: World, release: Release = HEALTHY, handling: Handling | None = None, first_seed: int = 0
) -> list[Field]:
    """So many rollouts, a seed each."""
    handled = handling or Handling(shares=default_shares(world.devices))
    return [Field(world, release, handled, first_seed + i).run() for i in range(count)]
