"""What exporters share: options, hosts with their ranks, scripts, tables, and the folder that is written."""
