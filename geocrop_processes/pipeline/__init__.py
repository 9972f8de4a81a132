"""The jobs: each reads from top to bottom, block by block; none knows the queue."""
