"""What a pipeline step must do: one file in `steps/`, whose name is the word of its tables in ``fleetloop.toml``."""

from collections.abc import Sequence
from typing import Protocol

from fleetloop.pipelines.model import Job, Outcome, Project, Task


class Step(Protocol):
    """One kind of work."""

    def tasks(self, project: Project) -> Sequence[Task]:
        """The tasks this step adds to ``project``, perhaps none.

        Looks at ``project`` and nothing else. Raises `ConfigError` naming the line for a table it cannot use.
        """
        ...

    async def run(self, job: Job) -> Outcome:
        """Do one task.

        The same task over the same files leaves the same bytes in ``job.out``, whatever the folders are called.
        It writes nowhere but into ``job.out``, ``job.scratch`` and ``job.cache``.
        It says at least one line of progress.
        Cancelled, it ends within a few seconds and leaves no process.
        It may raise `InfrastructureError` for what says nothing about the product; every other end is an outcome.
        """
        ...
