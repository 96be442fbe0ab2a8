"""What actions do when their events arrive and that is worth a file of its own, imported by runs that do it only."""
