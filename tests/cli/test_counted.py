"""What a command says of one thing is not said in the plural."""

from __future__ import annotations

import pytest

from harness.counted import counted
from harness.results.recorder import RunRecorder


@pytest.mark.parametrize(
    ("number", "things", "said"),
    [
        (0, None, "0 samples"),
        (1, None, "1 sample"),
        (1000, None, "1,000 samples"),
        (1, "samplings", "1 sample"),
        (2, "samplings", "2 samplings"),
    ],
)
def test_a_number_of_things_in_english(number, things, said) -> None:
    assert counted(number, "sample", things) == said


def test_one_run_of_one_sample_is_not_told_in_the_plural(command, tmp_path) -> None:
    with RunRecorder("quick", {}, reports=tmp_path / "reports", run_id="one") as recorder:
        subject = recorder.subject(backend="tcg", guest="tiny", arch="arm64")
        recorder.sample("boot", "init", unit="s", better="lower", subject=subject, value=1)
        recorder.finish()
    assert command("report", "one", "--reports", "reports")[0] == 0
    assert command("store")[1].endswith("1 run\n")
    markdown = (tmp_path / "reports" / "one" / "report.md").read_text(encoding="utf-8")
    assert "1 sample in 1 series" in markdown
    page = (tmp_path / "reports" / "one" / "index.html").read_text(encoding="utf-8")
    assert "<strong>1</strong> sample in" in page
    assert "1 run\n" in command("publish", "site", "--reports", "reports")[2]
    assert "1 samples" not in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
