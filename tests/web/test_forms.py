from fleetloop.web import csrf, csrf_matches


def test_a_token_belongs_to_one_session_and_one_secret() -> None:
    token = csrf("session-1", b"secret")
    assert csrf_matches(token, "session-1", b"secret")
    assert not csrf_matches(token, "session-2", b"secret")
    assert not csrf_matches(token, "session-1", b"other")
    assert not csrf_matches("", "session-1", b"secret")
    assert not csrf_matches("é", "session-1", b"secret")
