"""Samples for developers: every main call in every language, made from the OpenAPI document and a few recipes.

recipes.py: what is done, as data. languages.py: how a request is written in a language, by the templates in forms/.
verify/: how a webhook's signature is checked, written by hand. document.py: both as the schema and the page show them.
"""
