"""The parts that asking is made of: the breaker, prices, prompt files, and what counts as an answer."""

from __future__ import annotations

import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from agents import pricing, prompts, questions
from agents.breaker import FAILURES, REST_SECONDS, Breaker, BreakerState
from agents.replies import MOST_FAULTS, NoMessageError, Said, judge, read_message
from algorithms.content import features
from contracts.agents import Ask, CostUnknown, Ending, Prompt, Usage
from settings import Settings
from tests.agents.conftest import Clock
from tests.architecture.house import ROOT

VERSIONS = {
    "campaign_generation@1": "799cb1108b1803f9",
    "messaging_generator@1": "650d099a8b299871",
    "repair@1": "55435beb11af6e29",
    "sequence_builder@1": "a60a6122be03a95d",
}
"""First digits of the hash of every version in use: a text that changes needs a new version."""


# ── The breaker ──────────────────────────────────────────────────────────────────────────────────────────────────────


def failing(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.failed()


def test_failures_in_a_row_open_the_breaker() -> None:
    breaker = Breaker(Clock())
    failing(breaker, FAILURES - 1)
    assert breaker.allows()
    failing(breaker, 1)
    assert breaker.state is BreakerState.OPEN
    assert not breaker.allows()


def test_an_answer_forgives_what_came_before() -> None:
    breaker = Breaker(Clock())
    failing(breaker, FAILURES - 1)
    breaker.answered()
    failing(breaker, FAILURES - 1)
    assert breaker.state is BreakerState.CLOSED


def test_after_its_rest_one_probe_goes_out() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    failing(breaker, FAILURES)
    clock.seconds += REST_SECONDS - 0.1
    assert not breaker.allows()
    clock.seconds += 0.1
    assert breaker.state is BreakerState.HALF_OPEN
    assert [breaker.allows(), breaker.allows()] == [True, False]


def test_a_failed_probe_opens_it_for_another_rest() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    failing(breaker, FAILURES)
    clock.seconds += REST_SECONDS
    assert breaker.allows()
    clock.seconds += 1
    breaker.failed()
    clock.seconds += REST_SECONDS - 0.5
    assert not breaker.allows()
    clock.seconds += 0.5
    assert breaker.allows()
    breaker.answered()
    assert breaker.state is BreakerState.CLOSED


def test_a_probe_that_never_reports_blocks_nobody_for_ever() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    failing(breaker, FAILURES)
    clock.seconds += REST_SECONDS
    assert breaker.allows()
    clock.seconds += REST_SECONDS
    assert breaker.allows()


# ── Prices ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("model", "usage", "batched", "dollars"),
    [
        ("claude-sonnet-5-5", Usage(input=1_000_000), False, "2"),
        ("claude-sonnet-5-5", Usage(output=1_000_000), False, "10"),
        ("claude-sonnet-5-5", Usage(cache_read=1_000_000), False, "0.1"),
        ("claude-sonnet-5-5", Usage(1_000, 100, 2_000, 3_000), True, "0.00415"),
        ("claude-opus-5-5", Usage(cache_write=1_000), False, "0.005"),
        ("claude-haiku-5-5", Usage(input=100_000), False, "0.01"),
        ("claude-haiku-5-5", Usage(input=60_000, cache_read=40_001), False, "0.03200005"),
        ("claude-haiku-4-5-20251001", Usage(input=1_000_000), False, "1"),
        ("claude-of-tomorrow", Usage(), False, "0"),
    ],
)
def test_prices(model: str, usage: Usage, batched: bool, dollars: str) -> None:
    assert pricing.cost(model, usage, batched=batched) == Decimal(dollars)


def test_what_is_not_known_is_not_zero() -> None:
    assert pricing.cost("claude-of-tomorrow", Usage(output=1)) is CostUnknown.NO_PRICE
    assert pricing.cost("claude-sonnet-5-5", None) is CostUnknown.NO_USAGE


def test_every_default_model_has_a_price() -> None:
    for name in ("model_general", "model_quick", "model_hard"):
        default = Settings.model_fields[name].default
        assert not isinstance(pricing.price(default), CostUnknown), default


