"""UTM's machines on this Mac: what UTM has on record, how they are configured, and what really runs."""
