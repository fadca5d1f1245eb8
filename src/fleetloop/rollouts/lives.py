"""The open deployments in memory.

Of those that a wave just drew a few columns say all there is, and there may be 100,000: each is made the first time
somebody asks for it, most often its own device.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
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
class Fresh:
    """Devices of one wave with one target; ``deployments`` and ``attempts`` are the keys of their rows, in order."""

    case: Rollout
    wave: int
    version: str
    at: float
    drawn: Sequence[Drawn]
    deployments: Sequence[int]
    attempts: Sequence[int]
    places: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        """Where each device stands in the columns."""
        object.__setattr__(self, "places", {one.device: place for place, one in enumerate(self.drawn)})

    def case_of(self, device: str) -> tuple[Deployment, Attempt]:
        """As the tables have it."""
        place = self.places[device]
        one, number = self.drawn[place], self.deployments[place]
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
        self._fresh: dict[str, Fresh] = {}

    def add(self, fresh: Fresh) -> None:
        """A wave was opened."""
        for device in fresh.places.keys() & self._made.keys():
            del self._made[device]
        self._fresh.update(dict.fromkeys(fresh.places, fresh))

    def get(self, device: str) -> Live | None:
        """The device's open deployment."""
        live = self._made.get(device)
        if live is None and (fresh := self._fresh.get(device)) is not None:
            live = self._made.setdefault(device, self._make(*fresh.case_of(device)))
            self._fresh.pop(device, None)
        return live

    def set(self, live: Live) -> None:
        """It changed, or there is a new one."""
        self._made[live.deployment.device] = live
        self._fresh.pop(live.deployment.device, None)

    def drop(self, device: str) -> None:
        """It is over."""
        self._made.pop(device, None)
        self._fresh.pop(device, None)

    def clear(self) -> None:
        """Forget all."""
        self._made.clear()
        self._fresh.clear()

    def any_of(self, rollout: int) -> bool:
        """Whether a rollout has open deployments."""
        if any(live.deployment.rollout == rollout for live in self._made.values()):
            return True
        return any(fresh.case.id == rollout for fresh in self._fresh.values())

    def __contains__(self, device: str) -> bool:
        """Whether the device has one."""
        return device in self._made or device in self._fresh

    def __len__(self) -> int:
        """How many there are."""
        return len(self._made) + len(self._fresh)

    def values(self) -> Iterator[Live]:
        """All of them; fresh ones are made."""
        for device in [*self._made, *self._fresh]:
            if (live := self.get(device)) is not None:
                yield live
