"""The training loop and what it joins."""
