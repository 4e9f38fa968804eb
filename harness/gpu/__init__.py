"""GPU workloads: what ``vb-gpu`` reports, what is computed from it, and which renderer it was."""
