"""What the suites of real clients share: cases, servers, keys, and the ways to spoil a proof."""
