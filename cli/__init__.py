"""The command `pybpftrace`: what its words mean, what it prints about a compilation, and how a run is put together."""
