"""Tables of names, plain data, that are looked at only when a script asks for one of them."""
