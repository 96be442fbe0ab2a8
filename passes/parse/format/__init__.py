"""The layout of scripts: a tree and its comments become text again."""
