"""Machines that live at random for hours, and what is left of them afterwards."""
