"""The harness's own benchmarks: ``nox -s selfbench [-- NAME …]``.

One file for each; each has a function ``run() -> Result``. A speed is a ratio against a peer in the same run, so that
a busy machine slows both sides.
"""
