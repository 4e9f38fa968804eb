"""A run out to other programs, read back by those programs' own parsers where there are any; and runs in again."""

import json
import math
import sys

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from harness.cli.main import main
from harness.measure.statistics import summarise
from harness.results.export import write_bmf, write_openmetrics
from harness.results.models import Run
from harness.results.store import Store
from tests.report.synthetic import synthetic_run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    reports = tmp_path_factory.mktemp("reports")
    run = synthetic_run(reports, rounds=4)
    (reports / run.id / "results.json").write_text(run.to_json(), encoding="utf-8")
    return reports, run


@pytest.fixture
def visorbench(tmp_path, made, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([*map(str, arguments), "--store", f"sqlite:///{tmp_path}/results.db"])
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return call


def export(visorbench, made, *arguments):
    reports, run = made
    code, out, err = visorbench("export", run.id, "--reports", reports, *arguments)
    assert code == 0, err
    return out


def test_bencher_gets_a_measure_with_bounds_for_every_series(visorbench, made):
    document = json.loads(export(visorbench, made, "--format", "bmf"))
    assert sum(map(len, document.values())) == len(made[1].series)
    series = next(series for series in made[1].series if series.metric == "guest-ready")
    value = document[f"boot/{series.subject}"]["guest-ready"]
    assert (value["value"], value["lower_value"], value["upper_value"]) == (
        series.summary.median, *series.summary.ci95
    )  # fmt: skip


def test_github_action_benchmark_holds_one_direction(visorbench, made):
    code, _, err = visorbench(
        "export", made[1].id, "--reports", made[0], "--format", "github-action-benchmark"
    )
    assert code == 2
    assert "--better lower" in err
    found = {
        better: json.loads(
            export(visorbench, made, "--format", "github-action-benchmark", "--better", better)
        )
        for better in ("lower", "higher")
    }
    assert sum(map(len, found.values())) == len(made[1].series)
    assert {"name", "unit", "value", "range", "extra"} == set(found["lower"][0])
    assert {entry["unit"] for entry in found["lower"]} == {"s"}


def test_openmetrics_is_read_by_the_parser_of_prometheus(visorbench, made):
    parser = pytest.importorskip("prometheus_client.openmetrics.parser")
    families = {
        family.name: family
        for family in parser.text_string_to_metric_families(
            export(visorbench, made, "--format", "openmetrics")
        )
    }
    assert families["visorbench_seconds"].type == "gauge"
    medians = {
        (sample.labels["metric"], sample.labels["subject"]): sample.value
        for family in families.values()
        for sample in family.samples
        if sample.labels.get("statistic") == "median"
    }
    assert medians == {(s.metric, s.subject): s.summary.median for s in made[1].series}


def test_parquet_has_every_sample(visorbench, made, tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    export(visorbench, made, "--format", "parquet", "-o", tmp_path / "run.parquet")
    table = pq.read_table(tmp_path / "run.parquet")
    assert table["value"].to_pylist() == [value for series in made[1].series for value in series.samples]
    assert set(table["run"].to_pylist()) == {made[1].id}
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_without_pyarrow_parquet_says_how_to_get_it(visorbench, made, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    code, _, err = visorbench(
        "export", made[1].id, "--reports", made[0], "--format", "parquet", "-o", tmp_path / "run.parquet"
    )
    assert code == 3
    assert "pip install 'visorbench[parquet]'" in err
    assert not list(tmp_path.glob("*parquet*"))


def test_what_is_exported_as_json_is_imported_whole_and_once(visorbench, made, tmp_path):
    export(visorbench, made, "--format", "json", "-o", tmp_path / "run.json")
    code, out, _ = visorbench("import", tmp_path / "run.json")
    assert (code, "imported" in out) == (0, True)
    with Store(f"sqlite:///{tmp_path}/results.db") as store:
        assert store.load(made[1].id) == made[1]
    code, out, _ = visorbench("import", tmp_path / "run.json")
    assert (code, out) == (0, f"{made[1].id} is in the store already\n")
    assert visorbench("import", made[0] / made[1].id)[0] == 0


def edited(document, change):
    change(document)
    return json.dumps(document)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: "", "is empty"),
        (lambda text: text[: len(text) // 2], "is not JSON"),
        (lambda text: text.replace('"samples":[', '"samples":[NaN,', 1), "holds NaN"),
        (lambda text: text.replace('"schema":1', '"schema":7', 1), "is of schema 7"),
        (lambda text: edited(json.loads(text), lambda run: run["series"][0]["samples"].append(9)), "was edited"),
        (lambda text: edited(json.loads(text), lambda run: run.update(more=1)), "was edited or damaged"),
        (lambda text: "[]", "is not the results.json of a run"),
    ],
    ids=["empty", "half", "nan", "schema", "sample", "key", "other"],
)  # fmt: skip
def test_one_bad_file_keeps_all_of_them_out(visorbench, made, tmp_path, damage, said):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(made[1].to_json())
    bad.write_text(damage(made[1].to_json()))
    code, out, err = visorbench("import", good, bad)
    assert (code, out) == (2, "")
    assert said in err
    assert "nothing was imported" in err
    with Store(f"sqlite:///{tmp_path}/results.db") as store:
        assert store.runs() == []


def test_another_run_of_the_same_id_is_refused(visorbench, made, tmp_path):
    document = json.loads(made[1].to_json())
    document["run"]["profile"] = "another"
    (tmp_path / "other.json").write_text(json.dumps(document))
    assert visorbench("import", made[0] / made[1].id)[0] == 0
    code, _, err = visorbench("import", tmp_path / "other.json")
    assert code == 2
    assert "holds another run" in err
    with Store(f"sqlite:///{tmp_path}/results.db") as store:
        assert store.load(made[1].id) == made[1]


names = st.text(min_size=1, max_size=20).filter(
    lambda text: not any(0xD800 <= ord(each) <= 0xDFFF for each in text)
)
samples = st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=8)


@settings(max_examples=15, phases=[Phase.explicit, Phase.generate])
@given(scenario=names, metric=names, unit=names, values=samples)
def test_any_run_goes_out_and_comes_back(made, scenario, metric, unit, values):
    """Through the store and results.json without loss; and every text format takes any name and number."""
    import dataclasses
    import io

    document = made[1].model_dump(mode="json", by_alias=True)
    first = document["series"][0] | {"scenario": scenario, "metric": metric, "unit": unit, "native": None}
    first |= {
        "samples": values,
        "times": None,
        "summary": dataclasses.asdict(summarise(values)),
        "targets": [],
    }
    run = Run.model_validate(document | {"series": [first]})
    assert Run.from_json(run.to_json()) == run
    with Store("sqlite://") as store:
        store.save(run)
        assert store.load(run.id) == run
    stream = io.StringIO()
    write_bmf(run, stream)
    ((measures,),) = [list(each.values()) for each in [json.loads(stream.getvalue())]]
    assert [value["value"] for value in measures.values()] == [run.series[0].summary.median]
    parser = pytest.importorskip("prometheus_client.openmetrics.parser")
    stream = io.StringIO()
    write_openmetrics(run, stream)
    found = [
        sample
        for family in parser.text_string_to_metric_families(stream.getvalue())
        for sample in family.samples
        if sample.labels.get("statistic") == "median"
    ]
    assert len(found) == 1
    assert math.isclose(found[0].value, run.series[0].summary.median, rel_tol=1e-12)
    assert found[0].labels["metric"] == metric
