"""Every fuzzed reader takes its seeds, what was once found, and anything else; the fuzzer finds a fault."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fuzz import __main__ as fuzz
from tests.fuzz import targets
from tests.fuzz.targets import TARGETS, Target

CORPUS = Path(__file__).parent / "corpus"


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_make_sense(name: str) -> None:
    """Otherwise a fuzzer begins from nothing."""
    target = TARGETS[name]
    for seed in target.seeds:
        if name not in {"rfb", "dbus", "qmp-replies"}:  # where the server hangs up in the end
            target.take(seed)
        target(seed)


def test_the_seed_of_qmp_replies_is_an_answer(monkeypatch) -> None:
    """It is refused in the end, as every one is; until then the commands are answered."""
    answers = []
    execute = targets.Qmp.execute
    monkeypatch.setattr(targets.Qmp, "execute", lambda *a, **k: answers.append(execute(*a, **k)))
    (seed,) = TARGETS["qmp-replies"].seeds
    TARGETS["qmp-replies"](seed)
    assert answers


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_found_once_is_found_no_more(name: str) -> None:
    for path in sorted((CORPUS / name).glob("*")):
        TARGETS[name](path.read_bytes())


def test_the_corpus_has_folders_of_targets_only() -> None:
    assert {path.name for path in CORPUS.iterdir()} <= set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_a_piece_of_a_seed_and_bytes_are_taken_or_refused(name: str) -> None:
    target = TARGETS[name]

    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 200), st.binary(max_size=60))
    @example(0, b"")
    def try_it(at: int, more: bytes) -> None:
        target(target.seeds[0][:at] + more + target.seeds[0][at + len(more) :])

    try_it()


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this platform"
)
def test_a_reader_that_can_be_crashed_is_crashed(tmp_path, monkeypatch) -> None:
    """The same command on a reader with a fault; it finds the fault, and says which bytes."""
    monkeypatch.setattr(fuzz, "RUN", "tests.fuzz.faulty")
    monkeypatch.setitem(TARGETS, "faulty", Target(bytes, (b"faultless",)))
    told = fuzz.fuzz("faulty", 60, tmp_path)
    assert told["pass"] is False
    (found,) = told["findings"]
    assert Path(found).read_bytes().startswith(b"FA")
    assert "a fault" in Path(told["log"]).read_text()
    json.dumps(told)


def test_a_typo_is_named(capsys) -> None:
    assert fuzz.main(["consol"]) == 2
    assert "did you mean 'console'" in capsys.readouterr().err
