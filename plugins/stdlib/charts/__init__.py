"""Maps that are drawn over many lines, imported by runs that show one."""
