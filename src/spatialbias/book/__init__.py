"""The book's machinery: which pages there are, executing them, building the HTML and checking
it.
"""
