"""The page frame, charts and live updates: what every room's pages are made of.

It is handed the person and the numbers. It looks nobody up, reads no database, knows no address but its own static
files, and concludes nothing: what a verdict means is the verdict's to say.
"""

from typing import TYPE_CHECKING

from fleetloop.core.door import lazy

if TYPE_CHECKING:
    from fleetloop.web.assets import asset as asset
    from fleetloop.web.assets import serve as serve
    from fleetloop.web.chart import Part as Part
    from fleetloop.web.chart import Ratio as Ratio
    from fleetloop.web.chart import bar as bar
    from fleetloop.web.chart import dot_key as dot_key
    from fleetloop.web.chart import mini as mini
    from fleetloop.web.chart import mini_share as mini_share
    from fleetloop.web.evidence import Arm as Arm
    from fleetloop.web.evidence import BadEvent as BadEvent
    from fleetloop.web.evidence import Comparison as Comparison
    from fleetloop.web.evidence import Pictures as Pictures
    from fleetloop.web.evidence import Step as Step
    from fleetloop.web.evidence import Stratum as Stratum
    from fleetloop.web.evidence import effect as effect
    from fleetloop.web.evidence import events_table as events_table
    from fleetloop.web.evidence import meaning as meaning
    from fleetloop.web.evidence import pictures as pictures
    from fleetloop.web.evidence import scale as scale
    from fleetloop.web.evidence import share_sentence as share_sentence
    from fleetloop.web.evidence import story as story
    from fleetloop.web.evidence import strata_table as strata_table
    from fleetloop.web.evidence import verb as verb
    from fleetloop.web.forms import csrf as csrf
    from fleetloop.web.forms import csrf_matches as csrf_matches
    from fleetloop.web.forwarded import as_seen as as_seen
    from fleetloop.web.lanes import Lane as Lane
    from fleetloop.web.lanes import Phase as Phase
    from fleetloop.web.lanes import Span as Span
    from fleetloop.web.lanes import Spot as Spot
    from fleetloop.web.lanes import lane_plot as lane_plot
    from fleetloop.web.lanes import strip as strip
    from fleetloop.web.live import Live as Live
    from fleetloop.web.notices import Login as Login
    from fleetloop.web.notices import Trouble as Trouble
    from fleetloop.web.page import HEADERS as HEADERS
    from fleetloop.web.page import Frame as Frame
    from fleetloop.web.page import Holds as Holds
    from fleetloop.web.page import headers as headers
    from fleetloop.web.page import render as render
    from fleetloop.web.parts import Badge as Badge
    from fleetloop.web.parts import Col as Col
    from fleetloop.web.parts import Gate as Gate
    from fleetloop.web.parts import Happening as Happening
    from fleetloop.web.parts import Row as Row
    from fleetloop.web.parts import Stat as Stat
    from fleetloop.web.parts import Table as Table
    from fleetloop.web.parts import table as table
    from fleetloop.web.plot import Axis as Axis
    from fleetloop.web.plot import Mark as Mark
    from fleetloop.web.plot import Point as Point
    from fleetloop.web.plot import range_words as range_words
    from fleetloop.web.reply import answer as answer
    from fleetloop.web.reply import nothing as nothing
    from fleetloop.web.states import key_of as key_of
    from fleetloop.web.states import state as state
    from fleetloop.web.svg import el as el
    from fleetloop.web.svg import glyph as glyph
    from fleetloop.web.svg import href as href
    from fleetloop.web.svg import join as join
    from fleetloop.web.waves import Count as Count
    from fleetloop.web.waves import Wave as Wave
    from fleetloop.web.waves import whole as whole
    from fleetloop.web.words import at_least as at_least
    from fleetloop.web.words import at_most as at_most
    from fleetloop.web.words import board as board
    from fleetloop.web.words import count as count
    from fleetloop.web.words import cut as cut
    from fleetloop.web.words import duration as duration
    from fleetloop.web.words import e_value as e_value
    from fleetloop.web.words import listed as listed
    from fleetloop.web.words import near as near
    from fleetloop.web.words import of as of
    from fleetloop.web.words import per_device_days as per_device_days
    from fleetloop.web.words import relative as relative
    from fleetloop.web.words import sentence as sentence
    from fleetloop.web.words import size as size
    from fleetloop.web.words import span as span
    from fleetloop.web.words import things as things
    from fleetloop.web.words import times as times
    from fleetloop.web.words import when as when
    from fleetloop.web.words import written as written

