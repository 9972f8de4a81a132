"""How good the learners are on real data, beside a random forest and published figures: docs/accuracy.md."""
