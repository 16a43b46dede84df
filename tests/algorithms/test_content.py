"""What a text says is read the same way every time, agrees with the simulated library, and is never guessed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms import content_words as words
from algorithms.content import ContentFeatures, features, headline_features, headline_words, snapshot_features
from contracts.outcomes import CONTENT_FEATURES, HEADLINE_FEATURES
from simulation.content import FIRST_NAMES, LEVELS, PAIN_POINTS, library

LEXICONS = {"cta": words.CTAS, "angle": words.ANGLES, "pain_point": words.PAIN_POINTS}


@pytest.mark.parametrize("name", CONTENT_FEATURES)
def test_agrees_with_the_simulated_library(name: str) -> None:
    for template in library():
        read = features(template.subject, template.body).to_columns()[name]
        if name == "pain_point" and PAIN_POINTS[template.pain_point].lower() not in template.text.lower():
            assert read is None, f"{template.template_id} does not say which pain it means"
        else:
            assert read == template.feature(name), template.text


def test_the_sent_text_reads_as_its_template_does() -> None:
    for template, name in zip(library(), FIRST_NAMES * 5, strict=True):
        sent = [text and text.format(first_name=name) for text in (template.subject, template.body)]
        assert features(sent[0], sent[1] or "", first_name=name) == features(template.subject, template.body)


@pytest.mark.parametrize("name", LEXICONS)
def test_lexicons_know_the_simulated_levels_and_say_nothing_twice(name: str) -> None:
    lexicon = LEXICONS[name]
    assert set(lexicon) == set(LEVELS[name])
    phrases = [phrase for level in lexicon.values() for phrase in level]
    assert len(phrases) == len(set(phrases))
    assert all(phrase == phrase.lower() for phrase in phrases)
    assert all(len(word) > 4 for phrase in phrases for word in phrase.split() if word.endswith("*"))


def test_every_word_of_the_lexicons_is_documented() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "what.md").read_text(encoding="utf-8")
    listed = {
        entry.strip(" .|") for line in page.splitlines() for cell in line.split("|") for entry in cell.split(" · ")
    }
    phrases = [phrase for lexicon in LEXICONS.values() for level in lexicon.values() for phrase in level]
    others = (words.YOU, words.SUPERLATIVES, words.NEGATIVES, words.PERSONS, words.DEIXIS)
    assert [phrase for phrase in (*phrases, *(word for each in others for word in each)) if phrase not in listed] == []


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Is that you, {first_name}?", "question"),
        ("7 reasons, {first_name}", "number"),
        ("{{ contact.first_name }}, a thought", "personal"),
        ("%FIRST_NAME% – a thought", "personal"),
        ("*|FNAME|*: a thought", "personal"),
        ("[First Name], a thought", "personal"),
        ("Grow faster", "benefit"),
        ("Following up", "plain"),
        ("  ", None),
        (None, None),
    ],
)
def test_subject_types(subject: str | None, expected: str | None) -> None:
    assert features(subject, "").subject_type == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Could we book a call?", "book_call"),
        ("We have a new video. If that is of use, just reply.", "reply"),
        ("Reply to this and I send the whitepaper.", "download"),
        ("Who is the right person for this?", "referral"),
        ("Watch how it works.", "watch_demo"),
        ("Your watchmaker calls.", None),
        ("A thought for the weekend. Reply STOP to opt out.", None),
    ],
)
def test_what_is_asked_for_comes_last(body: str, expected: str | None) -> None:
    assert features(None, body).cta == expected


def test_links_tags_and_opt_outs_are_no_content() -> None:
    read = features("Hello {{ contact_1 }}", "See https://example.org/?page=2 {code2}\nText STOP 2 to end? ok")
    assert (read.has_question, read.has_number, read.subject_type) == (False, False, "plain")


@pytest.mark.parametrize(
    ("name", "expected"), [("Sam", True), ("sam", True), ("Sa", False), (None, False), ("", False)]
)
def test_a_first_name_makes_a_text_personal(name: str | None, expected: bool) -> None:
    assert features(None, "Hello Sam, good day.", first_name=name).personalised is expected


def test_declared_features_win_and_odd_ones_do_not() -> None:
    snapshot = {
        "subject": "3 ways",
        "body": "Most owners are tired of it. Just reply.",
        "angle": "curiosity",
        "cta": "",
        "pain_point": 7,
        "has_number": "yes",
        "personalised": True,
        "segments": 2,
    }
    assert snapshot_features(snapshot) == ContentFeatures(
        "number", "reply", "curiosity", None, "short", personalised=True, has_question=False, has_number=True
    )
    assert snapshot_features({}) == ContentFeatures(None, None, None, None, "short", False, False, False)


HEADLINES = {
    "Who knew?": {"question", "how_why", "short"},
    "11 Things You Should Never Say": {"number", "you", "negative", "list", "short"},
    "The Best Story Ever!": {"superlative", "exclaim", "short"},
    "Here's What She Said…": {"deixis", "person", "ellipsis", "short"},
    "They said 'never again'": {"quote", "negative", "short"},
    "Don't shout at a US senator": {"negative", "short"},
    "It's HUGE. Look": {"all_caps", "two_sentences", "short"},
    "one two three four five six seven eight nine ten eleven": set(),
    " ".join(["word"] * 17): {"long"},
    "": {"short"},
}


@pytest.mark.parametrize("text", HEADLINES)
def test_headlines(text: str) -> None:
    read = headline_features(text)
    assert tuple(read) == HEADLINE_FEATURES
    assert {name for name, present in read.items() if present} == HEADLINES[text]


def test_words_of_a_headline() -> None:
    assert headline_words("You won’t BELIEVE these 3 well-known tricks: you") == {
        "you", "won't", "believe", "these", "well-known", "tricks",
    }  # fmt: skip


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_can_be_read(subject: str, body: str) -> None:
    read = features(subject, body).to_columns()
    assert tuple(read) == CONTENT_FEATURES
    for name in CONTENT_FEATURES[:5]:
        assert read[name] in (None, *LEVELS[name])
    assert features(subject, body).to_columns() == read
    headline_features(body)


ENTRIES = [(name, level, phrase) for name in LEXICONS for level in LEXICONS[name] for phrase in LEXICONS[name][level]]


@given(st.sampled_from(ENTRIES), st.sampled_from(["{}", "Well, {}!", "so ({}) it is"]))
def test_every_phrase_is_found_as_an_obvious_search_finds_it(entry: tuple[str, str, str], around: str) -> None:
    """The fast look-up by words against a regular expression of the same phrase."""
    name, level, phrase = entry
    text = around.format(phrase.replace("*", "ing").replace("#", "15"))
    assert _search(phrase, text)
    rivals = [other for other in LEXICONS[name] for each in LEXICONS[name][other] if _search(each, text)]
    assert features(None, text).to_columns()[name] in rivals
    assert level in rivals


def _search(phrase: str, text: str) -> bool:
    parts = [re.escape(part).replace(r"\*", r"[\w'-]*").replace(r"\#", r"\d+") for part in phrase.split()]
    return re.search(rf"(?<![\w'-]){' '.join(parts)}(?![\w'-])", text, re.IGNORECASE) is not None
