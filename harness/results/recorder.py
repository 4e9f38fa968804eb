"""What a bench fills while it measures: :class:`RunRecorder`.

It holds raw numbers and writes a journal; pydantic and numpy are loaded by :meth:`RunRecorder.finish` only,
after the last measurement.

    recorder = RunRecorder("standard", host_facts, reports=Path("reports"))
    tcg = recorder.subject(backend="tcg", backend_version="7.2.0", guest="tiny", arch="arm64")
    recorder.sample("boot", "guest-ready", unit="s", better="lower", subject=tcg, value=6.0)
    run = recorder.finish()

Conventions that the report knows: the metrics of a boot are the values of ``harness.machines.model.Phase``,
optionally after a prefix that ends in ``/`` ("cold/guest-ready"); units are ``s``, ``B``, ``1`` or a rate
(``B/s``, ``calls/s``) and are scaled for display, any other is shown as it is. What a metric has before its last
``/`` is what was run ("triangle/frame-rate"): pictures of that name are shown with it.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from harness import __version__
from harness.errors import MeasurementError, UnknownName
from harness.host.vmm_programs import is_double
from harness.results.draft import Draft, Event
from harness.results.fingerprint import fingerprint_of
from harness.results.journal import Journal
from harness.results.pictures import RUN_BYTES_MAX, RUN_PICTURES_MAX, file_name, write_picture
from harness.results.plain_values import fitting_name, plain_value, printable
from harness.results.writable import writing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from harness.results.models import Run


class RunRecorder:
    """Records one run in ``reports/<run id>/``; safe to use from several threads.

    ``profile``: its name. ``host``: the host's facts, with their "fingerprint" (else one is made of all of
    them). ``reports``: the folder of all runs.
    ``commit``: of the harness. ``command``: what measures the same again. Raises DiskFull and ReportsUnwritable, when
    made and from any recording method; what was recorded before stays readable.
    """

    def __init__(
        self,
        profile: str,
        host: Mapping[str, Any],
        *,
        reports: Path,
        run_id: str | None = None,
        commit: str = "",
        command: Iterable[str] = (),
    ) -> None:
        self._started = started = datetime.now(UTC)
        self._zero_ns = time.monotonic_ns()
        self._lock = threading.Lock()
        self._draft = Draft()
        self._picture_bytes: dict[str, int] = {}
        self.id = run_id or f"{started:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        self.folder = reports / self.id
        self.logs = self.folder / "logs"
        """Where consoles and logs of machines go."""
        self._journal = Journal(self.folder)
        with writing("the logs of a run", self.logs):
            self.logs.mkdir(exist_ok=True)
        facts = plain_value(host)
        facts["fingerprint"] = fitting_name(str(facts.get("fingerprint") or fingerprint_of(facts)))
        harness = {"version": __version__, "commit": commit, "command": [printable(word) for word in command]}
        self._record(
            {"event": "run", "id": self.id, "started": started.isoformat(), "profile": printable(profile),
             "harness": harness, "host": facts}
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def subject(
        self, *, backend: str, backend_version: str = "", guest: str | None = None, arch: str = "",
        config: Mapping[str, Any] | None = None, fingerprint: str | None = None, variant: str = "",
        baseline: str | None = None,
    ) -> str:  # fmt: skip
        """Register what is being measured and return its id; the same facts give the same id.

        ``baseline`` is the id of the subject that its ratios are relative to; without one they are relative to the
        first native subject that has the metric. Raises UnknownName for a baseline that is not registered, and
        MeasurementError for a double: what its machines do is not what the backend does.

        The id is readable and the same in every run ("tcg-arm64-tiny", with ``variant``
        "tcg-arm64-tiny-microvm"), so that runs can be compared. Two subjects of one run that would share it
        differ by their fingerprint's start.
        """
        facts: dict[str, Any] = {
            "backend": fitting_name(backend),
            "backend_version": printable(backend_version),
            "guest": None if guest is None else printable(guest),
            "arch": printable(arch),
            "config": plain_value(config or {}),
        }
        _refuse_double(facts)
        facts["fingerprint"] = fitting_name(fingerprint or fingerprint_of(facts))
        name = fitting_name("-".join(part for part in (backend, arch, guest, variant) if part))
        with self._lock:
            known = self._draft.subjects.get(name)
            if known is not None and known["fingerprint"] != facts["fingerprint"]:
                name = f"{name[:190]}~{facts['fingerprint'][:6]}"
            if baseline is not None:
                self._known_subject(baseline)
            if name not in self._draft.subjects:
                self._write({"event": "subject", "id": name, **facts, "baseline": baseline})
        return name

    def sample(
        self, scenario: str, metric: str, *, unit: str, better: str, subject: str, value: float,
        at_s: float | None = None, signed: bool = False,
    ) -> None:  # fmt: skip
        """Record one value, taken ``at_s`` seconds after the run started (now, if not given).

        Raises MeasurementError for a value that is no finite number, for a negative one unless ``signed`` (a
        clock's drift may be negative, a duration not), and for a series whose unit or direction changes;
        UnknownName for a subject that is not registered.
        """
        when = self.elapsed_s() if at_s is None else at_s
        self.samples(
            scenario,
            metric,
            unit=unit,
            better=better,
            subject=subject,
            values=[value],
            at_s=[when],
            signed=signed,
        )

    def samples(
        self, scenario: str, metric: str, *, unit: str, better: str, subject: str, values: Iterable[float],
        at_s: Sequence[float] | None = None, signed: bool = False,
    ) -> None:  # fmt: skip
        """Record several values in their order, all of them or none; raises as :meth:`sample` does.

        Without ``at_s`` they were all taken now.
        """
        where = f"{scenario}/{metric} on {subject}"
        scenario, metric = fitting_name(scenario), fitting_name(metric)
        checked = [_checked(value, where, signed=signed) for value in values]
        taken_s = [self.elapsed_s()] * len(checked) if at_s is None else at_s
        times = [round(_checked(at, f"time of {where}", signed=True), 6) for at in taken_s]
        if len(times) != len(checked):
            raise MeasurementError(f"{where}: {len(times)} times for {len(checked)} samples")
        with self._lock:
            self._declare(scenario, metric, unit, better, subject)
            if checked:
                key = [scenario, metric, subject]
                self._write({"event": "samples", "series": key, "values": checked, "times": times})

    def withdraw(self, scenario: str, metric: str, *, subject: str, count: int) -> None:
        """The last ``count`` samples of a series were of an attempt that failed, and are no numbers."""
        self._record(
            {
                "event": "withdraw",
                "series": list(self._known_series(scenario, metric, subject)),
                "count": count,
            }
        )

    def note(self, scenario: str, metric: str, *, subject: str, text: str) -> None:
        """Say something about a series that has samples; once for each text."""
        key = self._known_series(scenario, metric, subject)
        clean = printable(text)
        if clean not in self._draft.series[key].notes:
            self._record({"event": "note", "series": list(key), "text": clean})

    def about(
        self, scenario: str, metric: str, *, subject: str, targets: Mapping[str, float] | None = None,
        definition: str = "", facts: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Say what a series that has samples is: targets (label → share of native's speed), how it is computed, facts.

        What was said before stays unless it is said again. Raises MeasurementError for a target that is no positive
        number.
        """
        key = self._known_series(scenario, metric, subject)
        series = self._draft.series[key]
        where = f"target of {'/'.join(key)}"
        aimed = [
            {"label": fitting_name(label), "share": _checked(share, where, positive=True)}
            for label, share in (targets or {}).items()
        ]
        said = {
            "targets": aimed or series.targets,
            "definition": printable(definition) or series.definition,
            "facts": {**series.facts, **plain_value(facts or {})},
        }
        if said != {"targets": series.targets, "definition": series.definition, "facts": series.facts}:
            self._record({"event": "about", "series": list(key), **said})

    def host(self, **facts: Any) -> None:
        """Say what else is so of the host, e.g. how noisy it was; its fingerprint stays."""
        self._record({"event": "host", **plain_value(facts)})

    def notice(self, text: str) -> None:
        """Say what a reader must know before any number of this run; once for each text."""
        clean = printable(text)
        if clean not in self._draft.notices:
            self._record({"event": "notice", "text": clean})

    def picture(
        self, scenario: str, name: str, *, subject: str, data: bytes, width: int, height: int, caption: str = "",
        facts: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Keep a picture of what a subject showed; of several with the same scenario, name and subject the last.

        ``data`` is a PNG: ``harness.results.pictures.encode_png`` makes one.

        Beyond RUN_PICTURES_MAX pictures or RUN_BYTES_MAX bytes of them none is kept, and a notice says so.
        """
        self._known_subject(subject)
        scenario, name = fitting_name(scenario), fitting_name(name)
        known = self._draft.pictures.get((scenario, name, subject))
        file = known["file"] if known else file_name(len(self._draft.pictures) + 1, scenario, name, subject)
        sizes = {**self._picture_bytes, file: len(data)}
        if len(sizes) > RUN_PICTURES_MAX or sum(sizes.values()) > RUN_BYTES_MAX:
            self.notice("Not every picture is here: this run has more than a report keeps.")
            return
        write_picture(self.folder, file, data)
        self._picture_bytes = sizes
        self._record(
            {"event": "picture", "scenario": scenario, "subject": subject, "name": name, "file": file,
             "width": width, "height": height, "sha256": hashlib.sha256(data).hexdigest(),
             "caption": printable(caption), "facts": plain_value(facts or {})}
        )  # fmt: skip

    def skip(
        self, scenario: str, *, code: str, reason: str, fix: str = "", subject: str | None = None
    ) -> None:
        """Something that the host cannot do, once for each; ``subject`` may name one that was never registered
        ("kvm-arm64").
        """
        skip = {"scenario": fitting_name(scenario), "subject": _subject(subject), "code": fitting_name(code),
                "reason": printable(reason), "fix": printable(fix)}  # fmt: skip
        if skip not in self._draft.skipped:
            self._record({"event": "skip", **skip})

    def fail(
        self, scenario: str, *, error: str | BaseException, message: str = "", subject: str | None = None,
        logs: Iterable[Path | str] = (),
    ) -> None:  # fmt: skip
        """An attempt that failed; ``error`` is the exception or its class's name, ``logs`` lie in the run's
        folder.
        """
        name, text = (
            (type(error).__name__, message or str(error))
            if isinstance(error, BaseException)
            else (error, message)
        )
        kept = [self._relative(log) for log in logs]
        failure = {
            "scenario": fitting_name(scenario),
            "subject": _subject(subject),
            "error": fitting_name(name),
        }
        self._record({"event": "fail", **failure, "message": printable(text), "logs": kept})
        self._journal.sync()

    @property
    def sample_count(self) -> int:
        """Samples recorded until now: 0 at the end means that nothing was measured."""
        return sum(len(series.samples) for series in self._draft.series.values())

    def elapsed_s(self) -> float:
        """Seconds since the run started, on the monotonic clock."""
        return (time.monotonic_ns() - self._zero_ns) / 1e9

    def move(self, reports: Path) -> None:
        """Go on in another folder of runs, with what was recorded until now: where its own takes no more.

        Its logs and pictures stay where they are. Raises DiskFull, ReportsUnwritable; then it stays there, too.
        """
        with self._lock:
            self._journal.move(reports / self.id)
            self.folder = reports / self.id

    def end(self) -> None:
        """End the run; its folder's journal is all that a report needs, in whichever process that is written."""
        ended = self._started + timedelta(
            seconds=self.elapsed_s()
        )  # whatever the host's clock was set to meanwhile
        self._record({"event": "finish", "at": ended.isoformat()})
        self.close()

    def finish(self) -> Run:
        """End the run and compute summaries and ratios; the recorder takes nothing afterwards."""
        self.end()
        return self._draft.freeze()

    def close(self) -> None:
        """Leave the run as it is, unfinished unless :meth:`finish` was called; twice is fine."""
        self._journal.close()

    def _declare(self, scenario: str, metric: str, unit: str, better: str, subject: str) -> None:
        known = self._draft.series.get((scenario, metric, subject))
        if known is None:
            self._known_subject(subject)
            if better not in ("lower", "higher"):
                raise UnknownName("direction", better, ("lower", "higher"), where=f"{scenario}/{metric}")
            if not unit or unit != fitting_name(unit):
                raise MeasurementError(
                    f"{scenario}/{metric} needs a unit, not {unit!r}", fix='"1" for a count'
                )
            self._write(
                {"event": "series", "scenario": scenario, "metric": metric, "unit": unit, "better": better,
                 "subject": subject}
            )  # fmt: skip
        elif (known.unit, known.better) != (unit, better):
            raise MeasurementError(
                f"{scenario}/{metric} on {subject} was {known.unit} ({known.better} is better), "
                f"now {unit} ({better})"
            )

    def _known_subject(self, subject: str) -> None:
        if subject not in self._draft.subjects:
            raise UnknownName("subject", subject, self._draft.subjects)

    def _known_series(self, scenario: str, metric: str, subject: str) -> tuple[str, str, str]:
        key = (fitting_name(scenario), fitting_name(metric), subject)
        if key not in self._draft.series:
            raise UnknownName("series", "/".join(key), map("/".join, self._draft.series))
        return key

    def _relative(self, log: Path | str) -> str:
        from pathlib import Path  # noqa: PLC0415 - beside its only use

        path = Path(log)
        if path.is_absolute() and path.is_relative_to(self.folder.resolve()):
            path = path.relative_to(self.folder.resolve())
        return printable(path.as_posix())

    def _record(self, event: Event) -> None:
        with self._lock:
            self._write(event)

    def _write(self, event: Event) -> None:
        self._journal.append(event)
        self._draft.apply(event)


def _subject(subject: str | None) -> str | None:
    return None if subject is None else printable(subject)


def _refuse_double(facts: Mapping[str, Any]) -> None:
    for said in (facts["backend_version"], *facts["config"].values()):
        if is_double(str(said)):
            raise MeasurementError(
                f"the backend {facts['backend']} is a double here ({said}), and nothing is measured on it",
                fix="use the real program: unset the variable that names the double",
            )


def _checked(value: float, where: str, *, signed: bool = False, positive: bool = False) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise MeasurementError(f"{where}: {value!r} is no number") from error
    if not math.isfinite(number):
        raise MeasurementError(f"{where}: {number} is no measurement")
    if number < 0 and not signed:
        raise MeasurementError(f"{where}: {number} cannot be negative", fix="say signed=True if it can")
    if positive and not number:
        raise MeasurementError(f"{where}: it must be more than zero")
    return number
