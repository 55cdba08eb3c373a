"""What this machine has: processors, memory and the limits on them."""
