"""What probe types of programs and libraries ask as they match: files, functions, DWARF, markers."""
