"""Frame rates beside their targets, frame times as distributions, and what was drawn: page, Markdown and terminal."""

import base64
import hashlib
import io
import re
import struct
import zlib

import pytest
from PIL import Image
from rich.console import Console

from harness.report import html, pictures, shown, summary, targets
from harness.report.distributions import Shape, distributions
from harness.report.key_table import key_table
from harness.report.markdown import render as markdown
from harness.report.shares import Share, shares
from harness.report.targets import target_tables
from harness.report.terminal import print_table
from harness.report.units import TIMES
from harness.results.pictures import FOLDER, encode_png
from harness.results.recorder import RunRecorder
from tests.report.test_page import Page

TARGETS = {"95 %": 0.95, "80 %": 0.8}
NOTICE = "this host has no GPU"
RATES = {"slow": 50.0, "fast": 97.0, "between": 87.0, "twice": 200.0}
"""Subject → frames per second, where native has 100."""
SPREAD = (0.99, 1.0, 1.01) * 3
SIZE = (64, 36)


def frames_run(reports, *, size=SIZE):
    """Two scenes on native and four subjects; rates in frames per second, costs in seconds."""
    with RunRecorder("standard", {}, reports=reports) as recorder:
        native = recorder.subject(backend="native", variant="vulkan", arch="x86-64")
        guests = {
            name: recorder.subject(backend="tcg", arch="x86-64", variant=name, baseline=native)
            for name in RATES
        }
        for scene in ("triangle", "fill"):
            for subject, rate in ((native, 100.0), *((guests[name], rate) for name, rate in RATES.items())):
                for metric, unit, better, values in (
                    ("frame-rate", "frames/s", "higher", [rate * each for each in SPREAD]),
                    ("cost", "s", "lower", [each / rate for each in SPREAD]),
                    ("frame-time", "s", "lower", [(1 + at % 50 / 100) / rate for at in range(500)]),
                ):
                    about = {"subject": subject}
                    rounds = [at // 50 for at in range(500)] if metric == "frame-time" else range(9)
                    recorder.samples(
                        "gpu",
                        f"{scene}/{metric}",
                        unit=unit,
                        better=better,
                        values=values,
                        at_s=rounds,
                        **about,
                    )
                    targets = None if metric == "frame-time" else TARGETS
                    facts = {"renderer": f"pipe of {subject}", "picture": f"{scene} is right"}
                    definition = "frames ÷ time" if metric == "frame-rate" else ""
                    recorder.about(
                        "gpu",
                        f"{scene}/{metric}",
                        targets=targets,
                        facts=facts,
                        definition=definition,
                        **about,
                    )
                png = encode_png(bytes(range(256)) * (size[0] * size[1] // 64), *size)
                recorder.picture(
                    "gpu", scene, subject=subject, data=png.data, width=png.width, height=png.height,
                    caption=f"{scene} was checked", facts={"renderer": "pipe"},
                )  # fmt: skip
        recorder.notice(NOTICE)
        return recorder.finish(), recorder.folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return frames_run(tmp_path_factory.mktemp("reports"))


@pytest.fixture(scope="module")
def page(made):
    return Page(html.render(*made))


def verdicts(table):
    return {row.subject.split()[-1]: row.verdicts for row in table.groups[0].rows}


def test_a_target_is_reached_only_by_the_whole_interval(made):
    rate, cost = target_tables(made[0])
    assert [label for label, _ in rate.targets] == ["80 %", "95 %"], "the lowest first"
    expected = {
        "slow": ("missed", "missed"),
        "fast": ("reached", "reached"),
        "between": ("reached", "missed"),
        "twice": ("reached", "reached"),
    }
    assert verdicts(rate) == verdicts(cost) == expected, "of a duration the speed counts"
    assert [group.title for group in rate.groups] == ["triangle", "fill"]
    for table in (rate, cost):
        shares = [row.share for row in table.groups[0].rows]
        assert shares == pytest.approx([0.5, 0.97, 0.87, 2.0], rel=1e-6)
        for row in table.groups[0].rows:
            assert row.ci95[0] <= row.share <= row.ci95[1]


def test_an_interval_around_a_target_and_none_at_all_are_unclear(tmp_path):
    with RunRecorder("quick", {}, reports=tmp_path) as recorder:
        native, wide, lone = (recorder.subject(backend=name) for name in ("native", "tcg", "kvm"))
        for subject, values in ((native, [100.0] * 5), (wide, [70, 75, 80, 85, 90]), (lone, [99.0])):
            recorder.samples("gpu", "rate", unit="frames/s", better="higher", subject=subject, values=values)
            recorder.about("gpu", "rate", subject=subject, targets={"80 %": 0.8})
        (table,) = target_tables(recorder.finish())
    assert [row.verdicts for row in table.groups[0].rows] == [("unclear",), ("unclear",)]


def test_the_page_has_the_notice_the_baseline_the_lines_and_the_definition(made, page):
    assert page.open == []
    assert page.text.index(NOTICE) < page.text.index("gpu at 50\u202f% of native"), "before any number"
    for told in (
        "frame rate against 80 % and 95 % of native", "native is 100\u202f%", "frames ÷ time",
        "100\u202f% is native, 100\u202fframes/s (of tcg x86-64 slow", "median · p95 · p99", "higher is better →",
        "triangle: triangle is right; fill: fill is right", "pipe of tcg-x86-64-slow", "triangle was checked",
    ):  # fmt: skip
        assert told in page.text, told
    labels = [text for text in ("80 %", "95 %") if page.text.count(text) >= 2 * 2]
    assert labels == ["80 %", "95 %"], "named at the lines of every plot"
    assert len(page.all("svg")) == 2 * 3
    gallery = pictures.galleries(made[0], html.context(*made)["scenarios"])["gpu"]
    assert gallery.keys == {"bars", "shapes"}
    assert (len(gallery.pictures), gallery.others, gallery.undrawn_metrics) == (6, (), 0)


def test_only_metrics_with_targets_make_the_sentence(made):
    headlines = {line.label: line.clauses for line in summary.headlines(made[0])}
    assert headlines["tcg x86-64 slow"] == ("gpu at 50\u202f% of native",)
    assert key_table(made[0]).rows == ()


def test_every_picture_is_in_the_page_with_who_drew_it(made, page):
    images = page.all("img")
    assert len(images) == 10
    assert {image["alt"] for image in images} >= {"triangle on tcg x86-64 slow", "fill on native"}
    for image in images:
        head, data = image["src"].split(",")
        assert head == "data:image/png;base64"
        decoded = Image.open(io.BytesIO(base64.b64decode(data)))
        assert decoded.size == SIZE == (int(image["width"]), int(image["height"]))


def test_a_large_picture_is_small_in_the_page(tmp_path):
    run, folder = frames_run(tmp_path, size=(1280, 720))
    for group in shown.shown(run, folder)["gpu"]:
        for one in group.pictures:
            assert (one.width, one.height) == (480, 270)
            assert one.size == f"1280 {TIMES} 720"
            assert len(one.uri) < 300_000


def test_a_page_holds_so_much_and_links_the_rest(made, monkeypatch):
    run, folder = made
    size = len(shown.shown(run, folder)["gpu"][0].pictures[0].uri)
    monkeypatch.setattr(shown, "PAGE_BYTES_MAX", 3 * size + 10)
    page = Page(html.render(run, folder))
    assert len(page.all("img")) == 3
    assert page.text.count("the page has as many as it can hold") == 7


def test_a_run_without_its_files_says_where_they_were(made, tmp_path):
    page = Page(html.render(made[0], tmp_path))
    assert page.all("img") == []
    assert page.text.count("its file is not in the run's folder") == 10


def _bomb(width, height):
    """A PNG that claims a size its data does not have."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (b"", SIZE),
        (b"\x89PNG\r\n\x1a\n", SIZE),
        (b"<svg onload='alert(1)'/>", SIZE),
        (b"GIF89a" + bytes(100), SIZE),
        (_bomb(50_000, 50_000), SIZE),
        (_bomb(8192, 8192), (8192, 8192)),
        (_bomb(*SIZE), SIZE),
        (encode_png(bytes(16), 2, 2).data, SIZE),
    ],
)
def test_a_file_that_is_no_picture_of_its_size_is_not_in_the_page(made, tmp_path, data, size):
    run, _ = made
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "x.png").write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    lie = {"file": f"{FOLDER}/x.png", "sha256": sha256, "width": size[0], "height": size[1]}
    lying = run.model_copy(update={"pictures": (run.pictures[0].model_copy(update=lie),)})
    page = Page(html.render(lying, tmp_path))
    assert page.all("img") == []
    assert "its file is no picture of that size" in page.text


def test_markdown_says_the_same(made):
    text = markdown(made[0]).replace("\u202f", " ")
    assert f"**{NOTICE}**" in text
    assert "### frame rate against 80 % and 95 % of native" in text
    assert re.search(r"\| triangle \(100 % is native, 100 frames/s\) \| tcg x86-64 slow \| 50\.0 frames/s \| 50\.0 % "
                     r"\| 49\.\d \u2013 5\d\.\d \| missed \| missed \|", text)  # fmt: skip
    assert "*frame rate*: frames ÷ time" in text
    assert re.search(r"- \[triangle on native\]\(\./pictures/001-[\w-]+\.png\): triangle was checked", text)


def test_the_terminal_says_the_same_in_80_columns(made):
    stream = io.StringIO()
    print_table(made[0], Console(file=stream, width=80, highlight=False, markup=False))
    text = stream.getvalue().replace("\u202f", " ")
    assert max(map(len, text.splitlines())) <= 80
    assert text.startswith(NOTICE)
    assert re.search(r"gpu: frame rate +median +.*80 % +95 %", text)
    assert re.search(r"triangle\s+native +100 frames/s\s+tcg x86-64 slow +50\.0 frames/s "
                     r"+50\.0 % \[49\.\d\u20135\d\.\d\] "
                     r"+missed +missed", text)  # fmt: skip


def test_a_million_samples_are_one_small_plot_with_the_tail_in_it():
    values = [1.0 + at / 1e6 for at in range(999_999)] + [100.0]
    shape = Shape("subject", values, 1.5, 1.95, 1.99)
    svg = distributions("t", [shape], unit="s", better="lower")
    assert len(svg) < 60_000
    assert svg == distributions("t", [shape], unit="s", better="lower"), "and always the same"
    assert "(log scale)" in svg


@pytest.mark.parametrize("values", [[0.0] * 300, [5.0] * 300, [0.0, 1e-9] * 150, [1e300, 1.0] * 150])
def test_every_distribution_can_be_drawn(values):
    shape = Shape("subject", values, sorted(values)[150], max(values), max(values))
    assert distributions("t", [shape], unit="s", better="lower").startswith("<svg")


def test_a_share_has_the_same_digits_in_the_plot_as_in_the_table():
    rows = [Share("subject", 0.00509, (0.004, 0.006))]
    svg = shares("t", rows, [("80 %", 0.8)], most=1)
    assert "0.509\u202f%" in svg
    assert not re.search(r'="[^"]*\.\d{3}', svg), "coordinates are short"


@pytest.mark.parametrize(
    ("targets", "most", "lines", "ends"),
    [
        ({"80 %": 0.8, "95 %": 0.95}, 1, 1, [True, False]),
        ({"83 % (20 % overhead)": 0.83, "91 % (10 % overhead)": 0.91}, 1, 2, [True, True]),
        ({"80 %": 0.8, "90 %": 0.9, "93 %": 0.93}, 1, 3, [True, True, True]),
        ({"83 % (20 % overhead)": 0.83, "91 %": 0.91}, 3, 2, [False, True]),
    ],
)
def test_names_of_targets_stay_in_their_plot(targets, most, lines, ends):
    """What does not fit beside its dashed line is on a line of its own."""
    svg = shares("t", [Share("subject", 0.3, None)], list(targets.items()), most=most)
    texts = {text: tag for tag, text in re.findall(r"<text([^>]*)>([^<]*)</text>", svg)}
    heights = {re.search(r"\by=\"([\d.]+)\"", texts[name]).group(1) for name in targets}
    assert len(heights) == lines
    assert ["end" in texts[name] for name in targets] == ends


def test_a_wide_interval_does_not_push_the_targets_together():
    (row,) = (targets.Row("wide", "1", 0.68, (0.1, 30.0), ("unclear",)),)
    table = targets.TargetTable(
        "gpu", "fps", (("80 %", 0.8),), (targets.Group("g", "g/fps", "native", "", (row,)),)
    )
    assert table.most == 1.5
