"""Whether two runs may be compared at all, and whether what changed between them is the machines'."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.counted import counted
from harness.errors import HostMoved, RunIncomplete, UnlikeRuns
from harness.gate import words
from harness.host.facts import STABLE

if TYPE_CHECKING:
    from harness.gate.model import Decision
    from harness.results.models import Run, Subject


def check_alike(before: Run, after: Run) -> None:
    """Raise UnlikeRuns where the hosts, or a subject of both, have other fingerprints."""
    unlike = unlike_fingerprints(before, after)
    if unlike:
        more = f" (and {len(unlike) - 1} more)" if len(unlike) > 1 else ""
        raise UnlikeRuns(
            f"{before.id} and {after.id} are not alike: {unlike[0]}{more}",
            fix="measure both on one host with one configuration, or, where the difference is what you are after, "
            "say --allow-unlike",
            unlike=unlike,
        )


def check_complete(before: Run, after: Run) -> None:
    """Raise RunIncomplete where either was interrupted."""
    for run in (before, after):
        if run.unfinished:
            raise RunIncomplete(
                f"{run.id} was interrupted after {counted(run.sample_count, 'sample')}",
                fix="measure again, or gate what it measured with --allow-incomplete",
                run=run.id,
            )


CROWDED = 0.35
"""A share of the host's CPU time that others have, from which on its machines lose too: on a host of two cores
(``tests/selfbench/data``, 235 boots of each architecture) the median of boots during which they have less is within 4 %
of that of the quiet ones; with a third to a half it is 1.1 to 1.4 times as long, with more up to 3.8 times."""


def check_host_stayed(decision: Decision, run: Run) -> None:
    """Raise HostMoved where machines became worse and the host without them did too, or others had too much of it.

    What runs on a host loses with it, each metric by a share of its own, so no test can tell the machines' part. Of
    real samples of unchanged machines on a shared host, split by time into 20 + 20, a quarter of the gates fails; of
    those in which the host itself did not become worse, one in twenty (``tests/selfbench/data``).
    """
    if not decision.regressed or decision.failed:
        return
    lost = [each for each in decision.host if each.verdict == "regressed"]
    others = noise_score(run)
    if lost:
        loss = f"so did the host: {words.without_a_guest(max(lost, key=lambda each: each.worse))}"
    elif others >= CROWDED:
        loss = f"others had {others:.0%} of the host's CPU time meanwhile"
    else:
        return
    raise HostMoved(
        f"{counted(len(decision.regressed), 'metric')} of the machines became worse, and {loss}",
        fix="measure both in turns, where a host that moves moves both: `visorbench ab`; or measure again when it "
        "is as quiet as it was. --allow-unlike judges all the same",
        host=[each.name for each in lost],
    )


def noise_score(run: Run) -> float:
    """The share of the host's CPU time that others had while it was measured; 0 where nobody looked."""
    score = run.run.host.facts.get("noise_score")
    return float(score) if isinstance(score, (int, float)) else 0.0


def unlike_fingerprints(before: Run, after: Run) -> list[str]:
    """A sentence for the hosts, and for each subject of both runs, whose fingerprints differ."""
    sentences = []
    if before.run.host.fingerprint != after.run.host.fingerprint:
        differing = _differences(stable_facts(before), stable_facts(after))
        sentences.append(f"the hosts differ: {differing or 'their fingerprints do'}")
    old = {subject.id: subject for subject in before.subjects}
    for subject in after.subjects:
        if subject.id in old and old[subject.id].fingerprint != subject.fingerprint:
            differing = _differences(subject_facts(old[subject.id]), subject_facts(subject))
            sentences.append(
                f"{subject.id} differs: {differing or 'its fingerprint does (the guest, for one)'}"
            )
    return sentences


def other_builds(before: Run, after: Run) -> list[str]:
    """A sentence for each subject with one fingerprint in both runs whose program is another build of one version."""
    old = {subject.id: subject for subject in before.subjects}
    return [
        f"{subject.id} runs on another build of {subject.backend_version}: {was} became {now}"
        for subject in after.subjects
        if subject.id in old and old[subject.id].fingerprint == subject.fingerprint
        if (was := old[subject.id].config.get("build"))
        and (now := subject.config.get("build"))
        and was != now
    ]


def stable_facts(run: Run) -> dict[str, Any]:
    """What can tell two hosts apart. Load and free memory differ between any two runs: they explain no fingerprint."""
    return {name: value for name, value in run.run.host.facts.items() if name in {*STABLE, "memory_mib"}}


def subject_facts(subject: Subject) -> dict[str, Any]:
    """What can tell two subjects of one id apart."""
    return {
        "version": subject.backend_version,
        "guest": subject.guest,
        "arch": subject.arch,
        **subject.config,
    }


def _differences(old: dict[str, Any], new: dict[str, Any]) -> str:
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return ", ".join(f"{name} {old.get(name)!r} became {new.get(name)!r}"[:200] for name in names[:6])
