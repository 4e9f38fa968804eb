"""``index.html`` as a browser reads it: nothing a guest wrote becomes markup, nothing comes from a network."""

import re
import shlex
from dataclasses import asdict, replace
from html.parser import HTMLParser

import pytest

from harness.host.facts import collect
from harness.report import host, html, pictures, tables, units
from harness.report.markdown import render as markdown
from harness.report.svg import ROLES
from harness.results.pictures import encode_png
from harness.results.recorder import RunRecorder
from tests.report.synthetic import HOST, recorded, synthetic_run

NASTY = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>${{7*7}}{% raw %}\x1b[31m\x00\u202e😀\udcff"
VOID = {"meta", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """Every element with its attributes, the text outside of elements that hide it, and what was left open."""

    def __init__(self, source):
        super().__init__()
        self.elements, self.text, self.open = [], "", []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return synthetic_run(tmp_path_factory.mktemp("reports"))


@pytest.fixture(scope="module")
def plain(run):
    """The run with one of its series: little to draw."""
    return run.model_copy(update={"series": run.series[:1]})


@pytest.fixture(scope="module")
def page(run, tmp_path_factory):
    return Page(html.render(run, tmp_path_factory.mktemp("empty")))


@pytest.fixture(scope="module")
def nasty(tmp_path_factory):
    """Every text of a run that can come from a guest, a host or a configuration file, as bad as it gets."""
    with RunRecorder(
        NASTY,
        {"cpu_model": NASTY, "os_name": [NASTY, {NASTY: None}], "noise": [NASTY]},
        reports=tmp_path_factory.mktemp("r"),
    ) as made:
        subjects = [
            made.subject(
                backend=NASTY, backend_version=NASTY, guest=NASTY, arch=NASTY, config={NASTY: NASTY}
            ),
            made.subject(backend="native", variant=NASTY),
        ]
        for subject in subjects:
            for value in range(1, 9):
                made.sample(NASTY, NASTY, unit="<b>$\u202e", better="lower", subject=subject, value=value)
                made.sample(NASTY, f"{NASTY}/init", unit="s", better="lower", subject=subject, value=value)
                made.sample(
                    NASTY, f"{NASTY}/guest-ready", unit="s", better="lower", subject=subject, value=value
                )
            made.note(NASTY, NASTY, subject=subject, text=NASTY)
            made.about(
                NASTY, NASTY, subject=subject, targets={NASTY: 0.8}, definition=NASTY, facts={NASTY: [NASTY]}
            )
            made.samples(
                NASTY,
                f"{NASTY}/{NASTY}",
                unit="<b>$\u202e",
                better="lower",
                subject=subject,
                values=range(1, 999),
            )
            png = encode_png(b"\x00" * 4, 1, 1)
            made.picture(
                NASTY, NASTY, subject=subject, data=png.data, width=1, height=1, caption=NASTY,
                facts={NASTY: {NASTY: NASTY}},
            )  # fmt: skip
        made.notice(NASTY)
        (made.logs / "console").write_text("</pre>" + NASTY, errors="surrogateescape")
        made.fail(
            NASTY, error=NASTY, message=NASTY, subject=NASTY, logs=["logs/console", f"../{NASTY}", NASTY]
        )
        made.skip(NASTY, code=NASTY, reason=NASTY, fix=NASTY, subject=NASTY)
        return made.finish(), made.folder


def test_the_first_screen_says_it_in_words(page):
    said = (
        rf"boots to first command in \d\.\d\d\Ws; compute at [\d.]+{units.DASH}[\d.]+\W% of native, "
        r"geometric mean \d\.\d\W%"
    )
    for subject in ("tcg arm64", "tcg x86-64"):
        assert re.search(f"{subject} {said}", page.text)
    assert (
        "Native is the same work on this host without a guest, in the same run (native-x86-64 on host)"
        in (page.text)
    )
    assert not {"first-command", "memory-bandwidth", "context-switch"} & set(re.split(r"\s+", page.text))
    assert re.search(r"6 measured\s+1 failed\s+2 skipped", page.text)


def test_every_part_is_there(page, run):
    for told in (
        "lower is better", "higher is better →", "← lower is better", "dashed: native median",
        "GuestPanicked", "nested virtualisation is off", "git checkout 0123abc", "accelerated (BCa)",
        "polled every 20 ms", run.run.host.fingerprint, *(subject.fingerprint for subject in run.subjects),
    ):  # fmt: skip
        assert told in page.text, told
    drawn = len(page.all("svg"))
    assert drawn == len({(series.scenario, series.metric) for series in run.series}) + 1, "and one timeline"


def test_it_says_how_to_measure_it_again(plain, tmp_path):
    def told(*command):
        harness = plain.run.harness.model_copy(update={"command": command})
        of = plain.model_copy(update={"run": plain.run.model_copy(update={"harness": harness})})
        (line,) = [line for line in Page(html.render(of, tmp_path)).text.splitlines() if "--profile" in line]
        return line

    assert told() == "nox -s bench -- --profile standard", "as of runs that no command was recorded of"
    nasty = "memory and not '</pre><script>'"
    assert (
        told("visorbench", "bench", "--profile", "quick", "-k", nasty, "~/my scenarios/test_a.py")
        == f"nox -s bench -- --profile quick -k {shlex.quote(nasty)} ~/'my scenarios/test_a.py'"
    )
    assert told("visorbench", "ab", "--profile", "gate") == "visorbench ab --profile gate"


def test_the_markup_is_whole(page):
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert sorted(ids) == sorted(set(ids))
    assert {link["href"][1:] for link in page.all("a") if link["href"].startswith("#")} <= set(ids)
    used = {attributes["xlink:href"][1:] for attributes in page.all("use")}
    assert used <= set(ids)


def test_nothing_comes_from_a_network(page):
    assert not page.all("script") + page.all("link") + page.all("iframe")
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            if not name.startswith("xmlns"):
                assert "//" not in (value or ""), (tag, name, value)


def test_pictures_take_the_colours_of_the_page(run, tmp_path):
    source = html.render(run, tmp_path)
    drawings = "".join(re.findall(r"<svg.*?</svg>", source, re.DOTALL))
    assert set(re.findall(r"(?:fill|stroke): ([^;\"]+)", drawings)) <= {
        "none", *(f"var(--{role})" for role in ROLES),
    }  # fmt: skip
    defined = {
        mode: set(re.findall(r"(--[\w-]+):", block))
        for mode, block in zip(
            ("light", "dark"), re.findall(r":root \{(.*?)\}", source, re.DOTALL), strict=False
        )
    }
    used = set(re.findall(r"var\((--[\w-]+)\)", source))
    assert used <= defined["light"]
    assert defined["light"] <= defined["dark"]


def test_nothing_that_a_guest_wrote_becomes_markup(nasty):
    run, folder = nasty
    source = html.render(run, folder)
    page = Page(source)
    assert page.open == []
    assert not page.all("script")
    assert len(page.all("img")) == 2
    for image in page.all("img"):
        assert set(image) == {"src", "width", "height", "alt"}
        assert re.fullmatch("data:image/png;base64,[A-Za-z0-9+/=]+", image["src"])
    assert "<script>alert(1)</script>" in page.text, "shown as text"
    assert "49" not in re.findall(r"\$\{?\{?([^}]*)\}", page.text), "and not evaluated"
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        assert not (attributes.get("href") or "").startswith(("javascript:", "data:"))
        assert ".." not in (attributes.get("href") or "").split("/")
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e]", source)
    source.encode("utf-8")


def test_nothing_that_a_guest_wrote_becomes_markdown(nasty):
    run, _ = nasty
    text = markdown(run)
    assert not re.search(r"(?<!\\)[<>]", text)
    for line in text.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) in (7, 9), "as many cells as columns"
    assert not re.search(r"\]\((?!\./pictures/[\w.-]+\.png\))", text), "links to the run's own pictures only"


