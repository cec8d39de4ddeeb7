"""Virtual patients: populations, individual variability and the draws that make a person."""