__all__ = [
    "HEADERS",
    "Arm",
    "Axis",
    "BadEvent",
    "Badge",
    "Col",
    "Comparison",
    "Count",
    "Frame",
    "Gate",
    "Happening",
    "Holds",
    "Lane",
    "Live",
    "Login",
    "Mark",
    "Part",
    "Phase",
    "Pictures",
    "Point",
    "Ratio",
    "Row",
    "Span",
    "Spot",
    "Stat",
    "Step",
    "Stratum",
    "Table",
    "Trouble",
    "Wave",
    "answer",
    "as_seen",
    "asset",
    "at_least",
    "at_most",
    "bar",
    "board",
    "count",
    "csrf",
    "csrf_matches",
    "cut",
    "dot_key",
    "duration",
    "e_value",
    "effect",
    "el",
    "events_table",
    "glyph",
    "headers",
    "href",
    "join",
    "key_of",
    "lane_plot",
    "listed",
    "meaning",
    "mini",
    "mini_share",
    "near",
    "nothing",
    "of",
    "per_device_days",
    "pictures",
    "range_words",
    "relative",
    "render",
    "scale",
    "sentence",
    "serve",
    "share_sentence",
    "size",
    "span",
    "state",
    "story",
    "strata_table",
    "strip",
    "table",
    "things",
    "times",
    "verb",
    "when",
    "whole",
    "written",
]

__getattr__ = lazy(
    "fleetloop.web",
    {
        "answer": "reply",
        "nothing": "reply",
        "dot_key": "chart",
        "HEADERS": "page",
        "Trouble": "notices",
        "Login": "notices",
        "mini_share": "chart",
        "verb": "evidence",
        "asset": "assets",
        "serve": "assets",
        "Part": "chart",
        "Ratio": "chart",
        "bar": "chart",
        "mini": "chart",
        "csrf": "forms",
        "csrf_matches": "forms",
        "Arm": "evidence",
        "BadEvent": "evidence",
        "Comparison": "evidence",
        "Pictures": "evidence",
        "Step": "evidence",
        "Stratum": "evidence",
        "effect": "evidence",
        "events_table": "evidence",
        "meaning": "evidence",
        "pictures": "evidence",
        "scale": "evidence",
        "share_sentence": "evidence",
        "story": "evidence",
        "strata_table": "evidence",
        "as_seen": "forwarded",
        "Lane": "lanes",
        "Phase": "lanes",
        "Span": "lanes",
        "Spot": "lanes",
        "lane_plot": "lanes",
        "strip": "lanes",
        "Live": "live",
        "Frame": "page",
        "Holds": "page",
        "headers": "page",
        "render": "page",
        "Badge": "parts",
        "Col": "parts",
        "Gate": "parts",
        "Happening": "parts",
        "Row": "parts",
        "Stat": "parts",
        "Table": "parts",
        "table": "parts",
        "Axis": "plot",
        "Mark": "plot",
        "Point": "plot",
        "range_words": "plot",
        "key_of": "states",
        "state": "states",
        "el": "svg",
        "glyph": "svg",
        "href": "svg",
        "join": "svg",
        "Count": "waves",
        "Wave": "waves",
        "whole": "waves",
        "at_least": "words",
        "at_most": "words",
        "board": "words",
        "count": "words",
        "cut": "words",
        "duration": "words",
        "e_value": "words",
        "listed": "words",
        "near": "words",
        "of": "words",
        "per_device_days": "words",
        "relative": "words",
        "sentence": "words",
        "size": "words",
        "span": "words",
        "things": "words",
        "times": "words",
        "when": "words",
        "written": "words",
    },
)
