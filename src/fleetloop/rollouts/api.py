"""Doors to rollouts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from pydantic import BaseModel, Field
from starlette.responses import PlainTextResponse, Response

from fleetloop import health
from fleetloop.access import Person, needs
from fleetloop.core.tags import check_of, tag_of
from fleetloop.rollouts.cases import Deployment, Rollout, state_of
from fleetloop.rollouts.glance import at_stop
from fleetloop.rollouts.model import Phase
from fleetloop.rollouts.plan import to_json
from fleetloop.rollouts.service import Rollouts, Whole

By = Annotated[Person, Depends(needs())]
ASKED = [Depends(needs())]
Seen = Annotated[str | None, Header(alias="If-Match", description="The ETag of the rollout as you have seen it.")]


class NewRollout(BaseModel):
    """``plan``: keys of the plan that differ from its defaults; `GET /rollouts/{id}` shows all of a frozen one."""

    product: str
    version: str
    plan: dict[str, Any] = Field(default_factory=dict)


class Stop(BaseModel):
    """``rollback``: take back the devices that run it."""

    reason: str = Field(default="", max_length=500)
    rollback: bool = True


class Decision(BaseModel):
    """``go``: on with what waits; false: leave it at that."""

    go: bool
    reason: str = Field(default="", max_length=500)


class Pause(BaseModel):
    """``resume``: end a pause."""

    resume: bool = False


@dataclass(frozen=True)
class Items:
    """A list."""

    items: list[dict[str, Any]]


def router(rollouts: Rollouts) -> APIRouter:
    """Everything under ``/api/v1`` that this room answers."""
    doors, api = _Doors(rollouts), APIRouter(tags=["rollouts"])
    api.add_api_route("/rollouts", doors.rollouts, methods=["GET"], dependencies=ASKED)
    api.add_api_route("/rollouts", doors.start, methods=["POST"], status_code=201)
    api.add_api_route("/rollouts/preview", doors.preview, methods=["POST"], dependencies=ASKED)
    api.add_api_route("/rollouts/{id}", doors.rollout, methods=["GET"], dependencies=ASKED)
    api.add_api_route("/rollouts/{id}/stop", doors.stop, methods=["POST"])
    api.add_api_route("/rollouts/{id}/decide", doors.decide, methods=["POST"])
    api.add_api_route("/rollouts/{id}/pause", doors.pause, methods=["POST"])
    api.add_api_route("/rollouts/{id}/deployments", doors.deployments, methods=["GET"], dependencies=ASKED)
    api.add_api_route("/rollouts/{id}/attempts", doors.attempts, methods=["GET"], dependencies=ASKED)
    api.add_api_route("/rollouts/{id}/reports", doors.reports, methods=["GET"], dependencies=ASKED)
    api.add_api_route(
        "/rollouts/{id}/record", doors.record, methods=["GET"], dependencies=ASKED, response_class=PlainTextResponse
    )
    return api


class _Doors:
    def __init__(self, rollouts: Rollouts) -> None:
        self._rollouts = rollouts

    async def rollouts(self, product: str | None = None) -> Items:
        """All rollouts, newest first."""
        return Items([plain(r) for r in await self._rollouts.all(product)])

    async def preview(self, body: NewRollout) -> dict[str, Any]:
        """Who would get it in which wave, and what the plan could see; nothing is started."""
        return await self._rollouts.preview(body.product, body.version, body.plan)

    async def start(self, by: By, body: NewRollout) -> dict[str, Any]:
        """Freeze a plan and start."""
        return plain(await self._rollouts.start(by, body.product, body.version, body.plan))

    async def rollout(self, id: int, response: Response) -> dict[str, Any]:  # noqa: A002  the word in the path
        """One rollout: its waves by state, its evidence, what it waits for."""
        whole = await self._rollouts.whole(id)
        experiment = await self._rollouts.experiment(id)
        return tagged(response, whole.rollout) | {
            "rollback": way_back(whole.undoing),
            "waves": waves(whole),
            "members": whole.members,
            "evidence": evidence(experiment),
        }

    async def stop(self, by: By, id: int, body: Stop, response: Response, seen: Seen = None) -> dict[str, Any]:  # noqa: A002
        """Nobody is handed the release once this is answered. ``stopped_before``: it was stopped already, as told."""
        before = (await self._rollouts.get(id)).phase is Phase.STOPPED
        check = check_of(seen, state_of)
        stopped = await self._rollouts.stop(by, id, body.reason, rollback=body.rollback, check=check)
        back = way_back((await self._rollouts.whole(id)).undoing)
        return tagged(response, stopped) | {"rollback": back, "stopped_before": before}

    async def decide(
        self,
        by: By,
        id: int,  # noqa: A002
        body: Decision,
        response: Response,
        seen: Seen = None,
    ) -> dict[str, Any]:
        """A person's word where one is due."""
        check = check_of(seen, state_of)
        return tagged(response, await self._rollouts.decide(by, id, go=body.go, reason=body.reason, check=check))

    async def pause(self, by: By, id: int, body: Pause, response: Response, seen: Seen = None) -> dict[str, Any]:  # noqa: A002
        """Hand nothing new for now, or go on."""
        check = check_of(seen, state_of)
        return tagged(response, await self._rollouts.pause(by, id, resume=body.resume, check=check))

    async def deployments(self, id: int) -> Items:  # noqa: A002
        """Every deployment of the rollout."""
        return Items([deployment(d) for d in await self._rollouts.deployments(id)])

    async def attempts(self, id: int) -> Items:  # noqa: A002
        """What each device was handed, and when; `id` is the action on the wire."""
        return Items(await self._rollouts.handed(id))

    async def reports(self, id: int) -> Items:  # noqa: A002
        """Every report that was acknowledged, in the devices' own words."""
        return Items(await self._rollouts.heard(id))

    async def record(self, id: int) -> Response:  # noqa: A002
        """The verdict's record, one JSON object a line."""
        return PlainTextResponse("\n".join([*await self._rollouts.record(id), ""]), media_type="application/jsonl")


