"""What is in a message? Features of English text, read once per distinct template, the same on every machine.

Two sets. `features` reads a whole message (subject and body) into the columns that touches carry. `headline_features`
reads one line into present/absent features, for randomised message tests. Lexicons: content_words; where nothing is
recognised a feature is None, never a guess. docs/what.md lists words and limits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from typing import Any

from algorithms import content_words as words
from contracts.outcomes import HEADLINE_FEATURES

SHORT_WORDS, MEDIUM_WORDS = 45, 80
"""Bodies of fewer words are short, or medium; the others are long."""

SHORT_HEADLINE, LONG_HEADLINE = 11, 16
"""Headlines of fewer words than the first are short, of more than the second long."""

NAME_TAG = re.compile(
    r"\{\{?\s*(?:\w+\.)?first[ _]?name\s*\}?\}|%first[_ ]?name%|\*\|f_?name\|\*|\[first[ _]?name\]|<first[ _]?name>",
    re.IGNORECASE,
)
"""{first_name}, {{ contact.first_name }}, %FIRST_NAME%, *|FNAME|*, [First Name]."""

TAG = re.compile(r"\{\{?[^{}]*\}?\}|%\w+%|\*\|\w+\|\*")
LINK = re.compile(r"\b(?:https?://|www\.)\S+", re.IGNORECASE)
SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
WORD = re.compile(r"[a-z0-9#]+(?:['’-][a-z0-9#]+)*", re.IGNORECASE)
DIGITS = re.compile(r"\d+")
STEM = 4  # letters by which stems are looked up
QUOTED = re.compile(r"[\"“”«»]|(?<!\w)['‘][^'’]+['’](?!\w)")
CAPITALS = re.compile(r"\b[A-Z]{2,}\b")
TWO_SENTENCES = re.compile(r"[.!?…][\"”'’]?\s+\S")


@dataclass(frozen=True, slots=True)
class ContentFeatures:
    """The columns of contracts.outcomes.CONTENT_FEATURES. None: the text does not show it."""

    subject_type: str | None
    cta: str | None
    angle: str | None
    pain_point: str | None
    length_band: str | None
    personalised: bool
    has_question: bool
    has_number: bool

    def to_columns(self) -> dict[str, str | bool | None]:
        return asdict(self)


def features(subject: str | None, body: str, *, first_name: str | None = None) -> ContentFeatures:
    """Read a message. first_name: of the person it went to, where the text is no template any more."""
    plain_subject, plain_body = _plain(subject or ""), _plain(body)
    whole = f"{subject or ''}\n{body}"
    plain = f"{plain_subject}\n{plain_body}"
    return ContentFeatures(
        subject_type=_subject_type(subject, plain_subject, first_name) if subject and subject.strip() else None,
        cta=_last(words.CTAS, plain_body),
        angle=_most(words.ANGLES, plain_body) or _most(words.ANGLES, plain_subject),
        pain_point=_most(words.PAIN_POINTS, plain),
        length_band=_length_band(body),
        personalised=_names(whole, first_name),
        has_question="?" in plain,
        has_number=any(letter.isdigit() for letter in plain),
    )


def snapshot_features(snapshot: Mapping[str, Any], *, first_name: str | None = None) -> ContentFeatures:
    """Read a content snapshot: its `subject` and `body`, and whatever features it declares itself, which win."""
    subject, body = snapshot.get("subject"), snapshot.get("body")
    read = features(
        subject if isinstance(subject, str) else None, body if isinstance(body, str) else "", first_name=first_name
    )
    declared = {
        field.name: snapshot[field.name]
        for field in fields(ContentFeatures)
        if _declares(snapshot.get(field.name), flag=field.name.startswith(("has_", "personalised")))
    }
    return replace(read, **declared)


def headline_features(text: str) -> dict[str, bool]:
    """Which of HEADLINE_FEATURES one line of text has."""
    lowered = text.lower().replace("’", "'")
    said = [match.group() for match in WORD.finditer(lowered)]
    known, first = set(said), said[0] if said else ""
    found = {
        "question": "?" in text,
        "number": any(letter.isdigit() for letter in text),
        "you": not known.isdisjoint(words.YOU),
        "superlative": not known.isdisjoint(words.SUPERLATIVES),
        "negative": not known.isdisjoint(words.NEGATIVES),
        "person": not known.isdisjoint(words.PERSONS),
        "deixis": not known.isdisjoint(words.DEIXIS),
        "how_why": first in words.HOW_WHY,
        "list": first.isdigit(),
        "quote": QUOTED.search(text) is not None,
        "exclaim": "!" in text,
        "ellipsis": "..." in text or "…" in text,
        "all_caps": any(word not in words.ACRONYMS for word in CAPITALS.findall(text)),
        "two_sentences": TWO_SENTENCES.search(text) is not None,
        "short": len(said) < SHORT_HEADLINE,
        "long": len(said) > LONG_HEADLINE,
    }
    return {name: found[name] for name in HEADLINE_FEATURES}


def headline_words(text: str) -> frozenset[str]:
    """The distinct words of one line, lower-cased; numbers are none."""
    said = (match.group() for match in WORD.finditer(text.lower().replace("’", "'")))
    return frozenset(word for word in said if not word.isdigit())


def _declares(value: object, *, flag: bool) -> bool:
    return isinstance(value, bool) if flag else isinstance(value, str) and bool(value.strip())


def _plain(text: str) -> str:
    """The text without placeholders, links, and sentences that only offer to opt out."""
    stripped = LINK.sub(" ", TAG.sub(" ", text))
    return " ".join(part for part in SENTENCE.findall(stripped) if not _opts_out(_said(part)))


def _said(text: str) -> list[str]:
    """The words of a text, lower-cased, numbers as `#`."""
    plain = DIGITS.sub("#", text.lower().replace("’", "'"))
    return [match.group() for match in WORD.finditer(plain)]


def _opts_out(said: list[str]) -> bool:
    return bool(_found(_compiled(words.NOT_CONTENT), said))


def _subject_type(subject: str, plain: str, first_name: str | None) -> str:
    """The first that holds of: question, number, personal, benefit; plain otherwise."""
    if "?" in plain:
        return "question"
    if any(letter.isdigit() for letter in plain):
        return "number"
    if _names(subject, first_name):
        return "personal"
    return "benefit" if _found(_compiled(words.BENEFITS), _said(plain)) else "plain"


def _names(text: str, first_name: str | None) -> bool:
    if NAME_TAG.search(text):
        return True
    return bool(first_name) and re.search(rf"\b{re.escape(first_name or '')}\b", text, re.IGNORECASE) is not None


def _length_band(body: str) -> str:
    count = len(body.split())
    return "short" if count < SHORT_WORDS else "medium" if count < MEDIUM_WORDS else "long"


def _most(lexicon: words.Lexicon, text: str) -> str | None:
    """The level with most distinct phrases in the text; of equal ones the first to appear."""
    return _choose(lexicon, text, lambda places: (len(places), -min(places)))


def _last(lexicon: words.Lexicon, text: str) -> str | None:
    """The level whose phrase stands last: what the reader is asked to do comes at the end."""
    return _choose(lexicon, text, lambda places: (max(places), len(places)))


def _choose(lexicon: words.Lexicon, text: str, rank: Callable[[list[int]], tuple[int, int]]) -> str | None:
    said = _said(text)
    ranked = [
        (rank(list(found.values())), level)
        for level, phrases in lexicon.items()
        if (found := _found(_compiled(phrases), said))
    ]
    return max(ranked, key=lambda pair: pair[0])[1] if ranked else None


Phrases = Mapping[str, tuple[tuple[str, ...], ...]]
"""Phrases as words, by what their first word begins with: a whole word, or the first letters of a stem."""


@cache
def _compiled(phrases: tuple[str, ...]) -> Phrases:
    by_first: dict[str, list[tuple[str, ...]]] = {}
    for phrase in phrases:
        parts = tuple(phrase.split())
        first = parts[0][:STEM] if parts[0].endswith("*") else parts[0]
        by_first.setdefault(first, []).append(parts)
    return {first: tuple(of) for first, of in by_first.items()}


def _found(phrases: Phrases, said: list[str]) -> dict[tuple[str, ...], int]:
    """The phrases that are said, each with the place of its last word the last time."""
    places: dict[tuple[str, ...], int] = {}
    for place, word in enumerate(said):
        for parts in (*phrases.get(word, ()), *phrases.get(word[:STEM], ())):
            if all(map(_matches, parts, said[place : place + len(parts)])) and place + len(parts) <= len(said):
                places[parts] = place + len(parts)
    return places


def _matches(part: str, word: str) -> bool:
    return word.startswith(part[:-1]) if part.endswith("*") else word == part
