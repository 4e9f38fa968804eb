"""Whether a results store can be used, found out in a process of its own, where SQLAlchemy may load."""

from __future__ import annotations

import sys

from harness.errors import StoreError
from harness.host.apart import Apart


class StoreCheck:
    """Of the store with a SQLAlchemy URL, or the default one."""

    def open(self, url: str | None) -> None:
        """Open and close it, before anything is measured; raises what Store raises, of what is lost yet nothing."""
        from harness.results.store import Store  # noqa: PLC0415 - heavy
        from harness.results.store_engine import KEPT  # noqa: PLC0415

        try:
            Store(url).close()
        except StoreError as error:  # nothing is kept that could be saved again
            own = (error.fix or "").removesuffix(KEPT).rstrip("; ")
            error.fix = own if "--store" in own else f"{own or 'repair it'}, or name another with --store URL"
            raise


def check_store(url: str | None) -> None:
    """As :meth:`StoreCheck.open`."""
    if sys.platform == "win32":  # a process cannot be talked to like this there
        StoreCheck().open(url)
        return
    with Apart(StoreCheck, "check of the results store") as check:
        check.call(StoreCheck.open, url)
