"""The documents that DDI devices get, as bytes: poll, deployment, cancel.

Links are absolute and on the address the device used. A base is ``https://host/TENANT/controller/v1/DEVICE``: it holds
nothing that JSON would escape, so the poll is put together as text.
"""

import re
from functools import lru_cache
from urllib.parse import quote

import orjson

from fleetloop.core.errors import InputError
from fleetloop.wire.entry import Ask
from fleetloop.wire.model import File, Order

_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?")
_PARTS = {"application": "bApp", "runtime": "jvm"}  # hawkBit's names; Zephyr takes only bApp


def base(ask: Ask, *, behind_proxy: bool) -> str:
    """Where this device's links start, the tenant spelt as it was asked for. Raises `InputError` for a bad Host."""
    return f"{_root(ask, behind_proxy=behind_proxy)}/{ask.parts[1]}/controller/v1/{quote(ask.parts[4], safe='')}"


def _root(ask: Ask, *, behind_proxy: bool) -> str:
    scheme, host = str(ask.scope.get("scheme", "http")), ask.headers.get(b"host")
    if host is None:  # HTTP/1.0
        address, port = ask.scope["server"]
        host = f"{address}:{port}".encode()
    if not behind_proxy:
        return _address(scheme, host, None)
    first = {k: v.split(b",", 1)[0].strip() for k, v in ask.headers.items() if k.startswith(b"x-forwarded-")}
    scheme = "https" if first.get(b"x-forwarded-proto", scheme.encode()).lower() == b"https" else "http"
    return _address(scheme, first.get(b"x-forwarded-host", host), first.get(b"x-forwarded-port"))


@lru_cache(maxsize=256)
def _address(scheme: str, host: bytes, port: bytes | None) -> str:
    text = host.decode("latin-1")
    if not _HOST.fullmatch(text):
        raise InputError(f"Host must be a name or address with an optional port; got {text[:60]!r}")
    known = re.search(r":\d+$", text) or port == {"http": b"80", "https": b"443"}[scheme]
    return f"{scheme}://{text}" + (f":{int(port)}" if port and port.isdigit() and not known else "")


def sleep(poll_s: int) -> str:
    """``HH:MM:SS`` between one second and a second before a day; all else breaks SWUpdate."""
    seconds = min(max(poll_s, 1), 86_399)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def poll(wait: str, base: str = "", order: Order | None = None, installed: int | None = None, *, asks: bool) -> bytes:
    """The answer to a poll; ``asks`` for attributes. With nothing to say there is no ``_links`` at all."""
    links: list[str] = []
    if order:
        path = f"cancelAction/{order.action}" if order.cancel else f"deploymentBase/{order.action}?c={order.tag}"
        links.append(f'"{path.partition("/")[0]}":{{"href":"{base}/{path}"}}')
    if installed is not None:
        links.append(f'"installedBase":{{"href":"{base}/installedBase/{installed}"}}')
    if asks:
        links.append(f'"configData":{{"href":"{base}/configData"}}')
    tail = f',"_links":{{{",".join(links)}}}' if links else ""
    return f'{{"config":{{"polling":{{"sleep":"{wait}"}}}}{tail}}}'.encode()


def deployment(order: Order, base: str, history: tuple[str, list[str]] | None = None) -> bytes:
    """What to do: one chunk with one artifact, all that rauc and Zephyr take."""
    chunk = {
        "part": _PARTS.get(order.component, order.component),
        "version": order.version,
        "name": order.product,
        "artifacts": [_artifact(order.file, base)],
    }
    body: dict[str, object] = {
        "id": str(order.action),
        "deployment": {"download": order.download.value, "update": order.update.value, "chunks": [chunk]},
    }
    if history and history[1]:
        body["actionHistory"] = {"status": history[0], "messages": history[1]}
    return orjson.dumps(body)


def artifacts(file: File, base: str) -> bytes:
    """The list of a software module's artifacts: always one."""
    return orjson.dumps([_artifact(file, base)])


def _artifact(file: File, base: str) -> dict[str, object]:
    link = {"href": f"{base}/softwaremodules/{file.key}/artifacts/{quote(file.name, safe='')}"}
    sums = {"href": f"{link['href']}.MD5SUM"}
    return {
        "filename": file.name,
        "size": file.size,
        "hashes": {"sha1": file.sha1, "md5": file.md5, "sha256": file.sha256},
        "_links": {"download": link, "download-http": link, "md5sum": sums, "md5sum-http": sums},
    }


def cancel(action: int) -> bytes:
    """Both ids are the action's own."""
    return b'{"id":"%d","cancelAction":{"stopId":"%d"}}' % (action, action)