# ── Prompt files ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_changed_prompt_has_a_new_version() -> None:
    found = (prompts.load(path.stem) for path in sorted(prompts.FOLDER.glob("*.md")))
    assert {prompt.label: prompt.sha256[:16] for prompt in found} == VERSIONS


def test_a_prompt_without_a_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loose.md").write_text("Do something.")
    monkeypatch.setattr(prompts, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match="begins without `version: N`"):
        prompts.load("loose")


def test_prompts_say_that_an_offer_is_no_instruction() -> None:
    for name in ("sequence_builder", "messaging_generator", "campaign_generation"):
        assert "never an instruction" in " ".join(prompts.load(name).text.split())


@pytest.mark.parametrize("name", ["messaging_generator", "campaign_generation"])
def test_words_that_a_prompt_promises_are_recognised(name: str) -> None:
    """Each `level` ("phrase", …) of a prompt is read by the extractor as that level."""
    text = " ".join(prompts.load(name).text.split())
    promised = {
        (feature, level, phrase)
        for feature in ("cta", "angle", "pain_point")
        for described in re.findall(rf"- `{feature}`(.*?)(?= - `|$)", text)
        for level, phrases in re.findall(r"`(\w+)` \(([^)]*)\)", described)
        for phrase in re.findall(r'"([^"]+)"', phrases)
    }
    assert len(promised) > 25
    wrong = [
        (feature, level, phrase, getattr(features(None, f"Well, {phrase}, indeed."), feature))
        for feature, level, phrase in sorted(promised)
        if getattr(features(None, f"Well, {phrase}, indeed."), feature) != level
    ]
    assert wrong == []


# ── What counts as an answer ─────────────────────────────────────────────────────────────────────────────────────────


class Word(BaseModel):
    model_config = ConfigDict(extra="forbid")
    word: str


QUESTION = Ask(prompt=Prompt("p", 1, "Say a word.", "0"), content="Now.", reply=Word)


def said(text: str, stop: str = "end_turn") -> Said:
    return Said(text, stop, "some-model", Usage())


def test_an_answer_is_whole_well_formed_and_accepted() -> None:
    judged = judge(QUESTION, said('{"word": "yes"}'))
    assert (judged.ending, judged.answer, judged.faults) == (Ending.ACCEPTED, Word(word="yes"), ())


def test_an_answer_that_was_cut_off_is_not_read() -> None:
    assert judge(QUESTION, said('{"word": "yes"}', "max_tokens")).ending is Ending.DECLINED


def test_faults_name_the_place_and_not_the_value() -> None:
    judged = judge(QUESTION, said('{"word": ["hush"], "more": 1}'))
    assert judged.ending is Ending.INVALID
    assert judged.faults == ("word: Input should be a valid string", "more: Extra inputs are not permitted")


def test_a_flood_of_faults_is_cut() -> None:
    flood = ", ".join(f'"x{number}": 1' for number in range(100))
    assert len(judge(QUESTION, said(f'{{"word": "yes", {flood}}}')).faults) == MOST_FAULTS


@pytest.mark.parametrize(
    "message", [None, [], "text", {}, {"content": []}, {"content": [{"type": "text"}], "usage": {}}]
)
def test_what_is_no_message_is_told_apart(message: object) -> None:
    with pytest.raises(NoMessageError):
        read_message(message)  # type: ignore[arg-type]


def test_a_repair_keeps_the_question_and_adds_what_is_wrong() -> None:
    sent = questions.request(QUESTION, "some-model", {"type": "object"})
    again = questions.repair(sent, "", ("word: missing",))
    assert again["system"] == sent["system"]
    assert [turn["role"] for turn in again["messages"]] == ["user", "assistant", "user"]
    assert again["messages"][1]["content"] == questions.EMPTY
    assert "- word: missing" in again["messages"][2]["content"]
    assert sent["messages"] == [{"role": "user", "content": "Now."}]


def test_agents_do_not_load_the_sdk() -> None:
    program = (
        "import agents.asking, agents.batches, agents.skills.campaign_generation, sys;"
        "print({'anthropic', 'httpx2', 'sqlalchemy', 'prefect'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
