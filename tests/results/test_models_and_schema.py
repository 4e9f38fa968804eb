"""``results.json``: what is refused, what reads back, and the schema that other languages read."""

import json
import math

import jsonschema
import pytest
from pydantic import ValidationError

from harness.results.models import Run
from harness.results.schema import schema_path, schema_text
from tests.report.synthetic import synthetic_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return synthetic_run(tmp_path_factory.mktemp("reports"), rounds=4)


@pytest.fixture
def document(run):
    return json.loads(run.to_json())


def test_the_checked_in_schema_is_that_of_the_models():
    assert schema_path().read_text(encoding="utf-8") == schema_text(), "run python -m harness.results.schema"


def test_a_run_satisfies_the_schema(document):
    jsonschema.Draft202012Validator(json.loads(schema_text())).validate(document)


def test_the_document_has_the_fields_of_the_design(document):
    parts = ["schema", "run", "subjects", "series", "skipped", "failed", "notices", "pictures"]
    assert list(document) == parts
    assert document["schema"] == 1
    assert {"id", "started", "finished", "profile", "harness", "host"} == set(document["run"])
    assert {"cpu_model", "fingerprint"} <= set(document["run"]["host"])
    guest = next(s for s in document["series"] if s["scenario"] == "compute" and s["native"])
    assert {"n", "median", "ci95", "min", "max", "p95"} <= set(guest["summary"])
    assert {"subject", "ratio", "ci95"} == set(guest["native"])


def test_it_reads_back_as_it_was(run):
    assert Run.from_json(run.to_json()) == run


def _spoil(document, path, value):
    *parents, last = path
    for step in parents:
        document = document[step]
    document[last] = value


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (["schema"], 2, "schema"),
        (["extra"], 1, "extra"),
        (["series", 0, "mood"], "good", "mood"),
        (["series", 0, "better"], "faster", "better"),
        (["series", 0, "samples", 0], "7", None),
        (["series", 0, "samples"], [], "samples"),
        (["series", 0, "times"], [1.0], "times"),
        (["series", 0, "summary", "n"], 99, "summary of 99"),
        (["series", 0, "subject"], "nobody", "nobody"),
        (["series", 1, "metric"], "vmm-ready", "two series"),
        (["subjects", 1, "id"], "native-x86-64", "share an id"),
        (["subjects", 0, "backend"], "", "backend"),
        (["run", "started"], "2026-01-01T00:00:00", "timezone"),
    ],
)
def test_what_is_wrong_is_refused_by_name(document, path, value, told):
    document["series"] = [s for s in document["series"] if s["subject"] == "tcg-arm64-tiny"]
    document["series"] = [{**s, "native": None} for s in document["series"]]
    _spoil(document, path, value)
    if told is None:
        assert Run.from_json(json.dumps(document)).series[0].samples[0] == 7.0
        return
    with pytest.raises(ValidationError, match=told):
        Run.from_json(json.dumps(document))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_are_finite(document, number):
    document["series"][0]["samples"][0] = number
    with pytest.raises(ValidationError, match="finite"):
        Run.from_json(json.dumps(document))


def test_models_cannot_be_changed(run):
    with pytest.raises(ValidationError, match="frozen"):
        run.series[0].metric = "other"


def test_passed_leaves_out_what_failed(run):
    assert ("boot", "tcg-x86-64-tiny") in run.passed()
    assert ("lifecycle", "tcg-x86-64-tiny") not in run.passed()
