"""Baselines have names in the store, and every command that takes a run takes them."""

import json

import pytest

from harness.errors import UnknownName
from harness.results.baselines import resolve
from harness.results.store import Store
from tests.report.synthetic import synthetic_run


@pytest.fixture
def url(store_url, monkeypatch):
    monkeypatch.setenv("VISORBENCH_STORE", store_url)
    return store_url


def test_a_name_stands_for_a_run_until_it_stands_for_another(url, tmp_path, command):
    reports = tmp_path / "reports"
    first, second = (synthetic_run(reports, rounds=3, seed=seed) for seed in (1, 2))
    assert command("baseline", "set", "main", reports / first.id)[0] == 0
    assert resolve("main", url) == first
    with Store(url) as store:
        store.save(first)  # saved again, it stays the baseline
    assert resolve("main", url) == first
    assert command("baseline", "set", "main", second.id, "--reports", reports)[0] == 0
    assert resolve("main", url) == resolve(str(reports / second.id), url) == second
    assert resolve(first.id, url) == first
    code, out, _ = command("compare", "main", first.id, "--reports", reports, "--json")
    assert (code, json.loads(out)["before"]) == (0, second.id)
    listed = json.loads(command("baseline", "list", "--json")[1])
    assert [(each["name"], each["run"]) for each in listed] == [("main", second.id)]
    assert command("baseline", "remove", "main")[0] == 0
    assert "no baselines yet" in command("baseline", "list")[1]
    with pytest.raises(UnknownName):
        resolve("main", url)


@pytest.mark.parametrize("name", ["latest", "2026", "a/b", ""])
def test_a_name_that_could_be_something_else_is_refused(url, tmp_path, command, name):
    run = synthetic_run(tmp_path / "reports", rounds=3)
    code, _, err = command("baseline", "set", name, tmp_path / "reports" / run.id)
    assert (code, "cannot name a baseline" in err) == (2, True)


def test_a_name_that_is_not_there_names_the_nearest(url, tmp_path, command):
    run = synthetic_run(tmp_path / "reports", rounds=3)
    command("baseline", "set", "main", tmp_path / "reports" / run.id)
    code, _, err = command("baseline", "remove", "mian")
    assert (code, "did you mean 'main'" in err) == (2, True)
