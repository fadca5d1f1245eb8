from typing import Any

import orjson
import pytest

from fleetloop.sim.offer import MAX_SIZE, OfferError, document, link, read


def deployment(**artifact: Any) -> dict[str, Any]:
    whole = {
        "filename": "x.so",
        "size": 3,
        "hashes": {"sha256": "ab"},
        "_links": {"download-http": {"href": "http://h/x"}},
    } | artifact
    chunk = {"part": "bApp", "version": "2", "name": "n", "artifacts": [whole]}
    return {"id": "7", "deployment": {"download": "forced", "update": "skip", "chunks": [chunk]}}


def test_an_offer() -> None:
    offer = read(orjson.dumps(deployment()))
    assert (offer.action, offer.version, offer.size, offer.href, offer.update) == ("7", "2", 3, "http://h/x", "skip")


def test_the_download_link_goes_first() -> None:
    links = {"download": {"href": "https://h/x"}, "download-http": {"href": "http://h/x"}}
    assert read(orjson.dumps(deployment(_links=links))).href == "https://h/x"


def test_two_artifacts_are_refused_and_the_action_is_named() -> None:
    whole = deployment()
    whole["deployment"]["chunks"][0]["artifacts"] *= 2
    with pytest.raises(OfferError, match="expected one chunk with one artifact") as told:
        read(orjson.dumps(whole))
    assert told.value.action == "7"


@pytest.mark.parametrize(
    "artifact", [{"hashes": {}}, {"_links": {}}, {"size": "many"}, {"size": MAX_SIZE + 1}, {"size": -1}]
)
def test_what_a_device_cannot_take(artifact: dict[str, Any]) -> None:
    with pytest.raises(OfferError):
        read(orjson.dumps(deployment(**artifact)))


def test_no_json() -> None:
    with pytest.raises(OfferError, match="not JSON"):
        read(b"<html>")
    with pytest.raises(OfferError, match="not a JSON object"):
        document(b"[]")


def test_links() -> None:
    assert link({"_links": {"b": {"href": "x"}}}, "a", "b") == "x"
    assert link({}, "a") == ""
