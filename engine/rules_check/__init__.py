"""What the rules of one run need, and how often their conditions were true in its window."""
