"""One file for each version of the schema; none is ever changed after a release."""
