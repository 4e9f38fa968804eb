"""Machines that somebody else started: measured while they run, and left as they were found."""
