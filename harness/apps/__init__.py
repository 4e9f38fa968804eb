"""Desktop applications: how big they are, how soon they show a window, and what they cost while they do nothing."""
