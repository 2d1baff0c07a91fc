"""Exported programs: networks as ``torch.export`` stores them, written, read and run safely."""
