"""The models folder: blobs, manifests and what they mean as models."""
