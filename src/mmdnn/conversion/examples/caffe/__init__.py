"""Trying networks that were converted to Caffe."""
