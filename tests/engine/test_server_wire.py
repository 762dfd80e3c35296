"""The wire itself, with a server that needs no FINN."""

from __future__ import annotations

import time

import pytest

from tests.engine.conftest import ServerError, Talk


def test_the_server_says_hello_first(fake: Talk) -> None:
    assert fake.hello["protocol"] == 1
    assert fake.hello["pid"] == fake.process.pid
    assert fake.hello["python"].startswith("3.")


@pytest.mark.parametrize(
    ("line", "id"),
    [
        (b"this is no JSON", None),
        (b"[1, 2]", None),
        (b'"text"', None),
        (b"\xff\xfe\x00", None),
        (b'{"method": "ping"}', None),
        (b'{"id": "one", "method": "ping"}', None),
        (b'{"id": true, "method": "ping"}', None),
        (b'{"id": 77, "params": {}}', 77),
        (b'{"id": 77, "method": "ping", "params": []}', 77),
    ],
)
def test_a_bad_line_is_answered_and_the_server_lives_on(
    fake: Talk, line: bytes, id: int | None
) -> None:
    fake.send_line(line)
    with pytest.raises(ServerError) as caught:
        fake.answer(id)
    assert caught.value.kind == "protocol"
    assert fake.call("ping") == {}


def test_an_unknown_method_is_named_with_the_known_ones(fake: Talk) -> None:
    with pytest.raises(ServerError, match="'juggle'") as caught:
        fake.call("juggle")
    assert caught.value.kind == "protocol"
    assert "noisy" in caught.value.text
    assert fake.call("ping") == {}


def test_nothing_that_a_method_prints_reaches_the_protocol(fake: Talk) -> None:
    events: list[dict[str, object]] = []
    assert fake.call("noisy", events) == ""  # stdin is the protocol's too: a reader finds nothing
    expected = {"printed", '{"id": 1, "result": "forged"}', "written to descriptor 1"}
    expected |= {"from a program", "logged"}
    texts: set[str] = set()
    deadline = time.monotonic() + 120
    while not expected <= texts and time.monotonic() < deadline:
        events += [fake.receive()] if not fake.lines.empty() else []
        logs = [event for event in events if event.get("event") == "log"]
        texts = {event["data"]["text"] for event in logs}  # type: ignore[index]
        time.sleep(0.01)
    assert expected <= texts
    assert any("warned" in text for text in texts)
    levels = {event["data"]["text"]: event["data"]["level"] for event in logs}  # type: ignore[index]
    assert levels["logged"] == "warning"
    assert levels["printed"] == "info"


def test_requests_are_worked_in_order_but_ping_does_not_queue(fake: Talk) -> None:
    first = fake.send("busy")
    second = fake.send("fail", how="engine")
    assert fake.call("ping") == {}
    assert fake.call("cancel", id=first) == {"cancelled": True}
    with pytest.raises(ServerError) as caught:
        fake.answer(first)
    assert caught.value.kind == "cancelled"
    with pytest.raises(ServerError, match="what"):
        fake.answer(second)


def test_a_request_that_waits_can_be_cancelled(fake: Talk) -> None:
    running, waiting = fake.send("busy"), fake.send("noisy")
    assert fake.call("cancel", id=waiting) == {"cancelled": True}
    assert fake.call("cancel", id=running) == {"cancelled": True}
    events: list[dict[str, object]] = []
    for id in (running, waiting):
        with pytest.raises(ServerError) as caught:
            fake.answer(id, events)
        assert caught.value.kind == "cancelled"
    assert not [event for event in events if event.get("event") == "log"]  # it never began


def test_cancelling_what_is_over_or_unknown_changes_nothing(fake: Talk) -> None:
    done = fake.next_id
    with pytest.raises(ServerError):
        fake.call("fail", how="engine")
    assert fake.call("cancel", id=done) == {"cancelled": False}
    assert fake.call("cancel", id=4711) == {"cancelled": False}
    assert fake.call("cancel") == {"cancelled": False}


def test_an_id_in_use_is_refused(fake: Talk) -> None:
    running = fake.send("busy")
    fake.send_line(b'{"id": %d, "method": "noisy", "params": {}}' % running)
    with pytest.raises(ServerError, match="still in use"):
        fake.answer(None)
    fake.call("cancel", id=running)
    with pytest.raises(ServerError, match="cancelled"):
        fake.answer(running)


@pytest.mark.parametrize(
    ("how", "kind"),
    [("engine", "input"), ("exit", "finn"), ("disk", "disk"), ("nan", "finn"), ("value", "finn")],
)
def test_a_failure_belongs_to_its_request(fake: Talk, how: str, kind: str) -> None:
    with pytest.raises(ServerError) as caught:
        fake.call("fail", how=how)
    assert caught.value.kind == kind
    assert caught.value.data["detail"]
    assert fake.call("ping") == {}


def test_the_server_ends_with_its_stdin(fake: Talk) -> None:
    assert fake.close() == 0


@pytest.mark.parametrize("method", ["busy", "stuck"])
def test_the_server_ends_with_its_stdin_in_the_middle_of_a_request(fake: Talk, method: str) -> None:
    fake.send(method)
    assert fake.receive()["event"] == "progress"
    assert fake.close() == 0
