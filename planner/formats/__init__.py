"""Foreign formats: importers make a `Site` of what others wrote, exporters files of a placement.

====================== ==============================================================================
`importing`            the way in: foreign files to the text of a topology file
`importers`            one module a foreign format, which reads it
`reading`              what importers share
`site`                 what they make of it, and what becomes of that: joined, derived, written up
`exporting`            the way out: a placement to the files of a launcher
`exporters`            one module a launcher's format, which writes it
`topology_exporters`   one module a format of topologies, which writes it
`writing`              what exporters share
`jobside`              programs that run inside the job, which exporters copy beside their files
`rank_lists`           the way back: a launcher's list of ranks to a placement
`hostlist`, `lanes`    notations that are both read and written
`hostnames`            whether two names mean the same host
====================== ==============================================================================
"""