def test_logs_outside_of_the_folder_are_neither_read_nor_linked(plain, tmp_path):
    (tmp_path / "secret").write_text("hidden words")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "secret")
    failure = plain.failed[0].model_copy(update={"logs": ("../secret", str(tmp_path / "secret"), "link")})
    source = html.render(plain.model_copy(update={"failed": (failure,)}), folder)
    assert "hidden words" not in source
    assert 'href="./link"' in source
    assert "../secret</a>" not in source


def test_an_interrupted_run_and_an_empty_one_say_so(plain, tmp_path):
    cut = plain.model_copy(update={"run": plain.run.model_copy(update={"finished": None})})
    assert "This run was interrupted" in Page(html.render(cut, tmp_path)).text
    empty = plain.model_copy(update={"series": (), "subjects": (), "failed": (), "skipped": ()})
    assert "Nothing was measured" in Page(html.render(empty, tmp_path)).text


def test_the_same_run_gives_the_same_page(run, tmp_path):
    assert html.render(run, tmp_path) == html.render(run, tmp_path)


def test_a_large_run_is_drawn_in_part_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "PICTURES", 3)
    with RunRecorder("scale", {}, reports=tmp_path) as recorder:
        for subject in [recorder.subject(backend="tcg", arch=f"m{number}") for number in range(13)]:
            for metric in range(5):
                values = [1.0 + at % 97 for at in range(150 if metric else 300)]
                recorder.samples("s", f"m{metric}", unit="s", better="lower", subject=subject, values=values)
        run = recorder.finish()
    page = Page(html.render(run, tmp_path))
    assert len(page.all("svg")) == 3
    assert "no room to draw 2 more metrics: the table has them" in page.text
    assert "12 of 13 subjects are drawn; at most 50 samples of each are drawn" in page.text
    assert "median · p95 · p99" in page.text
    assert len(page.all("tr")) > 5 * 13


