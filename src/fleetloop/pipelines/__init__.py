"""Pipelines: from a commit to a signed bundle, on this machine, without a server.

Reads ``fleetloop.toml``, orders the steps as a graph, runs them with time limits and a cache by content, and writes a
bundle. It is *not* a CI service: it knows one commit and one machine, and what it makes is uploaded by others.

    project = load(Path("."), all_steps())
    report = asyncio.run(run(project, Options(out=Path("bundle")), say))
"""

from typing import TYPE_CHECKING

from fleetloop.core.door import lazy

if TYPE_CHECKING:
    from fleetloop.pipelines.keys import new_keys as new_keys
    from fleetloop.pipelines.model import Event as Event
    from fleetloop.pipelines.model import Outcome as Outcome
    from fleetloop.pipelines.model import Project as Project
    from fleetloop.pipelines.model import Result as Result
    from fleetloop.pipelines.model import Task as Task
    from fleetloop.pipelines.project import load as load
    from fleetloop.pipelines.runner import Options as Options
    from fleetloop.pipelines.runner import Report as Report
    from fleetloop.pipelines.runner import all_steps as all_steps
    from fleetloop.pipelines.runner import run as run

_FILES = {
    "Event": "model",
    "Options": "runner",
    "Outcome": "model",
    "Project": "model",
    "Report": "runner",
    "Result": "model",
    "Task": "model",
    "load": "project",
    "new_keys": "keys",
    "run": "runner",
    "all_steps": "runner",
}
__all__ = [
    "Event",
    "Options",
    "Outcome",
    "Project",
    "Report",
    "Result",
    "Task",
    "all_steps",
    "load",
    "new_keys",
    "run",
]
__getattr__ = lazy("fleetloop.pipelines", _FILES)
