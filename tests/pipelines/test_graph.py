"""The graph is pure: links, circles, order, what may run beside what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.pipelines.graph import GraphError, heights, link, narrow, order, ready
from fleetloop.pipelines.model import Offer, Task


def task(name: str, revision: str = "", **more: object) -> Task:
    return Task(name, name.partition(".")[0], revision, **more)  # pyright: ignore[reportArgumentType]


def product() -> list[Task]:
    builds = [task("build.image", r, offers=(Offer("payload", "app.bin"),)) for r in "ab"]
    packs = [task("package.mcuboot", r, uses=("payload",), offers=(Offer("image", "x"),)) for r in "ab"]
    return [*builds, *packs, task("test.host"), task("test.emulator", "b", uses=("image",)), task("sign", after=("*",))]


def test_roles_become_edges_within_a_revision() -> None:
    graph = link(product())
    assert graph.edges["package.mcuboot:a"] == {"build.image:a"}
    assert graph.edges["test.emulator:b"] == {"package.mcuboot:b"}
    assert graph.edges["sign"] == set(graph.tasks) - {"sign"}


def test_the_longest_way_goes_first() -> None:
    graph = link(product())
    assert ready(graph, [])[0] == "build.image:b"
    assert ready(graph, ["build.image:b"], ["build.image:a"]) == ["package.mcuboot:b", "test.host"]
    assert order(graph)[-1] == "sign"


@pytest.mark.parametrize(
    ("tasks", "text"),
    [
        ([task("a", after=("b",)), task("b", after=("c",)), task("c", after=("a",)), task("d", after=("a",))], "in a circle: a → b → c → a"),
        ([task("a"), task("a")], "there are two tasks called a"),
        ([task("a", after=("bild",)), task("build")], "a comes after 'bild', which is no step; did you mean 'build'"),
        ([task("a", offers=(Offer("image", "x"),)), task("b", uses=("imege",))], "b names {imege}, which no step makes; did you mean 'image'"),
        ([task("a", offers=(Offer("x", "x"),)), task("b", offers=(Offer("x", "x"),)), task("c", uses=("x",))], "c names {x}, which a and b both make"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(tasks: list[Task], text: str) -> None:
    with pytest.raises(GraphError) as caught:
        link(tasks)
    assert text in str(caught.value)


def test_a_part_has_what_it_needs_and_no_more() -> None:
    graph = link(product())
    assert sorted(narrow(graph, "test.emulator").tasks) == ["build.image:b", "package.mcuboot:b", "test.emulator:b"]
    assert sorted(narrow(graph, "package", "a").tasks) == ["build.image:a", "package.mcuboot:a"]
    assert "sign" not in narrow(graph, revision="a").tasks
    with pytest.raises(GraphError, match="there is no step 'tset'; did you mean 'test'"):
        narrow(graph, "tset")


@given(st.lists(st.sets(st.integers(0, 30)), max_size=30))
def test_every_task_comes_after_what_it_waits_for(needs: list[set[int]]) -> None:
    tasks = [task(f"t{i}", after=tuple(f"t{n}" for n in sorted(few) if n < i)) for i, few in enumerate(needs)]
    graph = link(tasks)
    line = order(graph)
    assert sorted(line) == sorted(graph.tasks)
    assert all(line.index(need) < line.index(key) for key in line for need in graph.edges[key])
    high = heights(graph)
    assert all(high[need] > high[key] for key in line for need in graph.edges[key])
