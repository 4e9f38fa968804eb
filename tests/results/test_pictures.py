"""Pictures come from guests: whatever size they claim, what is kept is whole, bounded and inside the run's folder."""

import io
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from harness.errors import MeasurementError, ReportsUnwritable
from harness.results import pictures, recorder
from harness.results.journal import recover
from harness.results.models import Run
from harness.results.pictures import encode_png, file_name, read_picture, write_picture
from harness.results.recorder import RunRecorder

RED, HALF_GREEN = b"\xff\x00\x00\xff", b"\x00\xff\x00\x80"


def decoded(data):
    return Image.open(io.BytesIO(data)).convert("RGBA")


def kept(run_recorder, name="scene", pixels=RED, subject=None, **more):
    png = encode_png(pixels, 1, 1)
    subject = subject or run_recorder.subject(backend="tcg")
    run_recorder.picture(
        "gpu", name, subject=subject, data=png.data, width=png.width, height=png.height, **more
    )


@pytest.fixture
def made(tmp_path):
    with RunRecorder("quick", {}, reports=tmp_path) as one:
        yield one


def test_pixels_are_kept_as_they_are_and_a_screen_has_no_alpha():
    png = encode_png(RED + HALF_GREEN, 2, 1)
    assert (png.width, png.height) == (2, 1)
    assert [decoded(png.data).getpixel((x, 0)) for x in range(2)] == [(255, 0, 0, 255), (0, 255, 0, 255)]


@given(st.integers(-5, 20_000), st.integers(-5, 20_000), st.integers(0, 64))
@settings(max_examples=80, deadline=None)
def test_a_size_that_is_not_that_of_the_pixels_is_refused(width, height, size):
    if width > 0 and height > 0 and width * height * 4 == size:
        assert decoded(encode_png(bytes(size), width, height).data).size == (width, height)
        return
    with pytest.raises(MeasurementError, match=f"{width} x {height}"):
        encode_png(bytes(size), width, height)


@pytest.mark.parametrize(("width", "height"), [(1 << 40, 1), (8193, 1), (1, 8193), (8192, 8192), (0, 0)])
def test_a_hostile_size_costs_no_memory(width, height):
    with pytest.raises(MeasurementError, match="is not kept"):
        encode_png(b"", width, height)


def test_noise_is_halved_until_it_fits():
    noise = random.Random(1).randbytes(1600 * 900 * 4)
    png = encode_png(noise, 1600, 900)
    assert len(png.data) <= pictures.PNG_BYTES_MAX
    assert (png.width, png.height) == decoded(png.data).size == (800, 450)


def test_the_last_of_a_name_is_kept_and_read_back(made):
    for pixels in (RED, HALF_GREEN):
        kept(made, pixels=pixels, caption="checked", facts={"renderer": "x"})
    kept(made, name="other")
    run = made.finish()
    assert [picture.name for picture in run.pictures] == ["scene", "other"]
    first = run.pictures[0]
    assert decoded(read_picture(made.folder, first.file, first.sha256)).getpixel((0, 0)) == (0, 255, 0, 255)
    assert (first.caption, first.facts) == ("checked", {"renderer": "x"})
    assert len(list((made.folder / pictures.FOLDER).iterdir())) == 2
    assert recover(made.folder) == run == Run.from_json(run.to_json())


@pytest.mark.parametrize(("limit", "most"), [("RUN_PICTURES_MAX", 3), ("RUN_BYTES_MAX", 3 * 70)])
def test_a_run_keeps_so_many_pictures_and_says_that_there_were_more(made, monkeypatch, limit, most):
    assert len(encode_png(RED, 1, 1).data) <= 70
    monkeypatch.setattr(recorder, limit, most)
    for number in range(9):
        kept(made, name=f"scene-{number}")
    run = made.finish()
    assert 3 <= len(run.pictures) == len(list((made.folder / pictures.FOLDER).iterdir())) < 9
    assert run.notices == ("Not every picture is here: this run has more than a report keeps.",)


@given(st.text(st.characters(), max_size=300), st.text(st.characters(), max_size=300))
@settings(max_examples=60, deadline=None)
def test_whatever_a_picture_is_called_its_file_stays_in_the_folder(tmp_path_factory, name, other):
    folder = tmp_path_factory.mktemp("wild")
    with RunRecorder("quick", {}, reports=folder) as one:
        png = encode_png(RED, 1, 1)
        one.picture(other, name, subject=one.subject(backend=other), data=png.data, width=1, height=1)
        run = one.finish()
    (written,) = (one.folder / pictures.FOLDER).iterdir()
    assert run.pictures[0].file == f"pictures/{written.name}"
    assert recover(one.folder) == run


@pytest.mark.parametrize(
    "file", ["../x.png", "pictures/../x.png", "/x.png", "pictures/.x.png", "pictures/x.svg"]
)
def test_a_path_out_of_the_folder_is_refused(made, file):
    kept(made)
    document = json.loads(made.finish().to_json())
    document["pictures"][0]["file"] = file
    with pytest.raises(ValidationError, match="file"):
        Run.from_json(json.dumps(document))


def test_a_file_that_was_changed_or_lies_elsewhere_is_not_read(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    data, file = encode_png(RED, 1, 1).data, file_name(1, "a")
    write_picture(folder, file, data)
    import hashlib

    sha256 = hashlib.sha256(data).hexdigest()
    assert read_picture(folder, file, sha256) == data
    assert read_picture(folder, file, "0" * 64) is None
    (tmp_path / "elsewhere.png").write_bytes(data)
    (folder / "pictures" / "link.png").symlink_to(tmp_path / "elsewhere.png")
    assert read_picture(folder, "pictures/link.png", sha256) is None
    assert read_picture(folder, "pictures/none.png", sha256) is None


def test_a_folder_in_the_way_has_a_name(made):
    (made.folder / pictures.FOLDER).write_text("in the way")
    with pytest.raises(ReportsUnwritable, match="cannot write a picture"):
        kept(made)
