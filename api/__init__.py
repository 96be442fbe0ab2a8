"""What `import pybpftrace` offers, and what the command is a thin layer on: compiling, attaching, events, maps."""
