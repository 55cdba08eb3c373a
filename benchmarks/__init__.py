"""What Tampu claims about speed and memory, measured against the bare engine in the same run: `make bench`."""
