"""A site on a disk: what is in it, what is added, what is refused, and that every link of every page resolves."""

import json
import re
import shutil
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.main import main
from harness.errors import UsageError
from harness.report.site import run_folder
from harness.report.site.facts import facts_of, from_script, to_script
from harness.report.site.level_search import level_search
from harness.report.site.pages import Pages
from harness.report.site.publish import publish
from harness.report.site.slug import slug
from harness.report.site.sources import Source, in_reports, in_store
from harness.report.site.trend_plot import plot
from harness.report.site.trends import OTHERWISE, TRACKED, trends
from harness.results.store import Store
from tests.report.site.made import factory, many

NASTY = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\x1b[31m\u202e"


class Links(HTMLParser):
    """Every link and resource of a page, every id, every element's name."""

    def __init__(self, page):
        super().__init__()
        self.links, self.ids, self.tags = [], set(), []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.tags.append(tag)
        self.ids.add(named.get("id"))
        self.links += [named[name] for name in ("href", "src") if named.get(name)]


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    return factory(tmp_path_factory.mktemp("first"), rounds=5)


@pytest.fixture
def reports(tmp_path, made):
    many(tmp_path / "reports", 4, made=made)
    return tmp_path / "reports"


def published(tmp_path, reports, **options):
    sources, _ = in_reports(reports)
    return publish(tmp_path / "site", sources, **options)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_link_of_every_page_resolves(tmp_path, reports):
    site = published(tmp_path, reports)
    pages = list(site.folder.rglob("*.html"))
    assert len(pages) > 4 + 3
    for page in pages:
        for link in Links(page).links:
            parts = urlsplit(link)
            assert not parts.netloc, f"{page} needs a network: {link}"
            if parts.scheme == "data":
                continue
            target = page.parent / unquote(parts.path) if parts.path else page
            assert target.is_file(), f"{page} links to {link}"
            if parts.fragment:
                assert parts.fragment in Links(target).ids, f"{page} links to {link}"


def test_one_more_run_adds_its_pages_and_moves_no_other(tmp_path, reports, made):
    site = published(tmp_path, reports)
    before = contents(site.folder)
    new = made.write(reports, 9)
    again = published(tmp_path, reports)
    after = contents(site.folder)
    assert again.published == [new.id]
    assert set(before) < set(after)
    assert all(before[path] == after[path] for path in before if path.parts[0] == "runs")
    assert new.id in (site.folder / "index.html").read_text()
    assert new.id in (site.folder / "trends/boot/guest-ready.csv").read_text()
    assert not list(site.folder.glob(".new-*"))


def test_a_run_whose_folder_is_gone_stays_until_it_is_pruned(tmp_path, reports):
    gone = min(reports.iterdir())
    published(tmp_path, reports)
    shutil.rmtree(gone)
    assert len(published(tmp_path, reports).runs) == 4
    site = published(tmp_path, reports, prune=True)
    assert site.removed == [gone.name]
    assert not (site.folder / "runs" / gone.name).exists()
    assert not [path for path, text in contents(site.folder).items() if gone.name.encode() in text]


def test_a_run_that_changed_is_published_again(tmp_path, reports, made):
    published(tmp_path, reports)
    run = made.write(reports, 0, upgraded=True)
    site = published(tmp_path, reports)
    assert site.published == [run.id]
    assert len(site.runs) == 4


def test_what_the_site_lost_is_said_and_written_again(tmp_path, reports):
    site = published(tmp_path, reports)
    first, second, *_ = sorted(path.name for path in reports.iterdir())
    (site.folder / "data" / f"{first}.js").write_text("visorbench.run({")
    (site.folder / "runs" / second / "index.html").unlink()
    again = published(tmp_path, reports)
    assert sorted(again.published) == [first, second]
    assert len(again.skipped) == 2
    assert published(tmp_path, reports).skipped == []


def test_a_failure_on_the_way_leaves_the_site_as_it_was(tmp_path, reports, made, monkeypatch):
    site = published(tmp_path, reports)
    before = contents(site.folder)
    made.write(reports, 8)
    made.write(reports, 9, page=False)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_folder, "_drawn", full)
    with pytest.raises(Exception, match="No space left") as error:
        published(tmp_path, reports)
    assert type(error.value).__name__ == "DiskFull"
    assert contents(site.folder) == before


def test_a_folder_with_something_else_is_refused(tmp_path, reports):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "thesis.tex").touch()
    with pytest.raises(UsageError, match=r"something else .* thesis\.tex"):
        published(tmp_path, reports)
    assert [path.name for path in (tmp_path / "site").iterdir()] == ["thesis.tex"]


