"""`/metrics`: Prometheus text, from memory alone."""

import sqlalchemy as sa

from fleetloop.app.wiring import Rooms
from fleetloop.rollouts import OVER

ALIVE = sa.select(sa.literal(1))


def text(rooms: Rooms) -> str:
    """Names end in their unit."""
    lines = [
        "# HELP fleetloop_device_requests_total Answers to devices.",
        "# TYPE fleetloop_device_requests_total counter",
    ]
    for (protocol, status), n in sorted(rooms.devices.counters().items()):
        lines.append(f'fleetloop_device_requests_total{{protocol="{protocol}",status="{status}"}} {n}')
    open_ones = [w for w in rooms.desk.watches.values() if w.rollout.phase not in OVER]
    lines += _gauge("fleetloop_rollouts_open", "Rollouts that are not over.", len(open_ones))
    lines += _gauge("fleetloop_deployments_open", "Deployments that are not over.", len(rooms.desk.live))
    lines += _gauge("fleetloop_serving_time_seconds", "The serving clock.", rooms.clock.now())
    lines += [
        "# HELP fleetloop_rollout_evidence E of an open rollout; it stops at 1/alpha.",
        "# TYPE fleetloop_rollout_evidence gauge",
    ]
    lines += [f'fleetloop_rollout_evidence{{rollout="{w.rollout.id}"}} {w.experiment.e_value:.6g}' for w in open_ones]
    return "\n".join([*lines, ""])


def _gauge(name: str, what: str, value: float) -> list[str]:
    return [f"# HELP {name} {what}", f"# TYPE {name} gauge", f"{name} {value}"]
