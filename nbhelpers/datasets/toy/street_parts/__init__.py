"""How the toy street is drawn: paint, canvas, ground, plots, furniture, cars and people, photograph."""
