"""The tracing tools, one script each with an example of its output; found by name from anywhere."""
