"""What a grievance is made of: sealing, tracking codes, proof of work. Pure, but for the randomness it is given."""