def plain(case: Rollout) -> dict[str, Any]:
    """A rollout without its secret: the seed is told when it is over, so that the draw can be checked."""
    shown = vars(case) | {"kind": case.kind.value, "phase": case.phase.value, "plan": to_json(case.plan)}
    shown["ended_counts"] = json.loads(case.ended_counts) if case.ended_counts else None
    if case.ended_at is None:
        del shown["seed"]
    return shown


def tagged(response: Response, case: Rollout) -> dict[str, Any]:
    """A rollout, and the tag of its state on the way."""
    response.headers["ETag"] = tag_of(state_of(case))
    return plain(case)


def way_back(undoing: Rollout | None) -> dict[str, Any] | None:
    """The rollback of a stopped rollout, and what it waits for or how it ended."""
    return None if undoing is None else {"id": undoing.id, "phase": undoing.phase.value, "blocked": undoing.blocked}


def waves(whole: Whole) -> list[dict[str, Any]]:
    """Each wave with its deployments by state, now and, if the rollout was stopped, when it was."""
    made: list[dict[str, Any]] = []
    for wave in whole.waves:
        mine = {(state, hurt): n for (number, state, hurt), n in whole.counts.items() if number == wave.number}
        shown = {"states": _states(mine), "hurt": sum(n for (_, hurt), n in mine.items() if hurt)}
        if then := at_stop(whole.rollout):
            frozen = {(state, hurt): n for (number, state, hurt), n in then.items() if number == wave.number}
            shown |= {"states_at_stop": _states(frozen)}
        made.append(vars(wave) | shown)
    return made


def _states(counts: Mapping[tuple[str, bool], int]) -> dict[str, int]:
    states: dict[str, int] = {}
    for (state, _), n in sorted(counts.items()):
        states[state] = states.get(state, 0) + n
    return states


def evidence(experiment: health.Experiment) -> dict[str, Any]:
    """The one number and what it is made of."""
    lower, upper = experiment.interval()
    return {
        "e_value": experiment.e_value,
        "e_max": experiment.e_max,
        "verdict": experiment.verdict.value,
        "new_events": experiment.new_events,
        "comparable_events": len(experiment.events),
        "expected_new": experiment.expected_new,
        "hurt": sorted(experiment.hurt_devices),
        "hr_interval": [lower, upper],
        "good_enough": experiment.good_enough,
        "installs": {
            "started": experiment.guard.started,
            "failed": experiment.guard.failed,
            "booted": experiment.guard.booted,
        },
        "revisions": [{"revision": r.revision, "new": r.new, "held_back": r.held_back, "new_events": r.new_events,
                       "held_back_events": r.held_back_events, "e_value": r.e_value} for r in experiment.rows()],
    }  # fmt: skip


def deployment(d: Deployment) -> dict[str, Any]:
    """A deployment with its states as words."""
    return vars(d) | {"state": d.state.value, "intent": d.intent.value}
