"""Reading patterns: what is in force, as it is stored; fresh, unchanged, expired or not there."""

from __future__ import annotations

from datetime import datetime, timedelta

from api import patterns
from contracts.canonical import content_hash
from store import book, reading
from tests.api.agency import DAY, NOW, Agency

BEARER = "all reader"
SECOND = timedelta(seconds=1)


def test_a_pattern_is_told_as_it_is_stored(agency: Agency) -> None:
    payload = {"schema": 1, "weights": [0.1, 1e-9, -2.5], "words": ["grün", 'a "quote"'], "none": None}
    tenant = agency.add("As stored")
    agency.publish(tenant, "who", payload)
    told = agency.get(f"/patterns/{tenant}/who", BEARER).json()
    head = book.head(agency.engine, agency.ids[tenant], "who")
    assert head
    assert told["payload"] == head.payload == payload
    assert told["payload_sha256"] == content_hash(payload)
    assert told["evidence"] == {"sample_size": 9_240, "outcomes": 412, "randomised": False}
    assert (told["tenant"], told["type"], told["version"], told["confidence"]) == (tenant, "who", 1, 0.93)
    assert (told["tenant_id"], told["expired"]) == (str(agency.ids[tenant]), False)
    moments = [datetime.fromisoformat(told[name]) for name in ("valid_until", "learned_as_of", "in_force_since")]
    assert moments == [NOW + 28 * DAY, NOW, head.moved_at]


def test_all_patterns_of_a_tenant_are_its_patterns(agency: Agency) -> None:
    answer = agency.get("/patterns/Acme", BEARER)
    told = answer.json()
    assert (told["tenant"], told["tenant_id"]) == ("Acme", str(agency.ids["Acme"]))
    assert [one["type"] for one in told["patterns"]] == ["when", "who"]
    assert told["patterns"] == [agency.get(f"/patterns/Acme/{name}", BEARER).json() for name in ("when", "who")]


def test_a_new_version_is_told_at_once(agency: Agency) -> None:
    tenant = agency.add("Learning")
    agency.publish(tenant, "who", {"round": 1})
    before = agency.get(f"/patterns/{tenant}/who", BEARER)
    agency.publish(tenant, "who", {"round": 2})
    after = agency.get(f"/patterns/{tenant}/who", BEARER)
    assert [answer.json()["payload"]["round"] for answer in (before, after)] == [1, 2]
    assert before.headers["etag"] != after.headers["etag"]


def test_what_a_reader_holds_is_not_sent_again(agency: Agency) -> None:
    for path in ("/patterns/Acme/who", "/patterns/Acme"):
        tag = agency.get(path, BEARER).headers["etag"]
        for held in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            answer = agency.get(path, BEARER, if_none_match=held)
            assert (answer.status_code, answer.content) == (304, b"")
            assert answer.headers["etag"] == tag
        assert agency.get(path, BEARER, if_none_match='"other"').status_code == 200


def test_a_tag_opens_nothing_to_others(agency: Agency) -> None:
    tag = agency.get("/patterns/Beta/who", BEARER).headers["etag"]
    assert agency.get("/patterns/Beta/who", "Acme reader", if_none_match=tag).status_code == 403
    assert agency.get("/patterns/Beta/who", None, if_none_match=tag).status_code == 401


def test_the_tag_changes_with_whatever_is_told(agency: Agency) -> None:
    """Version, validity, and a head that was moved away and back: the answer differs, and so does its tag."""
    tenant = agency.add("Tagged")
    path = f"/patterns/{tenant}/who"
    tags, bodies = set(), set()

    def look() -> None:
        answer = agency.get(path, BEARER)
        tags.add(answer.headers["etag"])
        bodies.add(answer.content)

    agency.publish(tenant, "who", {"round": 1})
    look()
    book.extend(agency.engine, "who", {agency.ids[tenant]: NOW + 40 * DAY}, actor="test")
    look()
    agency.publish(tenant, "who", {"round": 2})
    look()
    book.rollback(agency.engine, agency.ids[tenant], "who", actor="test", reason="test")
    look()
    assert len(tags) == len(bodies) == 4


def test_after_a_rollback_to_the_defaults_nothing_is_published(agency: Agency) -> None:
    tenant = agency.add("Rolled back")
    agency.publish(tenant, "who", {"round": 1})
    book.rollback(agency.engine, agency.ids[tenant], "who", actor="test", reason="test")
    one, every = (agency.get(f"/patterns/{tenant}{rest}", BEARER) for rest in ("/who", ""))
    assert (one.status_code, every.status_code) == (404, 404)
    assert one.json()["detail"] == (
        "no pattern of type who is in force for Rolled back, so engines use the documented defaults."
    )
    assert one.headers["cache-control"] == "no-store"


def test_an_expired_pattern_is_told_as_expired(agency: Agency) -> None:
    tenant = agency.add("Late")
    agency.publish(tenant, "who", {"round": 1}, valid=-DAY)
    answer = agency.get(f"/patterns/{tenant}/who", BEARER)
    assert (answer.status_code, answer.json()["expired"]) == (200, True)


def test_expiring_changes_the_tag(agency: Agency) -> None:
    tenant = agency.add("Expiring")
    agency.publish(tenant, "who", {"round": 1}, valid=DAY)
    found = reading.in_force(agency.engine, agency.ids[tenant], "who")
    assert found
    moments = (NOW, NOW + 0.5 * DAY, NOW + DAY, NOW + 2 * DAY)
    early, same, expired, later = (patterns._digest(found, moment) for moment in moments)
    assert early == same != expired == later


def test_no_cache_keeps_a_pattern_beyond_its_validity(agency: Agency) -> None:
    tenant = agency.add("Kept")
    agency.publish(tenant, "who", {"round": 1}, valid=DAY)
    found = reading.in_force(agency.engine, agency.ids[tenant])
    assert found
    left = {DAY: 60, 61 * SECOND: 60, 30 * SECOND: 30, 0.5 * SECOND: 0, -SECOND: 60}
    assert {before: patterns._fresh_seconds(found, NOW + DAY - before) for before in left} == left
    assert agency.get(f"/patterns/{tenant}/who", BEARER).headers["cache-control"] == "private, max-age=60"


def test_a_name_may_hold_anything_but_a_slash(agency: Agency) -> None:
    tenant = agency.add("Zahnärzte & Söhne (50 %) ?")
    agency.publish(tenant, "who", {"round": 1})
    assert agency.get("/patterns/Zahn%C3%A4rzte%20%26%20S%C3%B6hne%20(50%20%25)%20%3F/who", BEARER).status_code == 200
