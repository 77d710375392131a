"""The platform alive: a case from the store, plans that follow the clock, a field that carries them out."""
