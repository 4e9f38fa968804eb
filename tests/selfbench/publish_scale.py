"""How long a site of a thousand runs takes, and one more run; and whether one more costs less than all again.

The runs are made (12 samples of each of 40 series), and each has its report already, as a bench leaves it: drawing it
is what ``report_scale`` measures. Publishing is a process of its own, as people and CI start it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.report.site.made import factory, many
from tests.selfbench.result import Result

LIMIT_S = 60
ONE_MORE_LIMIT_S = 3
RUNS = 1000


def run() -> Result:
    """Seconds for a thousand runs; the detail has one more, and nothing new."""
    with tempfile.TemporaryDirectory() as scratch:
        reports, site = Path(scratch, "reports"), Path(scratch, "site")
        made = factory(Path(scratch, "first"))
        many(reports, RUNS, made=made)
        all_s = _publish(site, reports)
        made.write(reports, RUNS, upgraded=True)
        one_more_s = _publish(site, reports)
        nothing_s = _publish(site, reports)
        files = [path.stat().st_size for path in site.rglob("*") if path.is_file()]
        pages = len(list((site / "runs").glob("*/index.html")))
    detail = {
        "runs": pages,
        "series_each": len(made.like.series),
        "one_more_s": round(one_more_s, 2),
        "one_more_limit_s": ONE_MORE_LIMIT_S,
        "nothing_new_s": round(nothing_s, 2),
        "site_mb": round(sum(files) / 1e6),
        "files": len(files),
    }
    holds = one_more_s <= ONE_MORE_LIMIT_S and pages == RUNS + 1
    return Result("publish_scale", all_s, "s", LIMIT_S, detail, holds=holds)


def _publish(site: Path, reports: Path) -> float:
    store = f"sqlite:///{reports.parent / 'results.db'}"
    code = "from harness.cli.main import main; main()"
    command = [sys.executable, "-c", code, "publish", site, "--reports", reports, "--store", store]
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started
