"""Teacher tables from and for others: the files of the MaKD authors."""
