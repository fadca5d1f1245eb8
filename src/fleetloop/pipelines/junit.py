"""JUnit reports, read as if an enemy wrote them, and written again without what differs from run to run.

A DOCTYPE is refused; half a file is incomplete, never "0 failed"; a report without a test that passed is not a pass.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from fleetloop.core.errors import FleetloopError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_BYTES = 32 << 20
MAX_CASES = 100_000
STATES = ("passed", "failed", "error", "skipped")


class ReportError(FleetloopError):
    """A test report cannot be trusted."""

    code = "bad-report"


@dataclass(frozen=True, order=True)
class Case:
    """One test. ``state`` is one of `STATES`; a failure with a property of value ``infrastructure`` is an error."""

    suite: str
    name: str
    state: str
    message: str = ""


@dataclass(frozen=True)
class Report:
    """All tests of one or more files."""

    cases: tuple[Case, ...]

    def count(self, state: str) -> int:
        """How many tests ended in ``state``."""
        return sum(case.state == state for case in self.cases)

    def named(self, state: str) -> str:
        """The first few tests in ``state``, for a sentence."""
        cases = [case for case in self.cases if case.state == state]
        messages = {case.message for case in cases}
        if len(cases) > 1 and len(messages) == 1 and messages != {""}:
            return f"{_some([case.name for case in cases])}: {messages.pop()}"
        return _some([f"{case.name} ({case.message})" if case.message else case.name for case in cases])


def _some(found: Sequence[str]) -> str:
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def parse(raw: bytes, name: str) -> Report:
    """Raises `ReportError` for what is no report, or only part of one."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    if len(raw) > MAX_BYTES:
        raise ReportError(f"{name} has {len(raw)} bytes; at most {MAX_BYTES} are read")
    try:
        root = fromstring(raw, forbid_dtd=True)
    except DefusedXmlException as e:
        raise ReportError(f"{name} has a DOCTYPE or an entity, which a test report never needs; refused") from e
    except (ParseError, ValueError, LookupError) as e:
        raise ReportError(f"{name} is incomplete or no XML: {e}; did the test program end early?") from e
    if root.tag not in {"testsuites", "testsuite"}:
        raise ReportError(f"{name} has the root <{root.tag[:40]}>; expected JUnit's <testsuites>")
    cases = tuple(_cases(root, name))
    _check_whole(root, cases, name)
    return Report(tuple(sorted(cases)))


def merge(reports: Iterable[Report]) -> Report:
    """All cases of all reports."""
    return Report(tuple(sorted(case for report in reports for case in report.cases)))


def write(report: Report) -> bytes:
    """The report without times, host name and output: the same bytes for the same results."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites{_counts(report)}>"]
    for suite in sorted({case.suite for case in report.cases}):
        part = Report(tuple(case for case in report.cases if case.suite == suite))
        lines.append(f"  <testsuite name={quoteattr(suite)}{_counts(part)}>")
        lines += [_case(case) for case in part.cases]
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>", ""]).encode()


def _case(case: Case) -> str:
    head = f"    <testcase classname={quoteattr(case.suite)} name={quoteattr(case.name)}"
    tag = {"failed": "failure", "error": "error", "skipped": "skipped"}.get(case.state)
    return f"{head}><{tag} message={quoteattr(case.message)}/></testcase>" if tag else f"{head}/>"


def _counts(report: Report) -> str:
    numbers = {"tests": len(report.cases), "failures": report.count("failed"), "errors": report.count("error")}
    return "".join(f' {k}="{v}"' for k, v in (numbers | {"skipped": report.count("skipped")}).items())


def _cases(root: "Element", name: str) -> Iterator[Case]:
    todo, seen = [(root, root.get("name", ""))], 0
    while todo:
        node, suite = todo.pop()
        for child in node:
            if child.tag == "testsuite":
                todo.append((child, child.get("name") or suite))
            elif child.tag == "testcase":
                seen += 1
                yield _read(child, suite)
        if seen > MAX_CASES:
            raise ReportError(f"{name} has more than {MAX_CASES} tests")


def _read(node: "Element", suite: str) -> Case:
    state, message = "passed", ""
    for tag, word in (("skipped", "skipped"), ("failure", "failed"), ("error", "error")):
        found = node.find(tag)
        if found is not None:
            text = found.get("message") or found.text or ""
            state, message = word, " ".join(text.split())[:200]
    if state == "failed" and any(p.get("value") == "infrastructure" for p in node.iterfind("properties/property")):
        state = "error"
    return Case(node.get("classname") or suite, node.get("name", ""), state, message)


def _check_whole(root: "Element", cases: tuple[Case, ...], name: str) -> None:
    suites = [root] if root.tag == "testsuite" else [node for node in root if node.tag == "testsuite"]
    counts = [node.get("tests", "") for node in suites]
    said = sum(int(count) for count in counts if count.isdecimal())
    # pytest counts a test twice that passed and then failed in its tear-down: that has an <error>
    if said > len(cases) and not any(case.state == "error" for case in cases):
        raise ReportError(f"{name} announces {said} tests and has {len(cases)}; it is incomplete")
