"""What is measured: one file per group of metrics that are counted together."""
