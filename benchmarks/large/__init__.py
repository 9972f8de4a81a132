"""One job of thousands of blocks on a real service: memory over time, true progress, and a full stop in its middle."""
