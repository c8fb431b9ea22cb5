"""What is read and written: records, relations, files, pictures."""
