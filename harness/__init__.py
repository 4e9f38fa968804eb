"""VisorBench: boots reference guests on every hypervisor a machine offers and measures what each costs."""

__version__ = "0.1.0"
