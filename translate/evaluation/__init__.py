"""Running models over data and over the clock: quality reports and speed measurements."""
