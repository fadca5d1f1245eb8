"""One simulated board: power, two slots, a boot loader with one trial, and the release's own code in between.

Time moves by `run` alone. The board may lag less than a second behind what was asked: the code counts whole seconds.
"""

from fleetloop.core.errors import InfrastructureError
from fleetloop.sim.faults import Luck, draw
from fleetloop.sim.library import Library, Running
from fleetloop.sim.model import Population
from fleetloop.sim.record import Boot, Crash, Record


class Board:
    """``active`` is what boots next; ``other`` is the way back while a new version is on trial."""

    def __init__(self, population: Population, luck: Luck, record: Record, factory: Library) -> None:
        self._population, self._luck, self._record = population, luck, record
        self.device = record.device
        self.active = factory
        self.boots = self.crashes = 0
        self.boot_id, self.reset = "", "power"
        self.at = self._up_at = population.start
        self._other: Library | None = None
        self._trial_ends: float | None = None
        self._running: Running | None = None
        self._start()

    @property
    def dark_until(self) -> float | None:
        """When a board that is off or booting will be up; None for one that runs."""
        return self._up_at if self._running is None else None

    @property
    def uptime_s(self) -> int:
        """Seconds that the code has run since the start."""
        return self._running.up if self._running else 0

    @property
    def self_test(self) -> bool:
        """Whether the code's own test passes; False while the board is off."""
        return self._running is not None and self._running.self_test

    def run(self, to: float) -> None:
        """Let time pass until ``to``: the code runs, crashes, starts again, several times if need be."""
        while self.at < to or (self._running is None and self._up_at <= to):
            if self._running is None:
                self._boot(to)
            elif self._pass(to):
                return

    def install(self, library: Library, at: float) -> None:
        """Write the other slot and start it, on trial; the old version stays as the way back."""
        self._off(at, "software")
        self._other, self.active, self._trial_ends = self.active, library, at

    def restart(self, at: float) -> None:
        """Start again what there is, as if a new version had been installed."""
        self._off(at, "software")

    def power_cut(self, at: float) -> None:
        """The power goes, and comes back at once."""
        self._off(at, "power")

    def _boot(self, to: float) -> None:
        self.at = min(self._up_at, to)
        if self._up_at <= to:
            self._start()

    def _pass(self, to: float) -> bool:
        """Run to ``to``, or to what comes before it; True if the board has arrived."""
        cut = self._luck.power_cut(self.device, self.at, to)
        goal = min(t for t in (to, cut, self._trial_ends) if t is not None)
        if self._crashed(int(goal - self.at)):
            return False
        if goal == cut:
            self._off(goal, "power")
        elif goal == self._trial_ends:
            self._judge(goal)
        else:
            return True
        return False

    def _start(self) -> None:
        seed = draw(self._population.seed, self.device, self.boots + 1)
        self._running = self.active.start(self.device, seed, self._population.limits)
        if self._running is None:
            self._refused()
            return
        self.boots += 1
        self.boot_id = f"{self.boots}-{seed:016x}"
        if self._other:
            self._trial_ends = self.at + self._population.trial_s
        self._record.keep(Boot(self.at, self.boots, self.boot_id, self.active.version, self.reset))

    def _refused(self) -> None:
        if self._other is None:
            told = f"{self.device}: the code of {self.active.version} refuses to start, and there is no way back"
            raise InfrastructureError(told)
        self._off(self.at, "trial-over")

    def _crashed(self, seconds: int) -> bool:
        """Step the code; True if it ended early. A fault takes at least the second it came in."""
        running = self._running
        if running is None or seconds <= 0:
            return False
        before = running.up
        fault = running.step(seconds)
        if not fault:
            self.at += seconds
            return False
        done = min(max(running.up - before, 1), seconds)
        self.crashes += 1
        crash = Crash(self.at + done, self.active.version, running.up, fault, self.boots)
        self._record.keep(crash)
        self._off(crash.at, "watchdog" if fault == "watchdog" else "fault")
        return True

    def _judge(self, at: float) -> None:
        """The trial is over: keep the new version if its own test passes."""
        self.at = at
        if self.self_test:
            self._other = self._trial_ends = None
        else:
            self._off(at, "trial-over")

    def _off(self, at: float, reset: str) -> None:
        """Off, and booting; whatever ends a trial early ends it for the old version."""
        if self._other is not None:
            self.active, self._other, self._trial_ends = self._other, None, None
        self._running, self.reset = None, reset
        self.at = at
        self._up_at = at + self._population.boot_s
