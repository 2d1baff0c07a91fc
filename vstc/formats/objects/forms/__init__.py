"""Instance masks in the files of other programs: a module for each form, to read and to write."""
