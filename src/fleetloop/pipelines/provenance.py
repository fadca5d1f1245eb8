"""The statement of a bundle: in-toto Statement v1 with SLSA provenance v1; the same bytes for the same build.

Its times are the build's given instant (the commit's date unless told otherwise), never the wall clock.
"""

import base64
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from fleetloop.pipelines.model import Project
from fleetloop.releases import MEDIA_TYPE, PAYLOAD_TYPE, PREDICATE_TYPE, STATEMENT_TYPE

BUILD_TYPE = "urn:fleetloop:pipeline:v1"
BUILDER = "urn:fleetloop:builder:local"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, BUILD_TYPE)


def statement(
    project: Project, digests: Mapping[str, str], tools: Mapping[str, str], previous: Mapping[str, str]
) -> bytes:
    """The exact payload. ``digests``: SHA-256 by file name; ``previous``: SHA-256 of the earlier images tested with."""
    body: dict[str, Any] = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(digests.items())],
        "predicateType": PREDICATE_TYPE,
        "predicate": _predicate(project, digests, tools, previous),
    }
    return canonical(body)


def envelope(payload: bytes, key_id: str, signature: bytes) -> bytes:
    """`statement.dsse.json`."""
    return canonical(_envelope(payload, {"keyid": key_id, "sig": base64.b64encode(signature).decode()}))


def sigstore(payload: bytes, key_id: str, signature: bytes) -> bytes:
    """`statement.sigstore.json`, in the form that cosign and sigstore-js take."""
    return canonical(
        {
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": {"publicKey": {"hint": key_id}},
            "dsseEnvelope": _envelope(payload, {"sig": base64.b64encode(signature).decode()}),
        }
    )


def canonical(body: object) -> bytes:
    """One way to write JSON."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def instant(at: float) -> str:
    """RFC 3339, whole seconds, UTC."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _envelope(payload: bytes, signature: Mapping[str, str]) -> dict[str, Any]:
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [dict(signature)],
    }


def _predicate(
    project: Project, digests: Mapping[str, str], tools: Mapping[str, str], previous: Mapping[str, str]
) -> dict[str, Any]:
    run = uuid.uuid5(NAMESPACE, json.dumps([project.commit.id, project.at, sorted(digests.items())]))
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "configuration": "fleetloop.toml",
                "product": project.product.name,
                "version": project.version,
                "revisions": sorted(project.revisions),
            },
            "internalParameters": {"tools": dict(sorted(tools.items()))},
            "resolvedDependencies": [_source(project), *_earlier(previous)],
        },
        "runDetails": {
            "builder": {"id": BUILDER, "version": {"fleetloop": version("fleetloop")}},
            "metadata": {
                "invocationId": f"urn:uuid:{run}",
                "startedOn": instant(project.at),
                "finishedOn": instant(project.at),
            },
        },
    }


def _source(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = {"name": "source", "digest": {"gitCommit": project.commit.id}}
    if project.product.repository:
        found["uri"] = f"git+{project.product.repository}"
    return found


def _earlier(previous: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(previous.items())]
