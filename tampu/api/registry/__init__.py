"""The dialect of Docker's and OCI's registries, the half that pulls: `/v2/...`."""
