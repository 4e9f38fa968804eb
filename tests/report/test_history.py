"""``visorbench history``: trends from the store, what changed in them, and their plot."""

import json
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest

from harness.results.models import Series, Subject, Summary
from harness.results.store import Store
from tests.results.writer import STARTED, small_run

CHANGED_AT, OTHER_QEMU_AT, RUNS = 9, 12, 16


def run_of(number, *, host="host", slower=1.0):
    base = small_run(f"run-{number:02}-{host}", 1)
    value = 6.0 * slower * (1 + 0.01 * ((number * 7) % 5 - 2))
    samples = [value * 0.99, value, value * 1.01]
    summary = Summary(n=3, median=value, ci95=(samples[0], samples[2]), min=samples[0], max=samples[2],
                      p95=samples[2], p99=samples[2])  # fmt: skip
    version = "QEMU 7.2" if number < OTHER_QEMU_AT else "QEMU 10.0"
    return base.model_copy(
        update={
            "run": base.run.model_copy(
                update={
                    "started": STARTED + timedelta(days=number),
                    "host": base.run.host.model_copy(update={"fingerprint": host}),
                }
            ),
            "subjects": (Subject(id="tcg", backend="tcg", backend_version=version, fingerprint=version),),
            "series": tuple(
                Series(scenario="boot", metric=metric, unit="s", better="lower", subject="tcg", samples=samples,
                       summary=summary)
                for metric in ("guest-ready", "cold/guest-ready")
            ),
        }
    )  # fmt: skip


@pytest.fixture
def url(store_url):
    with Store(store_url) as store:
        for number in range(RUNS):
            store.save(run_of(number, slower=1.2 if number >= CHANGED_AT else 1))
        store.save(run_of(3, host="another", slower=9))
    return store_url


def test_a_trend_names_the_run_that_changed_it_and_never_mixes_hosts(url, command):
    code, out, _ = command("history", "guest-ready", "--store", url, "--json")
    trends = {trend["host"]: trend for trend in json.loads(out)}
    assert (code, set(trends)) == (0, {"host", "another"})
    assert [point["run"] for point in trends["host"]["points"]] == [f"run-{at:02}-host" for at in range(RUNS)]
    (change,) = trends["host"]["changes"]
    assert (change["run"], change["at"]) == (f"run-{CHANGED_AT:02}-host", CHANGED_AT)
    assert change["after"] / change["before"] == pytest.approx(1.2, rel=0.02)
    (unlike,) = trends["host"]["unlike"]
    assert (unlike["at"], unlike["what"]) == (OTHER_QEMU_AT, "version 'QEMU 7.2' became 'QEMU 10.0'")
    code, out, _ = command("history", "guest-ready", "--store", url)
    assert f"worse by 20 % from run-{CHANGED_AT:02}-host on" in out
    assert "not the same subject from here on: version 'QEMU 7.2' became 'QEMU 10.0'" in out
    assert "2 hosts whose fingerprints differ" in out


def test_a_limit_keeps_the_newest_and_a_scenario_may_be_named(url, command):
    arguments = ("--store", url, "--json", "--limit", 2, "--subject", "tcg")
    trends = json.loads(command("history", "boot/cold/guest-ready", *arguments)[1])
    newest = next(trend for trend in trends if trend["host"] == "host")
    assert [point["run"] for point in newest["points"]] == ["run-14-host", "run-15-host"]


def test_the_plot_is_a_file_that_a_browser_shows(url, command, tmp_path):
    file = tmp_path / "history.svg"
    assert command("history", "guest-ready", "--store", url, "--plot", file)[0] == 0
    text = file.read_text(encoding="utf-8")
    assert ET.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
    assert "boot/guest-ready on tcg" in text
    assert "+20" in text
    assert "--accent:" in text
    nowhere = command("history", "guest-ready", "--store", url, "--plot", tmp_path / "no" / "x.svg")
    assert (nowhere[0], "there is no folder" in nowhere[2]) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "nearest"), [(["gest-ready"], "guest-ready"), (["guest-ready", "--subject", "tgc"], "tcg")]
)
def test_an_unknown_name_names_the_nearest(url, command, arguments, nearest):
    code, _, err = command("history", *arguments, "--store", url)
    assert (code, f"did you mean '{nearest}'" in err) == (2, True)