def test_a_single_number_is_drawn_beside_others_and_only_once(tmp_path):
    measured = {"alone": 1, "beside": 2, "init": 1, "vmm-ready": 2, "guest-ready": 2}
    with RunRecorder("single", {}, reports=tmp_path) as recorder:
        subjects = [recorder.subject(backend=name) for name in ("tcg", "native")]
        for metric, count in measured.items():
            for subject in subjects[:count]:
                recorder.samples("s", metric, unit="s", better="lower", subject=subject, values=[1.5])
        run = recorder.finish()

    def drawn(*metrics):
        series = tuple(each for each in run.series if each.metric in metrics)
        page = Page(html.render(run.model_copy(update={"series": series}), tmp_path))
        assert ("1.50" in page.text, "no room" in page.text) == (True, False)
        return len(page.all("svg"))

    assert [drawn("alone"), drawn("alone", "beside"), drawn("vmm-ready", "guest-ready")] == [0, 1, 1]
    assert drawn("init", "guest-ready") == 2, (
        "of one subject the timeline has nothing to draw, so dots show it"
    )


def test_the_header_names_this_very_host(tmp_path):
    facts = collect()
    with RunRecorder("quick", recorded(facts), reports=tmp_path) as recorder:
        run = recorder.finish()
    line = host.in_one_line(run.run.host.facts)
    for told in (facts.os_name, facts.os_version, facts.cpu_model, f"{facts.logical_cores} core"):
        assert told in line
    assert f"{facts.memory_mib / 1024:.1f}{units.NO_BREAK}GiB" in line
    if facts.virtualised is not None:
        assert ("bare metal" if facts.virtualised == "" else f"{facts.virtualised} virtual machine") in line
    text = Page(html.render(run, tmp_path)).text
    assert line in text
    for name in asdict(facts):
        assert name not in text or "_" not in name, "facts have names in words"
    for told in (facts.kernel, facts.cpu_model, "memory free at the start", "load of 1, 5, 15 min"):
        assert told in text


def test_what_the_host_does_not_say_is_no_answer():
    known = replace(HOST, virtualised="", container="", governor="performance")
    assert host.in_one_line(recorded(known)).endswith(" · bare metal")
    rows = dict(host.rows(recorded(known)))
    assert (rows["virtual machine"], rows["governor"]) == ("no", "performance")
    assert "power mode" in rows["not known"]
    unknown = replace(HOST, virtualised=None, container=None)
    assert "bare metal" not in host.in_one_line(recorded(unknown))
    assert host.in_one_line(recorded(replace(HOST, container="docker"))).endswith(
        "KVM virtual machine, docker container"
    )


def test_subjects_of_which_the_same_is_told_stand_together(tmp_path):
    with RunRecorder("quick", {}, reports=tmp_path) as made:
        for backend, sender in (("tcg", "cubic"), ("kvm", "bbr"), ("native", "bbr")):
            subject = made.subject(backend=backend)
            made.sample("network", "bandwidth", unit="B/s", better="higher", subject=subject, value=1)
            made.about("network", "bandwidth", subject=subject, facts={"congestion_control": sender})
        (scenario,) = tables.scenarios(made.finish())
    assert [(len(who.split(", ")), facts) for who, facts in scenario.facts] == [
        (1, (("congestion control", "cubic"),)),
        (2, (("congestion control", "bbr"),)),
    ]


@pytest.mark.parametrize(
    ("samples", "shown"), [(19, [False, False]), (20, [True, False]), (100, [True, True])]
)
def test_no_high_quantile_is_shown_of_few_samples(tmp_path, samples, shown):
    with RunRecorder("quick", {}, reports=tmp_path) as made:
        subject = made.subject(backend="tcg")
        for value in range(samples):
            made.sample("boot", "ready", unit="s", better="lower", subject=subject, value=1 + value)
        run = made.finish()
        source = html.render(run, tmp_path)
    page = Page(source)
    columns = [f'<th scope="col">{name}</th>' in source for name in ("p95", "p99")]
    assert columns == shown
    assert ("| p95 |" in markdown(run)) == shown[0]
    widths = [int(attributes["colspan"]) for name, attributes in page.elements if "colspan" in attributes]
    assert widths == [6 + sum(shown)]
