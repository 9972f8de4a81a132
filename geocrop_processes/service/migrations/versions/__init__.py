"""The revisions, from the oldest."""
