"""From a run to pages, pictures and tables."""
