"""Recurrent operators: LSTM, GRU, RNN, the loops that they are, and what they compute."""
