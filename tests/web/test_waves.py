from tests.web import sample as s

from fleetloop.web import Count, Wave, whole
from fleetloop.web.waves import parts, wave_bar, wave_key, wave_table, wave_words


def text(marked: str) -> str:
    return marked.replace("<b>", "").replace('<b class="bad">', "").replace("</b>", "")


def test_the_words_beside_the_bars_of_the_story() -> None:
    assert [text(wave_words(w)) for w in s.WAVES[:3]] == [
        "23 of 25 confirmed, 1 failed, 1 offline",
        "0 of 100 confirmed, 8 hurt, 83 booted, 4 offline, 5 in four other states",
        "125 of 125 held back",
    ]
    assert text(wave_words(s.RUNNING_WAVES[1])) == "0 of 100 confirmed, 62 booted, 21 under way, 12 waiting, 5 offline"


def test_confirmed_and_hurt_is_both_in_words_and_once_in_the_bar() -> None:
    wave = Wave("Wave 1", (Count("confirmed", 25, 1),))
    assert text(wave_words(wave)) == "25 of 25 confirmed, 1 hurt"
    assert [(p.state, p.devices) for p in parts(wave)] == [("confirmed", 24), ("hurt", 1)]


def test_hurt_is_red_only_where_the_release_was_shown_to_be_bad() -> None:
    assert '<b class="bad">8 hurt</b>' in wave_words(s.WAVES[1], alarm=True)
    assert "bad" not in wave_words(s.WAVES[1])


def test_segments_add_up_in_every_wave_of_the_story() -> None:
    for wave in (*s.WAVES, *s.RUNNING_WAVES, *s.GOOD_WAVES, s.BACK):
        assert sum(p.devices for p in parts(wave)) == wave.devices


def test_the_table_adds_up_and_names_the_hurt_among_the_confirmed() -> None:
    table = wave_table(s.GOOD_WAVES)
    assert [c.name for c in table.cols] == ["wave", "devices", "confirmed", "of these hurt", "offline"]
    assert table.rows[-1].cells == ("All", "500", "496", "3", "4")
    stopped = wave_table(s.WAVES)
    assert [c.name for c in stopped.cols][2:5] == ["confirmed", "hurt", "booted"]
    assert stopped.rows[1].cells[:5] == ("Wave 2", "100", "0", "8", "83")
    for row in stopped.rows:
        assert sum(int(c) for c in row.cells[2:]) == int(row.cells[1])


def test_spellings_of_other_rooms() -> None:
    wave = Wave("Wave 1", (Count("timed_out", 2), Count("held back", 3)))
    assert text(wave_words(wave)) == "0 of 5 confirmed, 2 timed out, 3 held back"


def test_the_whole_of_all_waves() -> None:
    assert whole(s.WAVES).devices == 500
    assert whole(s.WAVES).of("held-back") == 375


def test_offline_and_held_back_are_drawn_and_named() -> None:
    assert "4 offline" in wave_bar(s.WAVES[1])
    assert "held back" in wave_key(s.WAVES)
