"""Loads the plugin, so that plain ``pytest scenarios -k boot`` measures."""

pytest_plugins = ["harness.plugin"]
