"""Proving a conversion: both sides run on the same inputs, every layer compared.

`feeds` makes the inputs, `compare` holds two values against each other, `report` is the result,
`run` chooses the engines and puts it together.
"""
