"""`mibench report`: what was measured as one HTML file that needs nothing else; knows no task by name."""
