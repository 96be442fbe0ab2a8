"""What probe types of the kernel ask as they match and are listed: arguments and records, by BTF and tracefs."""
