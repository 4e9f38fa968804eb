"""What people and CI run: ``nox -s bench | tests | coverage | lint | selfbench | fuzz | gate | publish``.

Every session shares one environment, made from the lock file once and again only when the lock changes, so that a
second run needs no network. System packages are installed where that is allowed; see ``visorbench setup``.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nox

nox.needs_version = ">=2026.7.11"
nox.options.sessions = ["tests", "lint"]

LOCK = Path(".ci/requirements.lock")
ENVIRONMENT = Path(".nox/visorbench").resolve()
PROGRAMS = ENVIRONMENT / ("Scripts" if sys.platform == "win32" else "bin")
IN_PARALLEL = ("--numprocesses=3", "--dist=worksteal", "-rfER")
"""Of tests, a third waits: for a guest, a deadline, a process to end."""
SOURCES = ("harness", "scenarios", "tests", "conftest.py", "noxfile.py")


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """Boot real guests, measure them against the host, write reports/latest/. Arguments go to `visorbench bench`."""
    prepare(session)
    run(session, "visorbench", "bench", *session.posargs)


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """The harness's own tests but the slow ones. Arguments go to pytest, in place of those that are here."""
    prepare(session)
    run(session, "pytest", "--timeout=300", *(session.posargs or [*IN_PARALLEL, "--durations=25"]))


@nox.session(venv_backend="none")
def coverage(session: nox.Session) -> None:
    """Every test, the slow ones too, and the lines of the harness that none of them runs: half an hour."""
    prepare(session)
    run(
        session,
        "pytest",
        "--timeout=600",
        *IN_PARALLEL,
        "--runslow",
        "--cov",
        "--cov-report=term:skip-covered",
    )


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """ruff, mypy --strict for this platform and for Windows, which no CI of ours runs, the layers, the workflows."""
    prepare(session, system_packages=False)
    run(session, "ruff", "check", *SOURCES)
    run(session, "ruff", "format", "--check", *SOURCES)
    windows = ("--platform=win32", "--no-warn-unreachable", "--cache-dir=.mypy_cache/windows")
    with ThreadPoolExecutor(2) as pool:  # each uses one core
        here, there = pool.submit(run, session, "mypy"), pool.submit(run, session, "mypy", *windows)
    here.result()
    there.result()
    run(session, "lint-imports")
    workflows = map(str, Path(".github/workflows").glob("*.yml"))
    run(session, "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)


@nox.session(venv_backend="none")
def selfbench(session: nox.Session) -> None:
    """The harness's own speed, as ratios against a peer in the same run. Arguments are the names to run."""
    prepare(session)
    run(session, "python", "-m", "tests.selfbench", *session.posargs)


@nox.session(venv_backend="none")
def fuzz(session: nox.Session) -> None:
    """Every reader of foreign bytes, ten minutes each. Arguments: names of readers, and --seconds S for each."""
    prepare(session, system_packages=False)
    run(session, "python", "-m", "tests.fuzz", *session.posargs)


@nox.session(venv_backend="none")
def gate(session: nox.Session) -> None:
    """Fail when a run is slower than its baseline. Arguments go to `visorbench gate`: -- --baseline main.json."""
    prepare(session, system_packages=False)
    run(session, "visorbench", "gate", *session.posargs)


@nox.session(venv_backend="none")
def publish(session: nox.Session) -> None:
    """Write a site of every run to site/, or add to it what is new. Arguments go to `visorbench publish`."""
    prepare(session, system_packages=False)
    run(session, "visorbench", "publish", *(session.posargs or ["site"]))


def prepare(session: nox.Session, *, system_packages: bool = True) -> None:
    """Bring the shared environment up to the lock file, and the host up to what `visorbench setup` asks for."""
    stamp = ENVIRONMENT / "visorbench-installed"
    wanted = hashlib.sha256(
        LOCK.read_bytes() + Path("pyproject.toml").read_bytes() + sys.version.encode()
    ).hexdigest()
    if not stamp.is_file() or stamp.read_text() != wanted:
        # virtualenv comes with nox, so that this works where the system's own venv module does not.
        session.run(sys.executable, "-m", "virtualenv", "--quiet", "--clear", str(ENVIRONMENT), external=True)
        install(session, "--require-hashes", "-r", str(LOCK))
        install(session, "--no-deps", "--no-build-isolation", "-e", ".")
        stamp.write_text(wanted)
    if system_packages:
        run(session, "visorbench", "setup", "--yes")


def install(session: nox.Session, *arguments: str) -> None:
    """By uv where there is one, which takes a third of pip's time, and by pip where that cannot.

    uv ignores pip's configuration, of an index for one. Both compile what they install: nothing is compiled while
    something is timed.
    """
    beside_nox = Path(sys.executable).parent
    if uv := shutil.which("uv", path=beside_nox) or shutil.which("uv"):
        into = ("--quiet", "--compile-bytecode", "--python", str(ENVIRONMENT))
        try:
            session.run(uv, "pip", "install", *into, *arguments, external=True)
        except (nox.command.CommandFailed, OSError):
            session.warn("uv could not: asking pip")
        else:
            return
    run(session, "python", "-m", "pip", "install", "--quiet", *arguments)


def run(session: nox.Session, program: str, *arguments: str) -> None:
    """Run a program of the environment; usage errors and what the host lacks end nox with that exit code.

    nox itself would say 1 for everything; and would kill after 0.3 s of Ctrl-C what needs 3 s to clean up.
    """
    try:
        session.run(
            str(PROGRAMS / program), *arguments, external=True, interrupt_timeout=10, terminate_timeout=5,
            env={"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        )  # fmt: skip
    except nox.command.CommandFailed as failure:
        if failure.return_code in {2, 3, 4}:
            sys.exit(failure.return_code)
        raise
