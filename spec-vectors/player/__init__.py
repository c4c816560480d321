"""Plays the scenarios of broker/ and transport/ against a broker. Standard library only."""
