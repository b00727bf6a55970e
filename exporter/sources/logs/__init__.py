"""Log files: which there are, where reading left off, what their lines mean, and the counters made of them."""
