"""Computations that pages need and that deserve a test."""
