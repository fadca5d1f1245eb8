"""The graph of tasks: links, order, what may start now. Pure.

graph = link(tasks)                    # roles become edges; raises for a circle or an unknown name
ready(graph, done)                     # ids that may start, the longest way to the end first
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from fleetloop.core.errors import InputError
from fleetloop.pipelines.model import Offer, Task


class GraphError(InputError):
    """The steps do not fit together."""

    code = "bad-graph"


@dataclass(frozen=True)
class Graph:
    """Tasks by id, what each waits for, and who gives it each role."""

    tasks: Mapping[str, Task]
    edges: Mapping[str, frozenset[str]]
    givers: Mapping[tuple[str, str], tuple[str, Offer]]
    """(task id, role) to the giving task's id and its offer."""


def link(tasks: Iterable[Task]) -> Graph:
    """Raises `GraphError` for two tasks of one name, a role nobody or two offer, an unknown name, or a circle."""
    known: dict[str, Task] = {}
    for task in tasks:
        if task.id in known:
            raise GraphError(f"there are two tasks called {task.id}")
        known[task.id] = task
    givers = {(task.id, role): _giver(task, role, known) for task in known.values() for role in task.uses}
    edges = {task.id: frozenset(_after(task, known)) | _from(task, givers) for task in known.values()}
    if circle := _circle(edges):
        raise GraphError(f"the steps wait for each other in a circle: {' → '.join(circle)}")
    return Graph(known, edges, givers)


def narrow(graph: Graph, only: str = "", revision: str = "") -> Graph:
    """The part of ``graph`` that ``only`` (``test``, ``host``, ``test.host``, ``sbom:b``) needs, of one ``revision``.

    For one revision alone, what waits for all others (signing) is left out: a bundle holds every revision.
    """
    wanted = {key for key, task in graph.tasks.items() if not revision or task.revision in ("", revision)}
    if revision:
        wanted -= {key for key in wanted if "*" in graph.tasks[key].after}
    if only:
        picked = {key for key in wanted if only in _titles(graph.tasks[key])}
        if not picked:
            titles = {title for task in graph.tasks.values() for title in (task.name, task.step)}
            raise GraphError(f"there is no step {only!r}{_near(only, titles)}")
        wanted = wanted & _upstream(graph, picked)
    tasks = {key: task for key, task in graph.tasks.items() if key in wanted}
    edges = {key: graph.edges[key] & wanted for key in tasks}
    return Graph(tasks, edges, {k: v for k, v in graph.givers.items() if k[0] in wanted})


def ready(graph: Graph, done: Collection[str], busy: Collection[str] = ()) -> list[str]:
    """Tasks that wait for nothing any more; first the one with most work behind it."""
    height = heights(graph)
    free = [k for k in graph.tasks if k not in done and k not in busy and graph.edges[k] <= set(done)]
    return sorted(free, key=lambda k: (-height[k], k))


def order(graph: Graph) -> list[str]:
    """One order in which every task comes after what it waits for; always the same."""
    found: list[str] = []
    while len(found) < len(graph.tasks):
        found.extend(ready(graph, found))
    return found


def heights(graph: Graph) -> dict[str, float]:
    """Seconds allowed, summed along the longest way from each task to the end: its urgency."""
    below: dict[str, set[str]] = {key: set() for key in graph.tasks}
    for key, needs in graph.edges.items():
        for need in needs:
            below[need].add(key)
    found: dict[str, float] = {}

    def height(key: str) -> float:
        if key not in found:
            found[key] = graph.tasks[key].timeout_s + max((height(b) for b in below[key]), default=0.0)
        return found[key]

    return {key: height(key) for key in graph.tasks}


def _giver(task: Task, role: str, known: Mapping[str, Task]) -> tuple[str, Offer]:
    near = [t for t in known.values() if t.revision in ("", task.revision)]
    found = [(t.id, offer) for t in near for offer in t.offers if offer.role == role]
    if len(found) == 1:
        return found[0]
    if found:
        raise GraphError(f"{task.id} names {{{role}}}, which {' and '.join(key for key, _ in found)} both make")
    roles = {offer.role for t in near for offer in t.offers} - {""}
    raise GraphError(f"{task.id} names {{{role}}}, which no step makes{_near(role, roles)}")


def _after(task: Task, known: Mapping[str, Task]) -> Iterable[str]:
    for pattern in task.after:
        found = {key for key, other in known.items() if key != task.id and _fits(pattern, task, other)}
        if not found and pattern != "*":
            near = _near(pattern, {t.name for t in known.values()})
            raise GraphError(f"{task.id} comes after {pattern!r}, which is no step{near}")
        yield from found


def _fits(pattern: str, task: Task, other: Task) -> bool:
    same = not task.revision or other.revision in ("", task.revision)
    return same and fnmatchcase(other.name, pattern)


def _from(task: Task, givers: Mapping[tuple[str, str], tuple[str, Offer]]) -> frozenset[str]:
    return frozenset(giver for (key, _), (giver, _) in givers.items() if key == task.id)


def _titles(task: Task) -> tuple[str, ...]:
    return task.id, task.name, task.step, task.name.partition(".")[2]


def _upstream(graph: Graph, picked: Collection[str]) -> set[str]:
    found, todo = set(picked), list(picked)
    while todo:
        new = graph.edges[todo.pop()] - found
        found |= new
        todo.extend(new)
    return found


def _circle(edges: Mapping[str, frozenset[str]]) -> list[str]:
    left = dict(edges)
    while free := [key for key, needs in left.items() if not needs & left.keys()]:
        for key in free:
            del left[key]
    if not left:
        return []
    way = [min(left)]
    while True:
        following = min(left[way[-1]] & left.keys())
        if following in way:
            return [*way[way.index(following) :], following]
        way.append(following)


def _near(word: str, known: Collection[str]) -> str:
    near = get_close_matches(word, known, 1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(sorted(known)) or 'none'}"
