"""What lets programs written for other versions run: old module paths, names and arguments."""