def test_the_command_names_what_it_skips_and_publishes_the_rest(tmp_path, reports, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    damaged, empty = sorted(reports.iterdir())[:2]
    (damaged / "results.json").write_text('{"schema": 1, "run"')
    (empty / "results.json").unlink()
    (reports / "published").mkdir()
    store = f"sqlite:///{tmp_path}/results.db"
    with pytest.raises(SystemExit) as ended:
        main(["publish", str(tmp_path / "site"), "--reports", str(reports), "--store", store])
    out, err = capsys.readouterr()
    assert ended.value.code == 0
    assert out.strip() == str(tmp_path / "site" / "index.html")
    assert f"skipped: {damaged.name} cannot be read" in err
    assert f"skipped: {empty} holds no results.json" in err
    assert "published 2 runs" in err
    assert err.count("skipped:") == 2


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("file/site", "cannot write a site in {}: Not a directory"),
        ("odd", "cannot read {}/site.json: Is a directory"),
    ],
)
def test_where_no_site_can_be_written_is_said(tmp_path, reports, capsys, place, said):
    (tmp_path / "file").touch()
    (tmp_path / "odd" / "site.json").mkdir(parents=True)
    site = tmp_path / place
    with pytest.raises(SystemExit) as ended:
        main(["publish", str(site), "--reports", str(reports), "--store", f"sqlite:///{tmp_path}/results.db"])
    assert ended.value.code == 3
    assert said.format(site) in capsys.readouterr().err


def test_a_run_that_only_the_store_has_is_drawn(tmp_path, reports, made):
    run = made.run(20)
    with Store(f"sqlite:///{tmp_path}/results.db") as store:
        store.save(run)
        told = []
        site = publish(
            tmp_path / "site", in_store(store, {run.name for run in in_reports(reports)[0]}), tell=told.append
        )
        assert publish(tmp_path / "site", in_store(store, set())).published == []
    assert told == [f"drawing the report of {run.id}"]
    assert json.loads((site.folder / "runs" / run.id / "results.json").read_bytes())["run"]["id"] == run.id


def test_two_folders_with_one_run_are_not_both_published(tmp_path, reports):
    first = min(reports.iterdir())
    shutil.copytree(first, reports / "copy")
    site = published(tmp_path, reports)
    assert len(site.runs) == 4
    assert [skipped.name for skipped in site.skipped] == ["copy"]


def test_nothing_in_a_site_says_whose_home_it_was_measured_in(tmp_path, made, monkeypatch):
    home = tmp_path / "home" / "al"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    older = made.run(1).model_dump(mode="json", by_alias=True)
    older["subjects"][1]["config"]["qemu"] = f"{home}/src/qemu/build"
    older["failed"][0] |= {"message": f"{home}/src/qemu/build/qemu-system-x86_64: died", "logs": ["qemu.log"]}
    reports = tmp_path / "reports" / "one"
    reports.mkdir(parents=True)
    (reports / "results.json").write_text(json.dumps(older))
    (reports / "qemu.log").write_bytes(f"-D {home}/x\n".encode() + b"\xff\n")
    (reports / "index.html").write_text(f"<html><body>{home}/src</body></html>")
    site = published(tmp_path, reports.parent)
    assert len(site.runs) == 1
    assert not [path for path, content in contents(site.folder).items() if str(home).encode() in content]
    (log,) = site.folder.rglob("qemu.log")
    assert log.read_bytes() == b"-D ~/x\n\xff\n"


def nasty(run):
    """The run with the worst text in every field that takes any."""
    document = run.model_dump(mode="json", by_alias=True)
    document["run"] |= {"id": f"../../{NASTY}", "profile": NASTY}
    document["run"]["host"]["cpu_model"] = NASTY
    document["series"] = document["series"][:2]
    for series in document["series"]:
        series |= {
            "scenario": f"../{NASTY}",
            "unit": NASTY,
            "metric": series["metric"] + NASTY,
            "native": None,
        }
    document["subjects"][1] |= {"backend_version": NASTY, "config": {"label": NASTY}}
    document["failed"][0]["logs"] = ["../../../etc/passwd", "/etc/passwd"]
    return type(run).model_validate(document)


def test_text_of_guests_and_others_is_neither_markup_nor_a_path(tmp_path, made):
    run = nasty(made.run(1))
    site = publish(tmp_path / "a" / "b" / "site", [Source("nasty", "1", partial(lambda: run))])
    assert len(site.runs) == 1
    for page in site.folder.rglob("*.html"):
        assert "alert(1)</script>" not in page.read_text()
        assert "img" not in Links(page).tags
    outside = [
        path for path in tmp_path.rglob("*") if path.is_file() and not path.is_relative_to(site.folder)
    ]
    assert outside == []
    assert "\x1b" not in "".join(path.read_text() for path in site.folder.rglob("*.html"))


