"""A page or part as the answer to a request."""

import asyncio

from starlette.responses import HTMLResponse

from fleetloop.web.page import Frame, headers, render


async def answer(template: str, frame: Frame, status: int = 200, **values: object) -> HTMLResponse:
    """``template`` rendered beside the event loop, with the headers of every page."""
    text = await asyncio.to_thread(render, template, frame, **values)
    return HTMLResponse(text, status, headers=headers(frame))


def nothing(frame: Frame) -> HTMLResponse:
    """A part that the page does not have now."""
    return HTMLResponse("", headers=headers(frame))
