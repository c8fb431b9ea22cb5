"""Records and the files that hold them, the table of relations, images on the disk."""
