"""What every test of the harness shares."""

from hypothesis import settings

settings.register_profile("visorbench", deadline=None)  # a busy host is no failure
settings.load_profile("visorbench")
