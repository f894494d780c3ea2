"""What ``make_payloads`` reads, and how it writes types."""
