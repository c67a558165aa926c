"""Foreign formats: importers make a `Site` of what others wrote, exporters files of a placement."""
