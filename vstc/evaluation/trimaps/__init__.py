"""Judge trimaps: against true ones of several widths, over time, and by the mattes they give."""
