"""Baselines have names in the store, and every command that takes a run takes them."""

import json

import pytest

from harness.cli.main import main
from harness.errors import UnknownName
from harness.results.baselines import resolve
from harness.results.store import Store
from tests.report.synthetic import synthetic_run


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path, monkeypatch):
    monkeypatch.setenv("VISORBENCH_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    if request.param == "sqlite":
        made = f"sqlite:///{tmp_path / 'results.db'}"
    else:
        made = request.getfixturevalue("postgresql").fresh_database()
    monkeypatch.setenv("VISORBENCH_STORE", made)
    return made


def visorbench(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    out, err = capsys.readouterr()
    return ended.value.code, out, err


def test_a_name_stands_for_a_run_until_it_stands_for_another(url, tmp_path, capsys):
    reports = tmp_path / "reports"
    first, second = (synthetic_run(reports, rounds=3, seed=seed) for seed in (1, 2))
    assert visorbench(capsys, "baseline", "set", "main", reports / first.id)[0] == 0
    assert resolve("main", url) == first
    with Store(url) as store:
        store.save(first)  # saved again, it stays the baseline
    assert resolve("main", url) == first
    assert visorbench(capsys, "baseline", "set", "main", second.id, "--reports", reports)[0] == 0
    assert resolve("main", url) == resolve(str(reports / second.id), url) == second
    assert resolve(first.id, url) == first
    code, out, _ = visorbench(capsys, "compare", "main", first.id, "--reports", reports, "--json")
    assert (code, json.loads(out)["before"]) == (0, second.id)
    listed = json.loads(visorbench(capsys, "baseline", "list", "--json")[1])
    assert [(each["name"], each["run"]) for each in listed] == [("main", second.id)]
    assert visorbench(capsys, "baseline", "remove", "main")[0] == 0
    assert "no baselines yet" in visorbench(capsys, "baseline", "list")[1]
    with pytest.raises(UnknownName):
        resolve("main", url)


@pytest.mark.parametrize("name", ["latest", "2026", "a/b", ""])
def test_a_name_that_could_be_something_else_is_refused(url, tmp_path, capsys, name):
    run = synthetic_run(tmp_path / "reports", rounds=3)
    code, _, err = visorbench(capsys, "baseline", "set", name, tmp_path / "reports" / run.id)
    assert (code, "cannot name a baseline" in err) == (2, True)


def test_a_name_that_is_not_there_names_the_nearest(url, tmp_path, capsys):
    run = synthetic_run(tmp_path / "reports", rounds=3)
    visorbench(capsys, "baseline", "set", "main", tmp_path / "reports" / run.id)
    code, _, err = visorbench(capsys, "baseline", "remove", "mian")
    assert (code, "did you mean 'main'" in err) == (2, True)
