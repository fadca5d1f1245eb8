"""The open deployments in memory.

Of those that a wave just drew a few columns say all there is, and there may be 100,000: each is made the first time
somebody asks for it, most often its own device.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

from fleetloop.rollouts.cases import Attempt, Deployment, Rollout
from fleetloop.rollouts.model import Intent, State
from fleetloop.wire import Order


@dataclass(slots=True)
class Live:
    """The open deployment of one device with its newest attempt. ``shown``: what the next poll sees of it."""

    deployment: Deployment
    attempt: Attempt
    order: Order | None
    shown: Order | None = None


class Drawn(NamedTuple):
    """A device that a wave may draw. ``version``: when it was enrolled; ``running``: now."""

    device: str
    revision: str
    artifact: int
    version: str
    running: str


@dataclass(frozen=True)
class Chosen:
    """Whom a wave draws, by id.

    ``places``: where each stands; ``counts``: how many of each revision; ``moved``: where those stand who run another
    version than when they were enrolled.
    """

    rows: Sequence[Drawn]
    places: dict[str, int]
    counts: Mapping[str, int]
    moved: Sequence[int]

    @classmethod
    def of(cls, rows: Sequence[Drawn]) -> "Chosen":
        """``rows`` by id."""
        devices, revisions = map(itemgetter(0), rows), map(itemgetter(1), rows)
        moved = [place for place, (_, _, _, version, running) in enumerate(rows) if running != version]
        places = dict(zip(devices, range(len(rows)), strict=True))
        return cls(rows, places, dict(sorted(Counter(revisions).items())), moved)

    def __len__(self) -> int:
        """How many."""
        return len(self.rows)


@dataclass(frozen=True)
class Fresh:
    """Devices of one wave with one target; ``deployments`` and ``attempts`` are the keys of their rows, in order."""

    case: Rollout
    wave: int
    version: str
    at: float
    chosen: Chosen
    deployments: Sequence[int]
    attempts: Sequence[int]

    @property
    def places(self) -> dict[str, int]:
        """Where each device stands in the columns."""
        return self.chosen.places

    def case_of(self, device: str) -> tuple[Deployment, Attempt]:
        """As the tables have it."""
        place = self.places[device]
        one, number = self.chosen.rows[place], self.deployments[place]
        deployment = Deployment(
            id=number, rollout=self.case.id, device=device, component=self.case.component, wave=self.wave,
            artifact=one.artifact, version=self.version, previous=one.running, state=State.WAITING, intent=Intent.RUN,
            since=self.at, booted_at=None, healthy_since=None, weak=False, hurt=False, open=True,
        )  # fmt: skip
        return deployment, Attempt(self.attempts[place], number, device, 1, self.at, None, None, None, 0)


class Lives:
    """Every open deployment, by device. ``make`` turns a fresh one into what is kept."""

    def __init__(self, make: Callable[[Deployment, Attempt], Live]) -> None:
        self._make = make
        self._made: dict[str, Live] = {}
        self._waves: list[tuple[Fresh, set[str]]] = []
        """Each with those of its devices that are in `_made` by now, or over."""

    def add(self, fresh: Fresh) -> None:
        """A wave was opened."""
        for device in fresh.places.keys() & self._made.keys():
            del self._made[device]
        for older, taken in self._waves:
            taken.update(older.places.keys() & fresh.places.keys())
        self._waves = [(one, taken) for one, taken in self._waves if len(taken) < len(one.places)]
        self._waves.append((fresh, set()))

    def get(self, device: str) -> Live | None:
        """The device's open deployment."""
        live = self._made.get(device)
        if live is not None:
            return live
        for fresh, taken in self._waves:
            if device in fresh.places and device not in taken:
                live = self._made[device] = self._make(*fresh.case_of(device))
                taken.add(device)
        return live

    def set(self, live: Live) -> None:
        """It changed, or there is a new one."""
        self._take(live.deployment.device)
        self._made[live.deployment.device] = live

    def drop(self, device: str) -> None:
        """It is over."""
        self._take(device)
        self._made.pop(device, None)

    def _take(self, device: str) -> None:
        for fresh, taken in self._waves:
            if device in fresh.places:
                taken.add(device)

    def clear(self) -> None:
        """Forget all."""
        self._made.clear()
        self._waves.clear()

    def any_of(self, rollout: int) -> bool:
        """Whether a rollout has open deployments."""
        if any(live.deployment.rollout == rollout for live in self._made.values()):
            return True
        return any(fresh.case.id == rollout and len(taken) < len(fresh.places) for fresh, taken in self._waves)

    def __contains__(self, device: str) -> bool:
        """Whether the device has one."""
        return device in self._made or any(device in one.places and device not in taken for one, taken in self._waves)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._made) + sum(len(fresh.places) - len(taken) for fresh, taken in self._waves)

    def values(self) -> Iterator[Live]:
        """All of them; fresh ones are made."""
        fresh = [device for one, taken in self._waves for device in one.places if device not in taken]
        for device in [*self._made, *fresh]:
            if (live := self.get(device)) is not None:
                yield live
