"""What the suite does as a whole: it names the tools it had to go without, and runs on PostgreSQL what meets it.

A test that is skipped for want of a tool is counted by that name in pytest's closing line; with FLEETLOOP_RIGS=required
it fails. With FLEETLOOP_TEST_DATABASE set, only tests that ask for a database run: the others cannot tell the difference.
"""

import os
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

DATABASE = "FLEETLOOP_TEST_DATABASE"
RIGS = "FLEETLOOP_RIGS"
FIXTURE = "database_url"

# A busy machine is no finding; what takes too long meets the time limit of every test.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


def wants_a_tool(item: pytest.Item, reason: str) -> bool:
    """Whether a skip is for want of a tool: the mark says so, or the words do."""
    return item.get_closest_marker("rig") is not None or "install" in reason


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not report.skipped or hasattr(report, "wasxfail") or not isinstance(report.longrepr, tuple):
        return report
    reason = report.longrepr[2].removeprefix("Skipped: ")
    if wants_a_tool(item, reason):
        if os.environ.get(RIGS) == "required":
            report.outcome = "failed"
            report.longrepr = f"{RIGS}=required, and {item.nodeid} was skipped: {reason}"
        else:
            report.lacks = reason.split(" (")[0]  # carried by xdist from its workers
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    lacks = getattr(report, "lacks", "")
    return (f"not run ({lacks})", "s", f"SKIPPED ({lacks})") if lacks else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not os.environ.get(DATABASE):
        return
    left_out = [item for item in items if FIXTURE not in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if FIXTURE in getattr(item, "fixturenames", ())]
