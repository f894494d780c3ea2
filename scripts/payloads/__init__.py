"""The sources of ``make_payloads``, and the code that writes the types."""
