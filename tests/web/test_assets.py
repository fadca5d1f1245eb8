from fleetloop.web.assets import Message, asset, find, serve


async def ask(path: str, method: str = "GET") -> tuple[int, dict[bytes, bytes], bytes]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    await serve({"type": "http", "path": path, "method": method}, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


async def test_a_file_may_be_kept_for_ever_since_its_address_is_its_content() -> None:
    status, headers, body = await ask(asset("tokens.css"))
    assert status == 200
    assert headers[b"content-type"] == b"text/css; charset=utf-8"
    assert b"immutable" in headers[b"cache-control"]
    assert headers[b"content-length"] == str(len(body)).encode()


async def test_what_was_not_made_by_asset_is_not_served() -> None:
    for path in ("/static/tokens.css", "/static/../page.py", "/static/", "/static/%2e%2e/page.py"):
        assert find(path) is None
        assert (await ask(path))[0] == 404


async def test_head_has_no_body() -> None:
    assert (await ask(asset("live.js"), "HEAD"))[2] == b""
