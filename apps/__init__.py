"""The rooms of Heliograph. See README.md beside this file for the map, the floors and the walk."""
