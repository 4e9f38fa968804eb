"""visorbench.toml, VISORBENCH_* and the command line, as frozen models."""
