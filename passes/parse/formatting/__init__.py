"""How a script is laid out: what `--fmt` makes of a tree and its comments."""
