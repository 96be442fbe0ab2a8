"""Text that the kernel formats, for the places where a program hands it a format: an iterator's file, the trace."""
