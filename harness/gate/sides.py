"""The two sides of an A/B as two runs, so that whatever compares runs compares them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.results.models import Run, Subject

_OWN = ("label", "side", "pair")
"""What a subject's configuration says of its side, and of nothing else."""


def split(run: Run) -> tuple[Run, Run]:
    """A and B: subjects that are compared share an id. Natives are left out: the two sides had them in common.

    Raises UsageError for a run that has no sides.
    """
    sided = [subject for subject in run.subjects if subject.config.get("side")]
    if not sided:
        raise UsageError(f"{run.id} compared no two sides", fix="`visorbench ab` makes a run that did")
    names = _common_names(sided)
    return _side(run, "A", names), _side(run, "B", names)


def _common_names(sided: Iterable[Subject]) -> dict[str, str]:
    """Subject id → what it is called on both sides: what of backend, architecture and guest both have."""
    pairs: dict[tuple[str, str], list[Subject]] = {}
    for subject in sided:
        pairs.setdefault((str(subject.config.get("pair")), _variant(subject)), []).append(subject)
    names: dict[str, str] = {}
    for (pair, variant), both in pairs.items():
        parts = zip(*map(_parts, both), strict=True)
        common = "-".join(each[0] for each in parts if len(set(each)) == 1 and each[0])
        name = f"{common or pair}{variant}"
        taken = set(names.values())
        names |= {subject.id: f"{name}~{pair}" if name in taken else name for subject in both}
    return names


def _parts(subject: Subject) -> tuple[str, str, str]:
    return subject.backend, subject.arch, subject.guest or ""


def _variant(subject: Subject) -> str:
    """What its id has after its side: ``-pc`` of ``tcg-x86-64-tiny-A-pc``."""
    base = "-".join(part for part in (*_parts(subject), str(subject.config["side"])) if part)
    return subject.id.removeprefix(base)


def _side(run: Run, side: str, names: dict[str, str]) -> Run:
    own = {subject.id: subject for subject in run.subjects if subject.config.get("side") == side}
    others = names.keys() - own.keys()
    return run.model_copy(
        update={
            "run": run.run.model_copy(update={"id": f"{side} of {run.id}"}),
            "subjects": tuple(
                subject.model_copy(
                    update={
                        "id": names[subject.id],
                        "config": {key: value for key, value in subject.config.items() if key not in _OWN},
                        "baseline": None,
                    }
                )
                for subject in own.values()
            ),
            "series": tuple(
                series.model_copy(update={"subject": names[series.subject], "native": None})
                for series in run.series
                if series.subject in own
            ),
            "failed": tuple(
                failure.model_copy(update={"subject": names.get(failure.subject or "", failure.subject)})
                for failure in run.failed
                if failure.subject not in others
            ),
            "skipped": (),
            "pictures": (),
        }
    )
