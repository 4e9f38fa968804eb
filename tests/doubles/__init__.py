"""Stand-ins for what cannot run here: they take and say exactly what the real ones do, and misbehave when told."""
