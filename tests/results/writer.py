"""One of many writers: ``python -m tests.results.writer URL NAME COUNT`` saves so many runs, and one that all share."""

import sys
from datetime import UTC, datetime, timedelta

from harness.results.models import Run, Series, Subject, Summary
from harness.results.store import Store

SHARED = "shared"
STARTED = datetime(2026, 1, 1, tzinfo=UTC)
PATIENCE_S = 250


def small_run(run_id: str, value: float) -> Run:
    summary = Summary(n=2, median=value, ci95=None, min=value, max=value, p95=value, p99=value)
    return Run(
        run={"id": run_id, "started": STARTED, "finished": STARTED + timedelta(seconds=1), "profile": "quick",
             "harness": {"version": "1"}, "host": {"fingerprint": "host"}},
        subjects=[Subject(id="tcg", backend="tcg", fingerprint="tcg")],
        series=[Series(scenario="boot", metric="guest-ready", unit="s", better="lower", subject="tcg",
                       samples=[value, value], summary=summary)],
    )  # fmt: skip


def main(url: str, name: str, count: int) -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for number in range(count):
        # opened each time: the first of all writers makes the tables; on a busy host a turn comes late
        with Store(url, busy_timeout_s=PATIENCE_S) as store:
            store.save(small_run(f"{name}-{number}", number))
            store.save(small_run(SHARED, number))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
