"""The parts of the vector generator. Run generate.py in the folder above."""