@given(st.text(min_size=1, max_size=200))
def test_a_slug_is_one_plain_part_of_a_path(name):
    made = slug(name)
    assert made == made.lower()
    assert 1 <= len(made) < 80
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-_")
    assert made[0] not in ".-_"
    assert made == slug(name)


@given(st.lists(st.text(st.sampled_from("aA-._/ ä"), min_size=1, max_size=6), unique=True, max_size=30))
def test_two_names_have_two_slugs(names):
    assert len({slug(name) for name in names}) == len(names)


def test_facts_survive_their_script(made):
    facts = facts_of(made.run(3))
    assert from_script(to_script(facts)) == json.loads(json.dumps(facts))
    with pytest.raises(ValueError, match="no facts"):
        from_script("alert(1)")


def test_a_trend_has_a_line_for_each_host_and_says_where_the_subject_changed(made):
    runs = [facts_of(made.run(at, upgraded=at >= 2)) for at in range(4)]
    elsewhere = facts_of(made.run(4))
    elsewhere["host"]["fingerprint"] = "another"
    trend = trends([*runs, elsewhere])["boot", "guest-ready"]
    lines = {(line.subject, line.host): line for line in trend.lines}
    assert len(lines) == 4
    here = lines["tcg-arm64-tiny", runs[0]["host"]["fingerprint"]]
    assert [point.changed for point in here.points] == ["", "", "QEMU 10.0.2", ""]
    assert here.change() == pytest.approx(here.points[3].median / here.points[2].median)
    assert lines["tcg-arm64-tiny", "another"].change() is None


def test_a_subject_of_the_same_version_became_something_else_and_names_run_into_no_other(made):
    runs = [facts_of(made.run(at)) for at in range(12)]
    for run in (*runs[2:3], *runs[9:]):
        run["subjects"]["tcg-arm64-tiny"]["fingerprint"] = f"of {run['id']}"
    (line,) = (each for each in trends(runs)["boot", "guest-ready"].lines if each.subject == "tcg-arm64-tiny")
    changed = [at for at, point in enumerate(line.points) if point.changed]
    assert changed == [2, 3, 9, 10, 11]
    assert {line.points[at].changed for at in changed} == {OTHERWISE}
    drawn = plot(line, "guest ready", [])
    assert drawn.count("other-subject") == 5
    assert drawn.count(f">{OTHERWISE}<") == 1  # of the newest four three are neighbours


def slower_from(made, at, number):
    """Run ``number``: everything takes a fifth longer from run ``at`` on."""
    run = made.run(number)
    if number < at:
        return run
    series = tuple(
        each.model_copy(
            update={"summary": each.summary.model_copy(update={"median": each.summary.median * 1.2})}
        )
        for each in run.series
    )
    return run.model_copy(update={"series": series})


def level_changes(trend):
    with level_search(much=False) as search:
        return search([trend.lines])[0]


def test_a_trend_says_where_its_level_changed_and_where_it_did_not(made):
    runs = [facts_of(slower_from(made, 9, number)) for number in range(16)]
    trend = trends(runs)["boot", "guest-ready"]
    steady = trends(map(facts_of, map(made.run, range(16))))["boot", "guest-ready"]
    changes, unchanged = level_changes(trend), level_changes(steady)
    (change,) = changes[0]
    assert (change.at, round(change.after / change.before, 1)) == (9, 1.2)
    assert unchanged[0] == []
    page, none = Pages().trend(trend, changes), Pages().trend(steady, unchanged)
    assert page.count('class="level-changed"') == page.count('<li class="worse">') == len(trend.lines)
    slug, shown = runs[9]["slug"], runs[9]["shown"]
    assert re.search(rf"worse by (19|20|21) % from {shown} on: .*runs/{slug}/index\.html", page)
    assert "level-changed" not in none


def test_only_the_newest_runs_are_searched_for_changes(made):
    facts = [facts_of(slower_from(made, 9, number % 16)) for number in range(16)]
    trend = trends([*facts, *[facts[-1]] * TRACKED])["boot", "guest-ready"]
    line = trend.lines[0]
    moved = replace(line, points=[*line.points[-TRACKED:], *line.points[:5]])
    changes = level_changes(replace(trend, lines=(line, moved)))
    assert [[change.at for change in each] for each in changes] == [[], [TRACKED]]
