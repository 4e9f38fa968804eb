"""Many runs from one: the same series at other speeds, on other days, for the site to show; never to publish."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from harness.report.html import render
from harness.results.files import write_csv, write_json
from harness.results.folder import publish, read_run
from harness.results.models import Run
from tests.report.synthetic import synthetic_run

if TYPE_CHECKING:
    from pathlib import Path

FIRST = datetime(2025, 3, 1, 3, tzinfo=UTC)
UPGRADE_AT = 0.6
"""Of the runs: from here on the guests' QEMU is a newer one."""


@dataclass(frozen=True)
class Factory:
    """Makes runs that look like ``like``, whose report is ``page``."""

    like: Run
    page: str

    def write(self, reports: Path, number: int, *, upgraded: bool = False, page: bool = True) -> Run:
        """The folder of run ``number``, a day after the one before, as a bench leaves it; without ``page``, unread."""
        run = self.run(number, upgraded=upgraded)
        files = {"results.json": partial(write_json, run), "samples.csv": partial(write_csv, run)}
        if page:
            text = self.page.replace(self.like.id, run.id)
            files["index.html"] = lambda stream: stream.write(text) and None
        for picture in self.like.failed:
            for log in picture.logs:
                (reports / run.id / log).parent.mkdir(parents=True, exist_ok=True)
                (reports / run.id / log).write_text("[ 4.10] Kernel panic - not syncing\n")
        publish(reports / run.id, files)
        return run

    def run(self, number: int, *, upgraded: bool = False) -> Run:
        """Run ``number``, each of its series stretched a little, summaries with it."""
        dice = random.Random(number)
        document = self.like.model_dump(mode="json", by_alias=True)
        started = FIRST + timedelta(days=number)
        document["run"] |= {
            "id": f"{started:%Y%m%d-%H%M%S}-{number:04x}",
            "started": started.isoformat(),
            "finished": (started + timedelta(minutes=5)).isoformat(),
        }
        for subject in document["subjects"]:
            if upgraded and subject["backend"] != "native":
                subject |= {"backend_version": "QEMU 10.0.2", "fingerprint": subject["fingerprint"][::-1]}
        for series in document["series"]:
            stretch = dice.lognormvariate(0, 0.01) * (0.95 if upgraded else 1)
            summary = series["summary"]
            series["samples"] = [value * stretch for value in series["samples"]]
            series["summary"] |= {
                name: value * stretch for name, value in summary.items() if name not in ("n", "ci95")
            } | {"ci95": summary["ci95"] and [end * stretch for end in summary["ci95"]]}
        return Run.model_validate(document)


def factory(scratch: Path, *, rounds: int = 12) -> Factory:
    """One run recorded and its report drawn, in ``scratch``."""
    run = synthetic_run(scratch, rounds=rounds)
    return Factory(read_run(scratch / run.id), render(run, scratch / run.id))


def many(reports: Path, count: int, *, made: Factory) -> list[Run]:
    """``count`` runs, day after day, with a new QEMU after more than half of them."""
    return [made.write(reports, at, upgraded=at >= count * UPGRADE_AT) for at in range(count)]
