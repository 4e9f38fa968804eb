"""Whether one run is worse than another: the decision, and what people and CI servers are told of it."""
