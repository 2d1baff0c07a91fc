"""Where results of frames go; see ``vstc.inference.results.ResultSink``."""
