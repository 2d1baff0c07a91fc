"""Making ``dataset.json`` from data sets, folders and videos as they are found on disk."""
