"""The pytest plugin: fixtures, markers, progress, the run that a session becomes."""
