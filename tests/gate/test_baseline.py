"""A baseline that cannot be used is refused, and the error says what is wrong with it."""

import json

import pytest

from harness.errors import BaselineUnusable
from harness.gate.baseline import read_baseline
from tests.gate.runs import run


@pytest.fixture
def document(tmp_path):
    """A good ``results.json``, to be spoilt."""
    return json.loads(run(tmp_path, seed=1).to_json())


def refused(tmp_path, content):
    path = tmp_path / "main.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(BaselineUnusable) as error:
        read_baseline(path)
    assert error.value.exit_code == 2
    assert str(path) in error.value.message
    assert error.value.fix
    return error.value.message


def test_what_a_run_wrote_is_read(tmp_path):
    written = run(tmp_path, seed=1)
    path = tmp_path / "main.json"
    path.write_text(written.to_json())
    assert read_baseline(path) == written


def test_missing(tmp_path):
    with pytest.raises(BaselineUnusable, match="cannot be read: No such file") as error:
        read_baseline(tmp_path / "main.json")
    assert "cp reports/latest/results.json" in error.value.fix


@pytest.mark.parametrize("content", ["", "  \n"])
def test_empty(tmp_path, content):
    assert "is empty" in refused(tmp_path, content)


@pytest.mark.parametrize("content", ["{", "\x00\x01", "boot 7.1 s", "[" * 100_000])
def test_not_json(tmp_path, content):
    assert "is not JSON" in refused(tmp_path, content)


@pytest.mark.parametrize("content", [[], {}, {"schema": 1}, {"name": "pytest-benchmark", "run": 1}, "[1]"])
def test_not_of_a_run(tmp_path, content):
    assert "is not the results.json of a run" in refused(tmp_path, content)


@pytest.mark.parametrize("schema", [0, 2, "1"])
def test_another_schema(tmp_path, document, schema):
    assert f"is of schema {schema!r}" in refused(tmp_path, {**document, "schema": schema})


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_no_numbers(tmp_path, document, number):
    document["series"][0]["samples"][3] = number
    assert "which nobody measured" in refused(tmp_path, document)


@pytest.mark.parametrize("place", ["min", "median", "max"])
def test_a_summary_edited_by_hand(tmp_path, document, place):
    document["series"][0]["summary"][place] *= 1.2
    said = refused(tmp_path, document)
    assert "was edited: boot/metric-0/tcg-arm64-tiny says" in said


def test_samples_edited_by_hand(tmp_path, document):
    document["series"][0]["samples"] = [4.0] * 20
    assert "of its samples they are 4, 4 and 4" in refused(tmp_path, document)


def test_a_sample_too_few(tmp_path, document):
    document["series"][0]["samples"].pop()
    assert "was edited or damaged: series.0: " in refused(tmp_path, document)


def test_a_series_of_a_subject_that_is_not_there(tmp_path, document):
    document["subjects"].pop()
    assert "names an unknown subject" in refused(tmp_path, document)


def test_a_run_that_measured_nothing(tmp_path, document):
    assert "holds no samples" in refused(tmp_path, {**document, "series": []})
